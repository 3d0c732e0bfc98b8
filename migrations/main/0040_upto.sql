-- min_code_version: 1
-- Payments whose payer signed for the most that may be charged (x402's `upto`).

-- 3 is `upto`: after the nonce come the most and the wallet that alone may take it, a word each. Such a tx leaves from that
-- wallet, and fills none.
ALTER TABLE tx DROP CONSTRAINT tx_payer_authorization,
  ADD CONSTRAINT tx_payer_authorization CHECK (payer_authorization IS NULL OR (token IS NOT NULL
    AND octet_length(payer_authorization) BETWEEN 118 AND 4097 AND (get_byte(payer_authorization, 0) IN (1, 2)
      OR (get_byte(payer_authorization, 0) = 3 AND octet_length(payer_authorization) >= 182)))),
  DROP CONSTRAINT tx_own_lanes,
  ADD CONSTRAINT tx_own_lanes CHECK ((from_lane IS NOT NULL)
    = (to_lane IS NOT NULL OR coalesce(get_byte(payer_authorization, 0) = 3, false)));

-- `amount` is what was signed; `charged` what its merchant asked for in the end, written once.
ALTER TABLE payment DROP CONSTRAINT payment_method_check,
  ADD CONSTRAINT payment_method_check CHECK (method IN ('eip3009', 'permit2', 'upto')),
  ADD facilitator bytea CHECK (octet_length(facilitator) = 20),
  ADD charged numeric(78, 0),
  ADD CONSTRAINT payment_facilitator CHECK ((facilitator IS NOT NULL) = (method IS NOT DISTINCT FROM 'upto')),
  ADD CONSTRAINT payment_charged CHECK ((method IS NOT DISTINCT FROM 'upto' OR (charged IS NULL AND status <> 'VOIDED'))
    AND (charged IS NULL OR (charged BETWEEN 0 AND amount AND (charged = 0) = (status = 'VOIDED') AND status NOT IN ('AUTH_SIGNED', 'DUPLICATE_REQUEST')))
    AND (charged IS NOT NULL OR method IS DISTINCT FROM 'upto'
      OR status IN ('AUTH_SIGNED', 'AUTH_VERIFIED', 'AUTH_REJECTED', 'DUPLICATE_REQUEST', 'EXPIRED'))),
  DROP CONSTRAINT payment_refunded,
  ADD CONSTRAINT payment_refunded CHECK (refunded BETWEEN 0 AND coalesce(charged, amount));
GRANT UPDATE (charged) ON payment TO payonce_app;

CREATE FUNCTION payment_charged_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'payment %: % was charged, and stays so', OLD.payment_id, OLD.charged
    USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_charged_once';
END $$;
CREATE TRIGGER payment_charged_once BEFORE UPDATE OF charged ON payment FOR EACH ROW
  WHEN (OLD.charged IS NOT NULL AND NEW.charged IS DISTINCT FROM OLD.charged) EXECUTE FUNCTION payment_charged_once();

-- What was charged nothing is over: no other charge comes after it.
INSERT INTO state_transition (machine, from_state, to_state) VALUES ('payment', 'AUTH_VERIFIED', 'VOIDED');
ALTER TABLE payment DROP CONSTRAINT payment_status,
  ADD CONSTRAINT payment_status CHECK (status IN ('REQUESTED', 'CHALLENGED', 'AUTH_SIGNED', 'AUTH_VERIFIED', 'RESERVED', 'BROADCASTED', 'INCLUDED', 'FINALIZED', 'LEDGER_COMMITTED', 'SETTLED', 'REVERSED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED', 'VOIDED', 'AUTH_REJECTED', 'DUPLICATE_REQUEST', 'CHAIN_FAILED', 'EXPIRED'));
