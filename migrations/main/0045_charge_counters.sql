-- min_code_version: 1
-- A charge names each counter once. Which of its limits count on which is told by their dimension, of which a
-- subject has one counter: seven limits of a usual document are on four.
ALTER TABLE policy_charge DROP CONSTRAINT policy_charge_check,
  ADD CONSTRAINT policy_charge_lists CHECK (cardinality(counter_ids) BETWEEN 1 AND 1000
    AND cardinality(limit_nos) BETWEEN cardinality(counter_ids) AND 1000);
