-- queue/nothing-died
-- No job has died; one that has waits for a person.
-- asks: main
SELECT 'job ' || topic || ' ' || subject_id AS subject, 'dead after ' || attempts || ' attempts: ' || reason AS found, 'no dead letter' AS expected
FROM dead_letter
