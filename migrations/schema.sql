-- Written by scripts/schema-picture.ts from the catalogue; a test compares.

-- The main database.

CREATE TABLE account (
  tenant_id uuid NOT NULL,
  name text NOT NULL,
  blocked_reason text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT account_name_check CHECK ((name ~ '^[A-Za-z0-9._:-]{1,128}$'::text)),
  CONSTRAINT account_pkey PRIMARY KEY (tenant_id, name),
  CONSTRAINT account_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);
GRANT INSERT, SELECT ON account TO payonce_app;
GRANT UPDATE (blocked_reason) ON account TO payonce_app;

CREATE TABLE address_book_entry (
  entry_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  address bytea NOT NULL,
  account text,
  label text NOT NULL,
  added_by uuid NOT NULL,
  added_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  removed_by uuid,
  removed_at timestamp with time zone,
  CONSTRAINT address_book_entry_account_check CHECK ((account ~ '^[A-Za-z0-9._:-]{1,128}$'::text)),
  CONSTRAINT address_book_entry_added_by_fkey FOREIGN KEY (added_by) REFERENCES person(person_id),
  CONSTRAINT address_book_entry_address_check CHECK ((octet_length(address) = 20)),
  CONSTRAINT address_book_entry_check CHECK (((removed_at IS NULL) = (removed_by IS NULL))),
  CONSTRAINT address_book_entry_check1 CHECK ((removed_at >= added_at)),
  CONSTRAINT address_book_entry_label_check CHECK ((label <> ''::text)),
  CONSTRAINT address_book_entry_pkey PRIMARY KEY (entry_id),
  CONSTRAINT address_book_entry_removed_by_fkey FOREIGN KEY (removed_by) REFERENCES person(person_id),
  CONSTRAINT address_book_entry_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);
CREATE INDEX address_book_entry_ends ON public.address_book_entry USING btree (tenant_id, payonce_ends(address)) WHERE (removed_at IS NULL);
CREATE UNIQUE INDEX address_book_entry_once ON public.address_book_entry USING btree (tenant_id, address, COALESCE(account, ''::text)) WHERE (removed_at IS NULL);
GRANT INSERT (tenant_id, address, account, label, added_by) ON address_book_entry TO payonce_app;
GRANT SELECT ON address_book_entry TO payonce_app;
GRANT UPDATE (removed_by, removed_at) ON address_book_entry TO payonce_app;

CREATE TABLE api_key (
  key_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  name text NOT NULL,
  scopes text[] NOT NULL,
  allowed_networks cidr[] NOT NULL DEFAULT '{}'::cidr[],
  public_key bytea,
  require_signature boolean NOT NULL DEFAULT false,
  requests_per_second integer,
  burst integer,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  person_id uuid NOT NULL,
  CONSTRAINT api_key_burst_check CHECK ((burst > 0)),
  CONSTRAINT api_key_person_id_fkey FOREIGN KEY (person_id) REFERENCES person(person_id),
  CONSTRAINT api_key_pkey PRIMARY KEY (key_id),
  CONSTRAINT api_key_public_key_check CHECK ((octet_length(public_key) = 32)),
  CONSTRAINT api_key_rate CHECK (((requests_per_second IS NULL) = (burst IS NULL))),
  CONSTRAINT api_key_requests_per_second_check CHECK ((requests_per_second > 0)),
  CONSTRAINT api_key_signature CHECK (((public_key IS NOT NULL) OR (NOT require_signature))),
  CONSTRAINT api_key_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);
CREATE INDEX api_key_person ON public.api_key USING btree (person_id);
CREATE INDEX api_key_tenant ON public.api_key USING btree (tenant_id, key_id);
CREATE TRIGGER api_key_person BEFORE INSERT ON public.api_key FOR EACH ROW EXECUTE FUNCTION payonce_key_person();
GRANT INSERT, SELECT ON api_key TO payonce_app;
GRANT UPDATE (revoked_at) ON api_key TO payonce_app;

CREATE TABLE api_key_secret (
  key_hash bytea NOT NULL,
  key_id uuid NOT NULL,
  prefix text NOT NULL,
  valid_until timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT api_key_secret_key_hash_check CHECK ((octet_length(key_hash) = 32)),
  CONSTRAINT api_key_secret_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_key(key_id),
  CONSTRAINT api_key_secret_pkey PRIMARY KEY (key_hash)
);
CREATE INDEX api_key_secret_key ON public.api_key_secret USING btree (key_id);
CREATE UNIQUE INDEX api_key_secret_last ON public.api_key_secret USING btree (key_id) WHERE (valid_until IS NULL);
GRANT INSERT, SELECT ON api_key_secret TO payonce_app;
GRANT UPDATE (valid_until) ON api_key_secret TO payonce_app;

CREATE TABLE api_key_use (
  key_id uuid NOT NULL,
  last_used_at timestamp with time zone NOT NULL,
  last_used_from inet,
  CONSTRAINT api_key_use_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_key(key_id),
  CONSTRAINT api_key_use_pkey PRIMARY KEY (key_id)
) WITH (fillfactor=50);
GRANT INSERT, SELECT, UPDATE ON api_key_use TO payonce_app;

CREATE TABLE approval (
  approval_id uuid NOT NULL DEFAULT payonce_uuid7(),
  request_id uuid NOT NULL,
  approver_id text NOT NULL,
  signature bytea NOT NULL,
  authenticator_data bytea,
  client_data bytea,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT approval_authenticator_data_check CHECK (((octet_length(authenticator_data) >= 37) AND (octet_length(authenticator_data) <= 4096))),
  CONSTRAINT approval_client_data_check CHECK (((octet_length(client_data) >= 2) AND (octet_length(client_data) <= 4096))),
  CONSTRAINT approval_passkey CHECK (((authenticator_data IS NULL) = (client_data IS NULL))),
  CONSTRAINT approval_pkey PRIMARY KEY (approval_id),
  CONSTRAINT approval_request_id_approver_id_key UNIQUE (request_id, approver_id),
  CONSTRAINT approval_request_id_fkey FOREIGN KEY (request_id) REFERENCES approval_request(request_id),
  CONSTRAINT approval_signature_check CHECK (((octet_length(signature) >= 1) AND (octet_length(signature) <= 512)))
);
GRANT INSERT, SELECT ON approval TO payonce_app;
GRANT SELECT ON approval TO payonce_signer;

CREATE TABLE approval_consumed (
  approval_id uuid NOT NULL,
  tx_id uuid NOT NULL,
  CONSTRAINT approval_consumed_approval_id_fkey FOREIGN KEY (approval_id) REFERENCES approval(approval_id),
  CONSTRAINT approval_consumed_pkey PRIMARY KEY (approval_id)
);
GRANT INSERT, SELECT ON approval_consumed TO payonce_app;
GRANT SELECT ON approval_consumed TO payonce_signer;

CREATE TABLE approval_rejection (
  request_id uuid NOT NULL,
  rejected_by text NOT NULL,
  reason text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT approval_rejection_pkey PRIMARY KEY (request_id),
  CONSTRAINT approval_rejection_reason_check CHECK ((reason <> ''::text)),
  CONSTRAINT approval_rejection_request_id_fkey FOREIGN KEY (request_id) REFERENCES approval_request(request_id)
);
GRANT INSERT, SELECT ON approval_rejection TO payonce_app;

CREATE TABLE approval_request (
  request_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  requirements jsonb NOT NULL,
  wallet_group text NOT NULL,
  chain_id bigint NOT NULL,
  asset text NOT NULL,
  recipient bytea NOT NULL,
  amount numeric(78,0) NOT NULL,
  fee_cap numeric(78,0) NOT NULL,
  intent_id bytea NOT NULL,
  policy_version text NOT NULL,
  initiator text NOT NULL,
  expiry bigint NOT NULL,
  correlation_id text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  status text NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  owner_kind text,
  CONSTRAINT approval_request_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT approval_request_decision_id_key UNIQUE (decision_id),
  CONSTRAINT approval_request_expiry_check CHECK ((expiry > 0)),
  CONSTRAINT approval_request_fee_cap_check CHECK ((fee_cap > (0)::numeric)),
  CONSTRAINT approval_request_intent_id_check CHECK ((octet_length(intent_id) = 32)),
  CONSTRAINT approval_request_owner_kind_check CHECK ((owner_kind = 'payment'::text)),
  CONSTRAINT approval_request_pkey PRIMARY KEY (request_id),
  CONSTRAINT approval_request_recipient_check CHECK ((octet_length(recipient) = 20)),
  CONSTRAINT approval_request_status CHECK ((status = ANY (ARRAY['PENDING'::text, 'APPROVED'::text, 'REJECTED'::text, 'EXPIRED'::text, 'CANCELLED'::text])))
);
CREATE INDEX approval_request_owner ON public.approval_request USING btree (owner_id);
CREATE UNIQUE INDEX approval_request_pending ON public.approval_request USING btree (owner_id) WHERE (status = 'PENDING'::text);
CREATE INDEX approval_request_tenant ON public.approval_request USING btree (tenant_id, request_id);
CREATE TRIGGER approval_insert AFTER INSERT ON public.approval_request REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION approval_insert_check();
CREATE TRIGGER approval_update AFTER UPDATE ON public.approval_request REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION approval_update_check();
GRANT INSERT, SELECT ON approval_request TO payonce_app;
GRANT UPDATE (status, updated_at) ON approval_request TO payonce_app;
GRANT SELECT ON approval_request TO payonce_signer;

CREATE TABLE arrival (
  chain_id bigint NOT NULL,
  tx_hash bytea NOT NULL,
  log_index integer NOT NULL,
  lane_id integer NOT NULL,
  asset text NOT NULL,
  amount numeric(78,0) NOT NULL,
  sender bytea NOT NULL,
  block_number bigint NOT NULL,
  transfer_id uuid,
  seen_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT arrival_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT arrival_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lane(lane_id),
  CONSTRAINT arrival_log_index_check CHECK ((log_index >= 0)),
  CONSTRAINT arrival_pkey PRIMARY KEY (tx_hash, log_index, chain_id),
  CONSTRAINT arrival_sender_check CHECK ((octet_length(sender) = 20)),
  CONSTRAINT arrival_tx_hash_check CHECK ((octet_length(tx_hash) = 32))
);
CREATE INDEX arrival_open ON public.arrival USING btree (lane_id) WHERE (transfer_id IS NULL);
GRANT INSERT, SELECT ON arrival TO payonce_app;
GRANT UPDATE (transfer_id) ON arrival TO payonce_app;

CREATE TABLE attempt (
  attempt_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  lane_id integer NOT NULL,
  nonce bigint NOT NULL,
  ordinal integer NOT NULL,
  chain_id bigint NOT NULL,
  tx_id uuid NOT NULL,
  kind text NOT NULL,
  tx_hash bytea NOT NULL,
  max_fee_per_gas numeric(78,0) NOT NULL,
  max_priority_fee_per_gas numeric(78,0) NOT NULL,
  first_sent_at timestamp with time zone,
  last_sent_at timestamp with time zone,
  accepted_at timestamp with time zone,
  sends integer NOT NULL DEFAULT 0,
  last_answer text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT attempt_kind_check CHECK ((kind = ANY (ARRAY['effect'::text, 'filler'::text]))),
  CONSTRAINT attempt_lane_id_nonce_ordinal_key UNIQUE (lane_id, nonce, ordinal),
  CONSTRAINT attempt_pkey PRIMARY KEY (attempt_id),
  CONSTRAINT attempt_tx_hash_chain_id_key UNIQUE (tx_hash, chain_id),
  CONSTRAINT attempt_tx_hash_check CHECK ((octet_length(tx_hash) = 32))
) WITH (fillfactor=45);
GRANT INSERT, SELECT ON attempt TO payonce_app;
GRANT UPDATE (first_sent_at, last_sent_at, accepted_at, sends, last_answer) ON attempt TO payonce_app;

CREATE TABLE audit_block (
  height bigint NOT NULL,
  previous_hash bytea NOT NULL,
  from_id uuid NOT NULL,
  to_id uuid NOT NULL,
  counts json NOT NULL,
  merkle_root bytea NOT NULL,
  journal_height bigint NOT NULL,
  journal_hash bytea NOT NULL,
  sealed_at timestamp with time zone NOT NULL,
  leaves bytea NOT NULL,
  CONSTRAINT audit_block_check CHECK ((from_id < to_id)),
  CONSTRAINT audit_block_height_check CHECK ((height > 0)),
  CONSTRAINT audit_block_journal_hash_check CHECK ((octet_length(journal_hash) = 32)),
  CONSTRAINT audit_block_leaves_check CHECK ((((octet_length(leaves) % 48) = 0) AND (octet_length(leaves) > 0))),
  CONSTRAINT audit_block_merkle_root_check CHECK ((octet_length(merkle_root) = 32)),
  CONSTRAINT audit_block_pkey PRIMARY KEY (height),
  CONSTRAINT audit_block_previous_hash_check CHECK ((octet_length(previous_hash) = 32))
);
GRANT INSERT, SELECT ON audit_block TO payonce_app;
GRANT SELECT (height, previous_hash, from_id, to_id, counts, merkle_root, journal_height, journal_hash, sealed_at) ON audit_block TO payonce_signer;

CREATE TABLE audit_entry (
  entry_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid,
  action text NOT NULL,
  actor text NOT NULL,
  subject text,
  correlation_id text,
  detail jsonb NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT audit_entry_action_check CHECK ((action ~ '^[a-z_]+(\.[a-z_]+)+$'::text)),
  CONSTRAINT audit_entry_actor_check CHECK ((actor <> ''::text)),
  CONSTRAINT audit_entry_pkey PRIMARY KEY (entry_id)
) PARTITION BY RANGE (entry_id);
CREATE INDEX audit_entry_by_tenant ON ONLY public.audit_entry USING btree (tenant_id, entry_id);
GRANT INSERT, SELECT ON audit_entry TO payonce_app;

CREATE TABLE audit_signature (
  height bigint NOT NULL,
  public_key bytea NOT NULL,
  signature bytea NOT NULL,
  signed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT audit_signature_height_fkey FOREIGN KEY (height) REFERENCES audit_block(height),
  CONSTRAINT audit_signature_pkey PRIMARY KEY (height),
  CONSTRAINT audit_signature_public_key_check CHECK ((octet_length(public_key) = 32)),
  CONSTRAINT audit_signature_signature_check CHECK ((octet_length(signature) = 64))
);
GRANT SELECT ON audit_signature TO payonce_app;
GRANT INSERT (height, public_key, signature) ON audit_signature TO payonce_signer;
GRANT SELECT ON audit_signature TO payonce_signer;

CREATE TABLE block (
  chain_id bigint NOT NULL,
  height bigint NOT NULL,
  hash bytea NOT NULL,
  parent_hash bytea NOT NULL,
  mined_at timestamp with time zone NOT NULL,
  base_fee_per_gas numeric(78,0),
  CONSTRAINT block_hash_check CHECK ((octet_length(hash) = 32)),
  CONSTRAINT block_parent_hash_check CHECK ((octet_length(parent_hash) = 32)),
  CONSTRAINT block_pkey PRIMARY KEY (chain_id, height)
);
GRANT DELETE, INSERT, SELECT ON block TO payonce_app;

CREATE TABLE break_action (
  action_id uuid NOT NULL DEFAULT payonce_uuid7(),
  break_id uuid NOT NULL,
  action text NOT NULL,
  evidence text NOT NULL,
  adjustments jsonb NOT NULL,
  transfer_ids uuid[] NOT NULL,
  proposed_by uuid NOT NULL,
  confirmed_by uuid NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT break_action_action_check CHECK ((action = ANY (ARRAY['commit'::text, 'release'::text, 'reverse'::text, 'adjust'::text]))),
  CONSTRAINT break_action_break_id_fkey FOREIGN KEY (break_id) REFERENCES reconciliation_break(break_id),
  CONSTRAINT break_action_confirmed_by_fkey FOREIGN KEY (confirmed_by) REFERENCES person(person_id),
  CONSTRAINT break_action_pkey PRIMARY KEY (action_id),
  CONSTRAINT break_action_proposed_by_fkey FOREIGN KEY (proposed_by) REFERENCES person(person_id),
  CONSTRAINT break_action_two_persons CHECK ((proposed_by <> confirmed_by))
);
CREATE INDEX break_action_break ON public.break_action USING btree (break_id, action_id);
GRANT INSERT, SELECT ON break_action TO payonce_app;

CREATE TABLE chain_head (
  chain_id bigint NOT NULL,
  latest bigint NOT NULL,
  safe bigint NOT NULL,
  finalized bigint NOT NULL,
  epoch bigint NOT NULL DEFAULT 0,
  lease_owner text,
  lease_until timestamp with time zone,
  halted_reason text,
  halted_at timestamp with time zone,
  reorgs bigint NOT NULL DEFAULT 0,
  advanced_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT chain_head_check CHECK (((finalized <= safe) AND (safe <= latest))),
  CONSTRAINT chain_head_pkey PRIMARY KEY (chain_id)
) WITH (fillfactor=50);
GRANT INSERT, SELECT ON chain_head TO payonce_app;
GRANT UPDATE (latest, safe, finalized, epoch, lease_owner, lease_until, halted_reason, halted_at, reorgs, advanced_at) ON chain_head TO payonce_app;
GRANT SELECT ON chain_head TO payonce_signer;

CREATE TABLE chain_resume (
  resume_id uuid NOT NULL DEFAULT payonce_uuid7(),
  chain_id bigint NOT NULL,
  halted_reason text NOT NULL,
  evidence text NOT NULL,
  proposed_by uuid NOT NULL,
  confirmed_by uuid NOT NULL,
  ordered_at timestamp with time zone NOT NULL DEFAULT now(),
  done_at timestamp with time zone,
  fork bigint,
  orphans integer,
  refusal text,
  CONSTRAINT chain_resume_chain_id_fkey FOREIGN KEY (chain_id) REFERENCES chain_head(chain_id),
  CONSTRAINT chain_resume_check CHECK (((done_at IS NULL) = ((fork IS NULL) AND (refusal IS NULL)))),
  CONSTRAINT chain_resume_confirmed_by_fkey FOREIGN KEY (confirmed_by) REFERENCES person(person_id),
  CONSTRAINT chain_resume_pkey PRIMARY KEY (resume_id),
  CONSTRAINT chain_resume_proposed_by_fkey FOREIGN KEY (proposed_by) REFERENCES person(person_id),
  CONSTRAINT chain_resume_two_persons CHECK ((proposed_by <> confirmed_by))
);
CREATE UNIQUE INDEX chain_resume_open ON public.chain_resume USING btree (chain_id) WHERE (done_at IS NULL);
GRANT INSERT, SELECT ON chain_resume TO payonce_app;
GRANT UPDATE (done_at, fork, orphans, refusal) ON chain_resume TO payonce_app;

CREATE TABLE challenge (
  challenge_id uuid NOT NULL DEFAULT payonce_uuid7(),
  endpoint_id uuid NOT NULL,
  request_hash bytea NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT challenge_pkey PRIMARY KEY (challenge_id),
  CONSTRAINT challenge_request_hash_check CHECK ((octet_length(request_hash) = 32))
);
CREATE INDEX challenge_expires ON public.challenge USING btree (expires_at);
GRANT DELETE, INSERT, SELECT ON challenge TO payonce_app;

CREATE TABLE check_run (
  check_name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  findings integer,
  lease_owner text,
  lease_until timestamp with time zone,
  CONSTRAINT check_run_pkey PRIMARY KEY (check_name)
);
GRANT INSERT, SELECT ON check_run TO payonce_app;
GRANT UPDATE (started_at, finished_at, findings, lease_owner, lease_until) ON check_run TO payonce_app;

CREATE TABLE dead_letter (
  topic text NOT NULL,
  subject_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  attempts integer NOT NULL,
  reason text NOT NULL,
  trace text,
  died_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT dead_letter_pkey PRIMARY KEY (topic, subject_id)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON dead_letter TO payonce_app;

CREATE TABLE decision (
  decision_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  policy_version text NOT NULL,
  verdict text NOT NULL,
  tier text,
  commit_at text,
  trace jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  inputs jsonb,
  sampled boolean NOT NULL DEFAULT false,
  CONSTRAINT decision_commit_at_check CHECK ((commit_at = ANY (ARRAY['safe'::text, 'finalized'::text]))),
  CONSTRAINT decision_pkey PRIMARY KEY (decision_id),
  CONSTRAINT decision_verdict_check CHECK ((verdict = ANY (ARRAY['allow'::text, 'deny'::text])))
);
CREATE INDEX decision_sampled ON public.decision USING btree (tenant_id, decision_id) WHERE sampled;
GRANT INSERT, SELECT ON decision TO payonce_app;
GRANT SELECT ON decision TO payonce_signer;

CREATE TABLE decision_consumed (
  decision_id uuid NOT NULL,
  tx_id uuid NOT NULL,
  CONSTRAINT decision_consumed_pkey PRIMARY KEY (decision_id)
);
GRANT INSERT, SELECT ON decision_consumed TO payonce_app;
GRANT SELECT ON decision_consumed TO payonce_signer;

CREATE TABLE deposit_reference (
  reference_hash uuid NOT NULL,
  deposit_id uuid NOT NULL,
  content_hash uuid NOT NULL,
  CONSTRAINT deposit_reference_pkey PRIMARY KEY (reference_hash)
);
GRANT INSERT, SELECT ON deposit_reference TO payonce_app;

CREATE TABLE dry_verdict (
  tx_id uuid NOT NULL,
  question integer NOT NULL DEFAULT 1,
  lane_id integer NOT NULL,
  decision_id uuid,
  tx_type smallint NOT NULL,
  gas_limit numeric(78,0) NOT NULL,
  max_fee_per_gas numeric(78,0) NOT NULL,
  max_priority_fee_per_gas numeric(78,0) NOT NULL,
  asked_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  answered integer NOT NULL DEFAULT 0,
  answered_at timestamp with time zone,
  refusal_code text,
  refusal_message text,
  CONSTRAINT dry_verdict_check CHECK ((answered <= question)),
  CONSTRAINT dry_verdict_check1 CHECK (((answered = 0) = (answered_at IS NULL))),
  CONSTRAINT dry_verdict_check2 CHECK (((refusal_code IS NULL) = (refusal_message IS NULL))),
  CONSTRAINT dry_verdict_check3 CHECK (((refusal_code IS NULL) OR (answered > 0))),
  CONSTRAINT dry_verdict_gas_limit_check CHECK ((gas_limit > (0)::numeric)),
  CONSTRAINT dry_verdict_max_fee_per_gas_check CHECK ((max_fee_per_gas > (0)::numeric)),
  CONSTRAINT dry_verdict_max_priority_fee_per_gas_check CHECK ((max_priority_fee_per_gas >= (0)::numeric)),
  CONSTRAINT dry_verdict_pkey PRIMARY KEY (tx_id),
  CONSTRAINT dry_verdict_tx_type_check CHECK ((tx_type = ANY (ARRAY[0, 2])))
) WITH (fillfactor=50);
CREATE INDEX dry_verdict_open ON public.dry_verdict USING btree (asked_at) WHERE (answered < question);
GRANT INSERT (tx_id, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas) ON dry_verdict TO payonce_app;
GRANT SELECT ON dry_verdict TO payonce_app;
GRANT UPDATE (question, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, asked_at) ON dry_verdict TO payonce_app;
GRANT SELECT ON dry_verdict TO payonce_signer;
GRANT UPDATE (answered, answered_at, refusal_code, refusal_message) ON dry_verdict TO payonce_signer;

CREATE VIEW event AS
 SELECT payonce_event_id(b.batch_id, i.n) AS event_id,
    b.batch_id,
    i.n,
    b.seq,
    b.xid,
    b.tenant_id,
    b.type,
    i.subject_id,
    b.owner_ids[i.n] AS owner_id,
    b.from_state,
    b.to_state,
    b.correlation_ids[i.n] AS correlation_id,
    NULLIF((d.data)::jsonb, 'null'::jsonb) AS data,
    b.at
   FROM ((event_batch b
     CROSS JOIN LATERAL unnest(b.subject_ids) WITH ORDINALITY i(subject_id, n))
     LEFT JOIN LATERAL json_array_elements(b.data) WITH ORDINALITY d(data, n) ON ((d.n = i.n)));
GRANT SELECT ON event TO payonce_app;

CREATE TABLE event_batch (
  batch_id uuid NOT NULL DEFAULT payonce_uuid7(),
  seq bigint NOT NULL DEFAULT nextval('event_seq'::regclass),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  tenant_id uuid,
  type text NOT NULL,
  from_state text,
  to_state text,
  size integer NOT NULL,
  subject_ids uuid[] NOT NULL,
  owner_ids uuid[],
  correlation_ids text[],
  data json,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT event_batch_check CHECK ((cardinality(subject_ids) = size)),
  CONSTRAINT event_batch_check1 CHECK ((cardinality(owner_ids) = size)),
  CONSTRAINT event_batch_check2 CHECK ((cardinality(correlation_ids) = size)),
  CONSTRAINT event_batch_pkey PRIMARY KEY (batch_id),
  CONSTRAINT event_batch_size_check CHECK ((size > 0))
) PARTITION BY RANGE (batch_id);
CREATE INDEX event_batch_xid ON ONLY public.event_batch USING btree (xid);
GRANT INSERT, SELECT ON event_batch TO payonce_app;

CREATE TABLE event_order (
  position bigint NOT NULL,
  batch_id uuid NOT NULL,
  tenant_id uuid,
  size integer NOT NULL,
  xid xid8 NOT NULL,
  CONSTRAINT event_order_pkey PRIMARY KEY ("position")
);
CREATE INDEX event_order_tenant ON public.event_order USING btree (tenant_id, "position");
GRANT INSERT, SELECT ON event_order TO payonce_app;
GRANT SELECT (position, batch_id) ON event_order TO payonce_signer;

CREATE SEQUENCE event_seq;
GRANT USAGE ON event_seq TO payonce_app;

CREATE TABLE event_sequencer (
  singleton boolean NOT NULL DEFAULT true,
  watermark xid8 NOT NULL DEFAULT pg_current_xact_id(),
  floor bigint NOT NULL DEFAULT 0,
  position bigint NOT NULL DEFAULT 0,
  epoch uuid NOT NULL DEFAULT gen_random_uuid(),
  CONSTRAINT event_sequencer_pkey PRIMARY KEY (singleton),
  CONSTRAINT event_sequencer_singleton_check CHECK (singleton)
);
GRANT SELECT ON event_sequencer TO payonce_app;
GRANT UPDATE (watermark, floor, position) ON event_sequencer TO payonce_app;

CREATE TABLE expected_arrival (
  owner_id uuid NOT NULL,
  lane_id integer NOT NULL,
  asset text NOT NULL,
  sender bytea NOT NULL,
  amount numeric(78,0) NOT NULL,
  tx_hash bytea,
  lapsed_at timestamp with time zone,
  transfer_id uuid,
  expected_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT expected_arrival_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT expected_arrival_booked CHECK (((transfer_id IS NULL) OR (tx_hash IS NOT NULL))),
  CONSTRAINT expected_arrival_ends CHECK (((lapsed_at IS NULL) OR ((tx_hash IS NULL) AND (transfer_id IS NULL)))),
  CONSTRAINT expected_arrival_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lane(lane_id),
  CONSTRAINT expected_arrival_pkey PRIMARY KEY (owner_id),
  CONSTRAINT expected_arrival_sender_check CHECK ((octet_length(sender) = 20)),
  CONSTRAINT expected_arrival_tx_hash_check CHECK ((octet_length(tx_hash) = 32))
);
CREATE INDEX expected_arrival_open ON public.expected_arrival USING btree (lane_id, asset, sender, amount) WHERE ((transfer_id IS NULL) AND (lapsed_at IS NULL));
GRANT INSERT, SELECT ON expected_arrival TO payonce_app;
GRANT UPDATE (tx_hash, lapsed_at, transfer_id) ON expected_arrival TO payonce_app;

CREATE TABLE external_id (
  external_hash uuid NOT NULL,
  withdrawal_id uuid NOT NULL,
  CONSTRAINT external_id_pkey PRIMARY KEY (external_hash)
);
GRANT INSERT, SELECT ON external_id TO payonce_app;

CREATE TABLE finding (
  kind text NOT NULL,
  subject text NOT NULL,
  check_name text NOT NULL,
  tenant_id uuid,
  detail jsonb NOT NULL,
  opened_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT finding_pkey PRIMARY KEY (kind, subject)
);
GRANT DELETE, INSERT, SELECT ON finding TO payonce_app;

CREATE TABLE foreign_inclusion (
  tx_hash bytea NOT NULL,
  block_hash bytea NOT NULL,
  chain_id bigint NOT NULL,
  block_number bigint NOT NULL,
  lane_id integer NOT NULL,
  nonce bigint NOT NULL,
  pays_intent boolean NOT NULL,
  did jsonb NOT NULL,
  seen_at timestamp with time zone NOT NULL DEFAULT now(),
  adopted_at timestamp with time zone,
  paid boolean,
  CONSTRAINT foreign_inclusion_block_hash_check CHECK ((octet_length(block_hash) = 32)),
  CONSTRAINT foreign_inclusion_check CHECK (((paid IS NULL) OR pays_intent)),
  CONSTRAINT foreign_inclusion_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lane(lane_id),
  CONSTRAINT foreign_inclusion_nonce_check CHECK ((nonce >= 0)),
  CONSTRAINT foreign_inclusion_pkey PRIMARY KEY (tx_hash, block_hash),
  CONSTRAINT foreign_inclusion_tx_hash_check CHECK ((octet_length(tx_hash) = 32))
);
CREATE INDEX foreign_inclusion_slot ON public.foreign_inclusion USING btree (lane_id, nonce);
GRANT INSERT, SELECT ON foreign_inclusion TO payonce_app;
GRANT UPDATE (adopted_at, paid) ON foreign_inclusion TO payonce_app;

CREATE TABLE gateway_call (
  call_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  request_hash bytea NOT NULL,
  authorization_id bytea NOT NULL,
  payment_id uuid NOT NULL,
  correlation_id text NOT NULL,
  status text NOT NULL,
  receipt jsonb,
  forwarding_until timestamp with time zone,
  answer_status integer,
  answer_headers jsonb,
  answer_body bytea,
  failure_code text,
  refund_id uuid,
  refund_refused text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  request jsonb,
  request_body bytea,
  kept_until timestamp with time zone,
  signature_hash bytea NOT NULL,
  most numeric(78,0),
  charge numeric(78,0),
  payment jsonb,
  CONSTRAINT gateway_call_authorization_id_check CHECK ((octet_length(authorization_id) = 32)),
  CONSTRAINT gateway_call_authorization_id_key UNIQUE (authorization_id),
  CONSTRAINT gateway_call_charge CHECK (
CASE
    WHEN (most IS NULL) THEN ((charge IS NULL) AND (payment IS NULL) AND (status <> 'CHARGING'::text))
    ELSE ((status <> ALL (ARRAY['PAYING'::text, 'PAID'::text])) AND ((payment IS NOT NULL) = (status = ANY (ARRAY['FORWARDING'::text, 'CHARGING'::text]))) AND ((charge IS NOT NULL) = (status = ANY (ARRAY['CHARGING'::text, 'SERVED'::text, 'UNPAID'::text]))) AND ((charge IS NULL) OR ((charge >= (0)::numeric) AND (charge <= most))))
END),
  CONSTRAINT gateway_call_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES priced_endpoint(endpoint_id),
  CONSTRAINT gateway_call_failure CHECK (((status <> ALL (ARRAY['FAILED'::text, 'UNPAID'::text])) OR (failure_code IS NOT NULL))),
  CONSTRAINT gateway_call_most_check CHECK ((most > (0)::numeric)),
  CONSTRAINT gateway_call_paid CHECK (
CASE
    WHEN (most IS NULL) THEN ((status = ANY (ARRAY['PAYING'::text, 'UNPAID'::text])) OR (receipt IS NOT NULL))
    ELSE ((receipt IS NOT NULL) = (status = 'SERVED'::text))
END),
  CONSTRAINT gateway_call_payment_id_key UNIQUE (payment_id),
  CONSTRAINT gateway_call_pkey PRIMARY KEY (call_id),
  CONSTRAINT gateway_call_refund CHECK (((status = 'FAILED'::text) OR ((refund_id IS NULL) AND (refund_refused IS NULL)))),
  CONSTRAINT gateway_call_request CHECK ((((request IS NULL) = (request_body IS NULL)) AND ((request IS NULL) = (status = ANY (ARRAY['CHARGING'::text, 'SERVED'::text, 'FAILED'::text, 'UNPAID'::text]))))),
  CONSTRAINT gateway_call_request_hash_check CHECK ((octet_length(request_hash) = 32)),
  CONSTRAINT gateway_call_served CHECK ((((status = ANY (ARRAY['CHARGING'::text, 'SERVED'::text])) = (answer_status IS NOT NULL)) AND ((answer_status IS NULL) = (kept_until IS NULL)) AND ((answer_body IS NULL) = (answer_headers IS NULL)) AND ((answer_body IS NULL) OR (answer_status IS NOT NULL)) AND ((status <> 'CHARGING'::text) OR (answer_body IS NOT NULL)))),
  CONSTRAINT gateway_call_signature_hash_check CHECK ((octet_length(signature_hash) = 32)),
  CONSTRAINT gateway_call_status CHECK ((status = ANY (ARRAY['PAYING'::text, 'PAID'::text, 'FORWARDING'::text, 'CHARGING'::text, 'SERVED'::text, 'FAILED'::text, 'UNPAID'::text])))
);
CREATE INDEX gateway_call_kept ON public.gateway_call USING btree (kept_until) WHERE (answer_body IS NOT NULL);
CREATE TRIGGER gateway_call_charged_once BEFORE UPDATE OF charge ON public.gateway_call FOR EACH ROW WHEN (((old.charge IS NOT NULL) AND (new.charge IS DISTINCT FROM old.charge))) EXECUTE FUNCTION gateway_call_charged_once();
CREATE TRIGGER gateway_call_insert AFTER INSERT ON public.gateway_call REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gateway_call_insert_check();
CREATE TRIGGER gateway_call_update AFTER UPDATE ON public.gateway_call REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gateway_call_update_check();
GRANT INSERT, SELECT ON gateway_call TO payonce_app;
GRANT UPDATE (status, receipt, forwarding_until, answer_status, answer_headers, answer_body, failure_code, refund_id, refund_refused, updated_at, request, request_body, kept_until, charge, payment) ON gateway_call TO payonce_app;

CREATE TABLE idempotency_key (
  key_hash uuid NOT NULL,
  resource_id uuid NOT NULL,
  content_hash uuid NOT NULL,
  CONSTRAINT idempotency_key_pkey PRIMARY KEY (key_hash)
);
GRANT INSERT, SELECT ON idempotency_key TO payonce_app;

CREATE TABLE inclusion (
  attempt_id uuid NOT NULL,
  block_hash bytea NOT NULL,
  chain_id bigint NOT NULL,
  block_number bigint NOT NULL,
  succeeded boolean NOT NULL,
  effect_ok boolean NOT NULL,
  gas_used numeric(78,0),
  effective_gas_price numeric(78,0),
  seen_at timestamp with time zone NOT NULL DEFAULT now(),
  to_lane integer,
  CONSTRAINT inclusion_block_hash_check CHECK ((octet_length(block_hash) = 32)),
  CONSTRAINT inclusion_pkey PRIMARY KEY (attempt_id, block_hash)
);
CREATE INDEX inclusion_height ON public.inclusion USING btree (chain_id, block_number);
CREATE INDEX inclusion_to_lane ON public.inclusion USING btree (to_lane, block_number) WHERE (to_lane IS NOT NULL);
GRANT INSERT, SELECT ON inclusion TO payonce_app;

CREATE TABLE installation (
  singleton boolean NOT NULL DEFAULT true,
  installation_id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT installation_pkey PRIMARY KEY (singleton),
  CONSTRAINT installation_singleton_check CHECK (singleton)
);
GRANT SELECT ON installation TO payonce_app;
GRANT SELECT ON installation TO payonce_signer;

CREATE TABLE job (
  topic text NOT NULL,
  subject_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  gen integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  run_at timestamp with time zone NOT NULL DEFAULT now(),
  lease_token uuid,
  lease_until timestamp with time zone,
  trace text,
  last_error text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT job_pkey PRIMARY KEY (topic, subject_id)
) WITH (fillfactor=45, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);
CREATE INDEX job_due ON public.job USING btree (topic, tenant_id, run_at) WHERE (tenant_id > '00000000-0000-0000-0000-000000000000'::uuid);
GRANT DELETE, INSERT, SELECT, UPDATE ON job TO payonce_app;

CREATE TABLE journal_seal (
  singleton boolean NOT NULL DEFAULT true,
  height bigint NOT NULL DEFAULT 0,
  hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea,
  CONSTRAINT journal_seal_hash_check CHECK ((octet_length(hash) = 32)),
  CONSTRAINT journal_seal_height_check CHECK ((height >= 0)),
  CONSTRAINT journal_seal_pkey PRIMARY KEY (singleton),
  CONSTRAINT journal_seal_singleton_check CHECK (singleton)
) WITH (fillfactor=50);
CREATE TRIGGER journal_seal_rises BEFORE UPDATE ON public.journal_seal FOR EACH ROW EXECUTE FUNCTION payonce_journal_seal_rises();
GRANT SELECT ON journal_seal TO payonce_app;
GRANT SELECT ON journal_seal TO payonce_signer;
GRANT UPDATE (height, hash) ON journal_seal TO payonce_signer;

CREATE TABLE lane (
  lane_id integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  tenant_id uuid NOT NULL,
  chain_id bigint NOT NULL,
  address bytea NOT NULL,
  first_nonce bigint NOT NULL,
  next_nonce bigint NOT NULL,
  epoch bigint NOT NULL DEFAULT 0,
  lease_owner text,
  lease_until timestamp with time zone,
  paused_reason text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  paused_at timestamp with time zone,
  paused_by text,
  paused_note text,
  purpose text NOT NULL DEFAULT 'pay'::text,
  CONSTRAINT lane_address_check CHECK ((octet_length(address) = 20)),
  CONSTRAINT lane_chain_id_address_key UNIQUE (chain_id, address),
  CONSTRAINT lane_check CHECK ((next_nonce >= first_nonce)),
  CONSTRAINT lane_pkey PRIMARY KEY (lane_id),
  CONSTRAINT lane_purpose_check CHECK ((purpose = ANY (ARRAY['pay'::text, 'treasury'::text]))),
  CONSTRAINT lane_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
) WITH (fillfactor=50);
GRANT INSERT, SELECT ON lane TO payonce_app;
GRANT UPDATE (next_nonce, epoch, lease_owner, lease_until, paused_reason, paused_at, paused_by, paused_note) ON lane TO payonce_app;
GRANT SELECT ON lane TO payonce_signer;

CREATE TABLE lane_progress (
  lane_id integer NOT NULL,
  mined_nonce bigint NOT NULL,
  final_nonce bigint NOT NULL DEFAULT 0,
  at_block bigint NOT NULL DEFAULT 0,
  moved_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT lane_progress_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lane(lane_id),
  CONSTRAINT lane_progress_pkey PRIMARY KEY (lane_id)
) WITH (fillfactor=50);
GRANT INSERT, SELECT ON lane_progress TO payonce_app;
GRANT UPDATE (mined_nonce, final_nonce, at_block, moved_at) ON lane_progress TO payonce_app;

CREATE TABLE lane_stretch (
  lane_id integer NOT NULL,
  above_block bigint,
  up_to_block bigint NOT NULL,
  from_nonce bigint NOT NULL,
  to_nonce bigint NOT NULL,
  gas_reserved numeric(78,0) NOT NULL DEFAULT 0,
  gas_cost numeric(78,0) NOT NULL DEFAULT 0,
  gas_by text,
  gas_transfer_id uuid,
  sent numeric(78,0) NOT NULL DEFAULT 0,
  arrived numeric(78,0) NOT NULL DEFAULT 0,
  arrival_transfer_id uuid,
  native_balance numeric(78,0) NOT NULL,
  booked_at timestamp with time zone NOT NULL DEFAULT now(),
  received numeric(78,0) NOT NULL DEFAULT 0,
  CONSTRAINT lane_stretch_check CHECK ((up_to_block > above_block)),
  CONSTRAINT lane_stretch_check1 CHECK ((to_nonce >= from_nonce)),
  CONSTRAINT lane_stretch_check2 CHECK (((above_block IS NULL) = (gas_by IS NULL))),
  CONSTRAINT lane_stretch_check3 CHECK (((above_block IS NOT NULL) OR (from_nonce = to_nonce))),
  CONSTRAINT lane_stretch_check4 CHECK (((gas_transfer_id IS NULL) = (gas_reserved = (0)::numeric))),
  CONSTRAINT lane_stretch_check5 CHECK (((arrival_transfer_id IS NULL) = (arrived = (0)::numeric))),
  CONSTRAINT lane_stretch_gas_by_check CHECK ((gas_by = ANY (ARRAY['balance'::text, 'receipts'::text]))),
  CONSTRAINT lane_stretch_gas_cost_check CHECK ((gas_cost >= (0)::numeric)),
  CONSTRAINT lane_stretch_gas_reserved_check CHECK ((gas_reserved >= (0)::numeric)),
  CONSTRAINT lane_stretch_lane_id_above_block_from_nonce_fkey FOREIGN KEY (lane_id, above_block, from_nonce) REFERENCES lane_stretch(lane_id, up_to_block, to_nonce),
  CONSTRAINT lane_stretch_lane_id_above_block_key UNIQUE NULLS NOT DISTINCT (lane_id, above_block),
  CONSTRAINT lane_stretch_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lane(lane_id),
  CONSTRAINT lane_stretch_lane_id_up_to_block_to_nonce_key UNIQUE (lane_id, up_to_block, to_nonce),
  CONSTRAINT lane_stretch_native_balance_check CHECK ((native_balance >= (0)::numeric)),
  CONSTRAINT lane_stretch_pkey PRIMARY KEY (lane_id, up_to_block),
  CONSTRAINT lane_stretch_received_check CHECK ((received >= (0)::numeric)),
  CONSTRAINT lane_stretch_sent_check CHECK ((sent >= (0)::numeric))
);
GRANT INSERT, SELECT ON lane_stretch TO payonce_app;

CREATE VIEW ledger_account AS
 SELECT ledger_balance.account_no,
    ledger_balance.tenant_id,
        CASE ledger_balance.kind
            WHEN 'customer'::text THEN 'available'::text
            ELSE ledger_balance.kind
        END AS kind,
    ledger_balance.owner,
    ledger_balance.asset,
    ledger_balance.normal_side,
    ledger_balance.balance,
    ledger_balance.created_at
   FROM ledger_balance
UNION ALL
 SELECT (ledger_balance.account_no + 1) AS account_no,
    ledger_balance.tenant_id,
    'reserved'::text AS kind,
    ledger_balance.owner,
    ledger_balance.asset,
    ledger_balance.normal_side,
    ledger_balance.reserved AS balance,
    ledger_balance.created_at
   FROM ledger_balance
  WHERE (ledger_balance.kind = 'customer'::text);
GRANT SELECT ON ledger_account TO payonce_app;

CREATE SEQUENCE ledger_account_no;
GRANT USAGE ON ledger_account_no TO payonce_app;

CREATE TABLE ledger_balance (
  account_no bigint NOT NULL DEFAULT nextval('ledger_account_no'::regclass),
  tenant_id uuid NOT NULL,
  kind text NOT NULL,
  owner text NOT NULL DEFAULT ''::text,
  asset text NOT NULL,
  normal_side text NOT NULL,
  balance numeric(78,0) NOT NULL DEFAULT 0,
  reserved numeric(78,0) NOT NULL DEFAULT 0,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT ledger_balance_account_no_check CHECK (((account_no % (2)::bigint) = 0)),
  CONSTRAINT ledger_balance_balance_check CHECK ((balance >= (0)::numeric)),
  CONSTRAINT ledger_balance_check CHECK ((normal_side =
CASE
    WHEN (kind = ANY (ARRAY['customer'::text, 'capital'::text, 'revenue'::text, 'pending'::text])) THEN 'credit'::text
    ELSE 'debit'::text
END)),
  CONSTRAINT ledger_balance_kind_check CHECK ((kind = ANY (ARRAY['customer'::text, 'receivable'::text, 'custody'::text, 'capital'::text, 'hot'::text, 'in_transit'::text, 'gas_in_transit'::text, 'revenue'::text, 'network_fee_expense'::text, 'suspense'::text, 'expected'::text, 'pending'::text]))),
  CONSTRAINT ledger_balance_pkey PRIMARY KEY (account_no),
  CONSTRAINT ledger_balance_reserved_check CHECK ((reserved >= (0)::numeric)),
  CONSTRAINT ledger_balance_reserved_of_customer CHECK (((kind = 'customer'::text) OR (reserved = (0)::numeric))),
  CONSTRAINT ledger_balance_tenant_id_kind_owner_asset_key UNIQUE (tenant_id, kind, owner, asset)
) WITH (fillfactor=40);
GRANT INSERT, SELECT ON ledger_balance TO payonce_app;
GRANT UPDATE (balance, reserved) ON ledger_balance TO payonce_app;

CREATE TABLE merchant (
  merchant_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  name text NOT NULL,
  pay_to bytea[] NOT NULL,
  replays boolean NOT NULL DEFAULT false,
  disabled_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  offers jsonb NOT NULL DEFAULT '[]'::jsonb,
  CONSTRAINT merchant_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text)),
  CONSTRAINT merchant_offers_check CHECK ((jsonb_typeof(offers) = 'array'::text)),
  CONSTRAINT merchant_pay_to_check CHECK ((cardinality(pay_to) > 0)),
  CONSTRAINT merchant_pkey PRIMARY KEY (merchant_id),
  CONSTRAINT merchant_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id),
  CONSTRAINT merchant_tenant_id_name_key UNIQUE (tenant_id, name)
);
GRANT INSERT, SELECT ON merchant TO payonce_app;
GRANT UPDATE (pay_to, replays, disabled_at, offers) ON merchant TO payonce_app;

CREATE TABLE merchant_asset (
  merchant_id uuid NOT NULL,
  asset text NOT NULL,
  max_amount numeric(78,0),
  CONSTRAINT merchant_asset_max_amount_check CHECK ((max_amount > (0)::numeric)),
  CONSTRAINT merchant_asset_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(merchant_id),
  CONSTRAINT merchant_asset_pkey PRIMARY KEY (merchant_id, asset)
);
GRANT DELETE, INSERT, SELECT ON merchant_asset TO payonce_app;

CREATE TABLE merchant_key (
  key_id uuid NOT NULL,
  merchant_id uuid NOT NULL,
  CONSTRAINT merchant_key_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_key(key_id),
  CONSTRAINT merchant_key_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(merchant_id),
  CONSTRAINT merchant_key_pkey PRIMARY KEY (key_id)
);
GRANT INSERT, SELECT ON merchant_key TO payonce_app;

CREATE TABLE nonce_slot (
  lane_id integer NOT NULL,
  nonce bigint NOT NULL,
  chain_id bigint NOT NULL,
  from_address bytea NOT NULL,
  tx_id uuid NOT NULL,
  effect_digest bytea NOT NULL,
  gas_reserved numeric(78,0) NOT NULL,
  fill_reason text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT nonce_slot_chain_id_from_address_nonce_key UNIQUE (chain_id, from_address, nonce),
  CONSTRAINT nonce_slot_effect_digest_check CHECK ((octet_length(effect_digest) = 32)),
  CONSTRAINT nonce_slot_from_address_check CHECK ((octet_length(from_address) = 20)),
  CONSTRAINT nonce_slot_gas_reserved_check CHECK ((gas_reserved > (0)::numeric)),
  CONSTRAINT nonce_slot_nonce_check CHECK ((nonce >= 0)),
  CONSTRAINT nonce_slot_pkey PRIMARY KEY (lane_id, nonce),
  CONSTRAINT nonce_slot_tx_id_key UNIQUE (tx_id)
) WITH (fillfactor=80);
GRANT INSERT, SELECT ON nonce_slot TO payonce_app;
GRANT UPDATE (gas_reserved, fill_reason) ON nonce_slot TO payonce_app;
GRANT SELECT ON nonce_slot TO payonce_signer;

CREATE TABLE operator (
  operator_id uuid NOT NULL DEFAULT payonce_uuid7(),
  name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT operator_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._@+-]{0,127}$'::text)),
  CONSTRAINT operator_name_key UNIQUE (name),
  CONSTRAINT operator_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES person(person_id),
  CONSTRAINT operator_pkey PRIMARY KEY (operator_id)
);
CREATE TRIGGER operator_person BEFORE INSERT ON public.operator FOR EACH ROW EXECUTE FUNCTION payonce_operator_person();
GRANT INSERT, SELECT ON operator TO payonce_app;

CREATE TABLE operator_freeze (
  freeze_id uuid NOT NULL DEFAULT payonce_uuid7(),
  scope text NOT NULL,
  tenant_id uuid,
  chain_id bigint,
  lane_id integer,
  asset text,
  reason text NOT NULL,
  frozen_by uuid NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  placed_for uuid,
  CONSTRAINT operator_freeze_covers CHECK (((num_nonnulls(tenant_id, chain_id, lane_id, asset) =
CASE scope
    WHEN 'global'::text THEN 0
    ELSE 1
END) AND
CASE scope
    WHEN 'global'::text THEN true
    WHEN 'tenant'::text THEN (tenant_id IS NOT NULL)
    WHEN 'chain'::text THEN (chain_id IS NOT NULL)
    WHEN 'wallet'::text THEN (lane_id IS NOT NULL)
    WHEN 'asset'::text THEN (asset IS NOT NULL)
    ELSE false
END)),
  CONSTRAINT operator_freeze_frozen_by_fkey FOREIGN KEY (frozen_by) REFERENCES person(person_id),
  CONSTRAINT operator_freeze_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lane(lane_id),
  CONSTRAINT operator_freeze_pkey PRIMARY KEY (freeze_id),
  CONSTRAINT operator_freeze_placed_for_fkey FOREIGN KEY (placed_for) REFERENCES tenant(tenant_id),
  CONSTRAINT operator_freeze_reason_check CHECK ((reason <> ''::text)),
  CONSTRAINT operator_freeze_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);
GRANT INSERT (scope, tenant_id, chain_id, lane_id, asset, reason, frozen_by, placed_for) ON operator_freeze TO payonce_app;
GRANT SELECT ON operator_freeze TO payonce_app;
GRANT SELECT ON operator_freeze TO payonce_signer;

CREATE TABLE operator_freeze_lift (
  freeze_id uuid NOT NULL,
  reason text NOT NULL,
  proposed_by uuid NOT NULL,
  confirmed_by uuid NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT operator_freeze_lift_confirmed_by_fkey FOREIGN KEY (confirmed_by) REFERENCES person(person_id),
  CONSTRAINT operator_freeze_lift_freeze_id_fkey FOREIGN KEY (freeze_id) REFERENCES operator_freeze(freeze_id),
  CONSTRAINT operator_freeze_lift_pkey PRIMARY KEY (freeze_id),
  CONSTRAINT operator_freeze_lift_proposed_by_fkey FOREIGN KEY (proposed_by) REFERENCES person(person_id),
  CONSTRAINT operator_freeze_lift_reason_check CHECK ((reason <> ''::text)),
  CONSTRAINT operator_freeze_lift_two_persons CHECK ((proposed_by <> confirmed_by))
);
GRANT INSERT (freeze_id, reason, proposed_by, confirmed_by) ON operator_freeze_lift TO payonce_app;
GRANT SELECT ON operator_freeze_lift TO payonce_app;
GRANT SELECT ON operator_freeze_lift TO payonce_signer;

CREATE TABLE operator_invitation (
  operator_id uuid NOT NULL,
  token_hash bytea NOT NULL,
  invited_by uuid,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT operator_invitation_check CHECK ((invited_by <> operator_id)),
  CONSTRAINT operator_invitation_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES operator(operator_id),
  CONSTRAINT operator_invitation_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES operator(operator_id),
  CONSTRAINT operator_invitation_pkey PRIMARY KEY (operator_id),
  CONSTRAINT operator_invitation_token_hash_check CHECK ((octet_length(token_hash) = 32)),
  CONSTRAINT operator_invitation_token_hash_key UNIQUE (token_hash)
);
GRANT DELETE, INSERT, SELECT ON operator_invitation TO payonce_app;
GRANT UPDATE (token_hash, invited_by, expires_at) ON operator_invitation TO payonce_app;

CREATE TABLE operator_membership (
  operator_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  roles text[] NOT NULL,
  granted_by uuid,
  granted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  activated_by uuid,
  activated_at timestamp with time zone,
  suspended_at timestamp with time zone,
  CONSTRAINT operator_membership_activated_by_fkey FOREIGN KEY (activated_by) REFERENCES operator(operator_id),
  CONSTRAINT operator_membership_check CHECK (((activated_by IS NULL) OR (activated_at IS NOT NULL))),
  CONSTRAINT operator_membership_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES operator(operator_id),
  CONSTRAINT operator_membership_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES operator(operator_id),
  CONSTRAINT operator_membership_own CHECK (((operator_id <> granted_by) AND (operator_id <> activated_by))),
  CONSTRAINT operator_membership_pkey PRIMARY KEY (operator_id, tenant_id),
  CONSTRAINT operator_membership_roles CHECK (((cardinality(roles) > 0) AND (roles <@ ARRAY['viewer'::text, 'operator'::text, 'approver'::text, 'policy-admin'::text, 'security-admin'::text]))),
  CONSTRAINT operator_membership_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id),
  CONSTRAINT operator_membership_two_persons CHECK ((activated_by <> granted_by))
);
CREATE INDEX operator_membership_tenant ON public.operator_membership USING btree (tenant_id, operator_id);
GRANT INSERT, SELECT ON operator_membership TO payonce_app;
GRANT UPDATE (roles, granted_by, granted_at, activated_by, activated_at, suspended_at) ON operator_membership TO payonce_app;

CREATE TABLE operator_session (
  session_id uuid NOT NULL DEFAULT payonce_uuid7(),
  token_hash bytea NOT NULL,
  credential_id text NOT NULL,
  started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT operator_session_credential_id_fkey FOREIGN KEY (credential_id) REFERENCES passkey(credential_id) ON DELETE CASCADE,
  CONSTRAINT operator_session_pkey PRIMARY KEY (session_id),
  CONSTRAINT operator_session_token_hash_check CHECK ((octet_length(token_hash) = 32)),
  CONSTRAINT operator_session_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX operator_session_passkey ON public.operator_session USING btree (credential_id);
GRANT DELETE, INSERT, SELECT ON operator_session TO payonce_app;
GRANT UPDATE (seen_at) ON operator_session TO payonce_app;

CREATE TABLE paid_destination (
  tenant_id uuid NOT NULL,
  address bytea NOT NULL,
  CONSTRAINT paid_destination_address_check CHECK ((octet_length(address) = 20)),
  CONSTRAINT paid_destination_pkey PRIMARY KEY (tenant_id, address)
);
CREATE INDEX paid_destination_ends ON public.paid_destination USING btree (tenant_id, payonce_ends(address));
GRANT INSERT, SELECT ON paid_destination TO payonce_app;

CREATE TABLE paid_destination_cursor (
  singleton boolean NOT NULL DEFAULT true,
  position bigint NOT NULL DEFAULT 0,
  CONSTRAINT paid_destination_cursor_pkey PRIMARY KEY (singleton),
  CONSTRAINT paid_destination_cursor_singleton_check CHECK (singleton)
);
GRANT SELECT ON paid_destination_cursor TO payonce_app;
GRANT UPDATE (position) ON paid_destination_cursor TO payonce_app;

CREATE TABLE passkey (
  credential_id text NOT NULL,
  operator_id uuid NOT NULL,
  public_key bytea NOT NULL,
  sign_count bigint NOT NULL,
  transports text[] NOT NULL,
  name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamp with time zone,
  CONSTRAINT passkey_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES operator(operator_id),
  CONSTRAINT passkey_pkey PRIMARY KEY (credential_id),
  CONSTRAINT passkey_sign_count_check CHECK ((sign_count >= 0))
);
CREATE INDEX passkey_operator ON public.passkey USING btree (operator_id);
GRANT DELETE, INSERT, SELECT ON passkey TO payonce_app;
GRANT UPDATE (sign_count, last_used_at) ON passkey TO payonce_app;

CREATE TABLE passkey_challenge (
  challenge text NOT NULL,
  operator_id uuid,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT passkey_challenge_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES operator(operator_id),
  CONSTRAINT passkey_challenge_pkey PRIMARY KEY (challenge)
);
CREATE INDEX passkey_challenge_expiry ON public.passkey_challenge USING btree (expires_at);
GRANT DELETE, INSERT, SELECT ON passkey_challenge TO payonce_app;

CREATE TABLE payment (
  payment_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  merchant_id uuid NOT NULL,
  status text NOT NULL,
  endpoint text NOT NULL,
  idempotency_key text,
  fingerprint uuid NOT NULL,
  authorization_id bytea,
  converged_on uuid,
  chain_id bigint NOT NULL,
  asset text NOT NULL,
  token bytea NOT NULL,
  payer bytea,
  pay_to bytea NOT NULL,
  amount numeric(78,0) NOT NULL,
  valid_after numeric(78,0),
  valid_before numeric(78,0),
  nonce bytea,
  signature bytea,
  wait_until text NOT NULL,
  commit_at text NOT NULL,
  risk_tier text NOT NULL,
  leased_until timestamp with time zone,
  delivering_until timestamp with time zone,
  delivered_at timestamp with time zone,
  pending_told_at timestamp with time zone,
  failure_code text,
  correlation_id text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  lane_id integer,
  refunded numeric(78,0) NOT NULL DEFAULT 0,
  method text,
  priced_endpoint uuid,
  decision_id uuid,
  facilitator bytea,
  charged numeric(78,0),
  CONSTRAINT payment_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT payment_authorization_id_check CHECK ((octet_length(authorization_id) = 32)),
  CONSTRAINT payment_authorization_id_key UNIQUE (authorization_id),
  CONSTRAINT payment_authorized CHECK (((status = ANY (ARRAY['REQUESTED'::text, 'CHALLENGED'::text])) OR ((authorization_id IS NOT NULL) AND (payer IS NOT NULL) AND (valid_after IS NOT NULL) AND (valid_before IS NOT NULL) AND (nonce IS NOT NULL) AND (signature IS NOT NULL) AND (method IS NOT NULL)))),
  CONSTRAINT payment_charged CHECK ((((NOT (method IS DISTINCT FROM 'upto'::text)) OR ((charged IS NULL) AND (status <> 'VOIDED'::text))) AND ((charged IS NULL) OR (((charged >= (0)::numeric) AND (charged <= amount)) AND ((charged = (0)::numeric) = (status = 'VOIDED'::text)) AND (status <> ALL (ARRAY['AUTH_SIGNED'::text, 'DUPLICATE_REQUEST'::text])))) AND ((charged IS NOT NULL) OR (method IS DISTINCT FROM 'upto'::text) OR (status = ANY (ARRAY['AUTH_SIGNED'::text, 'AUTH_VERIFIED'::text, 'AUTH_REJECTED'::text, 'DUPLICATE_REQUEST'::text, 'EXPIRED'::text]))))),
  CONSTRAINT payment_commit_at_check CHECK ((commit_at = ANY (ARRAY['safe'::text, 'finalized'::text]))),
  CONSTRAINT payment_converged CHECK (((converged_on IS NULL) OR ((idempotency_key IS NULL) AND (converged_on <> payment_id)))),
  CONSTRAINT payment_decided CHECK ((((decision_id IS NOT NULL) OR (status <> 'AUTH_REJECTED'::text) OR (COALESCE(failure_code, ''::text) <> 'policy_denied'::text)) AND ((decision_id IS NULL) OR (status <> ALL (ARRAY['REQUESTED'::text, 'CHALLENGED'::text, 'AUTH_SIGNED'::text, 'DUPLICATE_REQUEST'::text, 'VOIDED'::text]))))),
  CONSTRAINT payment_duplicate CHECK (((status <> 'DUPLICATE_REQUEST'::text) OR (converged_on IS NOT NULL))),
  CONSTRAINT payment_endpoint_check CHECK ((octet_length(endpoint) <= 2048)),
  CONSTRAINT payment_facilitator CHECK (((facilitator IS NOT NULL) = (NOT (method IS DISTINCT FROM 'upto'::text)))),
  CONSTRAINT payment_facilitator_check CHECK ((octet_length(facilitator) = 20)),
  CONSTRAINT payment_idempotency_key_check CHECK (((octet_length(idempotency_key) >= 1) AND (octet_length(idempotency_key) <= 255))),
  CONSTRAINT payment_merchant_id_endpoint_idempotency_key_key UNIQUE (merchant_id, endpoint, idempotency_key),
  CONSTRAINT payment_method_check CHECK ((method = ANY (ARRAY['eip3009'::text, 'permit2'::text, 'upto'::text]))),
  CONSTRAINT payment_nonce_check CHECK ((octet_length(nonce) = 32)),
  CONSTRAINT payment_pay_to_check CHECK ((octet_length(pay_to) = 20)),
  CONSTRAINT payment_payer_check CHECK ((octet_length(payer) = 20)),
  CONSTRAINT payment_pkey PRIMARY KEY (payment_id),
  CONSTRAINT payment_refund_of_settled CHECK (((refunded = (0)::numeric) OR (status = ANY (ARRAY['REFUND_PENDING'::text, 'REFUNDED'::text])))),
  CONSTRAINT payment_refunded CHECK (((refunded >= (0)::numeric) AND (refunded <= COALESCE(charged, amount)))),
  CONSTRAINT payment_status CHECK ((status = ANY (ARRAY['REQUESTED'::text, 'CHALLENGED'::text, 'AUTH_SIGNED'::text, 'AUTH_VERIFIED'::text, 'RESERVED'::text, 'BROADCASTED'::text, 'INCLUDED'::text, 'FINALIZED'::text, 'LEDGER_COMMITTED'::text, 'SETTLED'::text, 'REVERSED'::text, 'RESETTLED'::text, 'REFUND_PENDING'::text, 'REFUNDED'::text, 'VOIDED'::text, 'AUTH_REJECTED'::text, 'DUPLICATE_REQUEST'::text, 'CHAIN_FAILED'::text, 'EXPIRED'::text]))),
  CONSTRAINT payment_token_check CHECK ((octet_length(token) = 20)),
  CONSTRAINT payment_wait_until_check CHECK ((wait_until = ANY (ARRAY['included'::text, 'safe'::text, 'finalized'::text])))
) WITH (fillfactor=45);
CREATE INDEX payment_tenant ON public.payment USING btree (tenant_id, payment_id);
CREATE TRIGGER payment_approved_first AFTER UPDATE OF status ON public.payment FOR EACH ROW WHEN (((old.decision_id IS NOT NULL) AND (new.status = 'RESERVED'::text) AND (old.status <> new.status))) EXECUTE FUNCTION payment_approved_first();
CREATE TRIGGER payment_charged_once BEFORE UPDATE OF charged ON public.payment FOR EACH ROW WHEN (((old.charged IS NOT NULL) AND (new.charged IS DISTINCT FROM old.charged))) EXECUTE FUNCTION payment_charged_once();
CREATE TRIGGER payment_insert AFTER INSERT ON public.payment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payment_insert_check();
CREATE TRIGGER payment_update AFTER UPDATE ON public.payment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payment_update_check();
GRANT INSERT, SELECT ON payment TO payonce_app;
GRANT UPDATE (status, wait_until, commit_at, risk_tier, leased_until, delivering_until, delivered_at, pending_told_at, failure_code, updated_at, refunded, decision_id, charged) ON payment TO payonce_app;

CREATE TABLE payment_landing (
  payment_id uuid NOT NULL,
  block_hash bytea NOT NULL,
  chain_id bigint NOT NULL,
  block_number bigint NOT NULL,
  tx_hash bytea NOT NULL,
  seen_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT payment_landing_block_hash_check CHECK ((octet_length(block_hash) = 32)),
  CONSTRAINT payment_landing_pkey PRIMARY KEY (payment_id, block_hash),
  CONSTRAINT payment_landing_tx_hash_check CHECK ((octet_length(tx_hash) = 32))
);
CREATE INDEX payment_landing_hash ON public.payment_landing USING btree (tx_hash);
GRANT INSERT, SELECT ON payment_landing TO payonce_app;

CREATE TABLE payout_order (
  order_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  owner_kind text NOT NULL,
  account text NOT NULL,
  asset text NOT NULL,
  amount numeric(78,0) NOT NULL,
  recipient bytea NOT NULL,
  metadata jsonb NOT NULL,
  correlation_id text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  withdrawal_id uuid,
  outcome text,
  failure_code text,
  initiated_by uuid,
  CONSTRAINT payout_order_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT payout_order_failure CHECK (((failure_code IS NOT NULL) = (NOT (outcome IS DISTINCT FROM 'unpaid'::text)))),
  CONSTRAINT payout_order_outcome_check CHECK ((outcome = ANY (ARRAY['paid'::text, 'unpaid'::text]))),
  CONSTRAINT payout_order_owner_kind_check CHECK ((owner_kind = 'refund'::text)),
  CONSTRAINT payout_order_paid CHECK (((outcome IS DISTINCT FROM 'paid'::text) OR (withdrawal_id IS NOT NULL))),
  CONSTRAINT payout_order_pkey PRIMARY KEY (order_id),
  CONSTRAINT payout_order_recipient_check CHECK ((octet_length(recipient) = 20)),
  CONSTRAINT payout_order_withdrawal_id_key UNIQUE (withdrawal_id)
);
GRANT INSERT, SELECT ON payout_order TO payonce_app;
GRANT UPDATE (withdrawal_id, outcome, failure_code) ON payout_order TO payonce_app;

CREATE TABLE person (
  person_id uuid NOT NULL,
  CONSTRAINT person_pkey PRIMARY KEY (person_id)
);
GRANT INSERT, SELECT ON person TO payonce_app;

CREATE TABLE policy_change (
  change_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  version text NOT NULL,
  base_version text,
  effect text NOT NULL,
  tightens boolean NOT NULL,
  differences jsonb NOT NULL,
  reason text NOT NULL,
  drafted_by uuid NOT NULL,
  correlation_id text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  status text NOT NULL,
  proposed_by uuid,
  confirmed_by uuid,
  effective_at timestamp with time zone,
  ended_by uuid,
  end_reason text,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT policy_change_base_version_fkey FOREIGN KEY (base_version) REFERENCES policy_version(version),
  CONSTRAINT policy_change_check CHECK ((version IS DISTINCT FROM base_version)),
  CONSTRAINT policy_change_check1 CHECK (((effect <> 'tightening'::text) OR tightens)),
  CONSTRAINT policy_change_confirmed CHECK (((status <> ALL (ARRAY['SCHEDULED'::text, 'EFFECTIVE'::text, 'SUPERSEDED'::text])) OR ((proposed_by IS NOT NULL) AND (confirmed_by IS NOT NULL) AND (effective_at IS NOT NULL)))),
  CONSTRAINT policy_change_confirmed_by_fkey FOREIGN KEY (confirmed_by) REFERENCES person(person_id),
  CONSTRAINT policy_change_differences_check CHECK ((jsonb_typeof(differences) = 'array'::text)),
  CONSTRAINT policy_change_drafted_by_fkey FOREIGN KEY (drafted_by) REFERENCES person(person_id),
  CONSTRAINT policy_change_effect_check CHECK ((effect = ANY (ARRAY['tightening'::text, 'loosening'::text, 'neutral'::text]))),
  CONSTRAINT policy_change_ended CHECK (((status = ANY (ARRAY['VETOED'::text, 'WITHDRAWN'::text])) = (end_reason IS NOT NULL))),
  CONSTRAINT policy_change_ended_by_fkey FOREIGN KEY (ended_by) REFERENCES person(person_id),
  CONSTRAINT policy_change_pkey PRIMARY KEY (change_id),
  CONSTRAINT policy_change_proposed_by_fkey FOREIGN KEY (proposed_by) REFERENCES person(person_id),
  CONSTRAINT policy_change_reason_check CHECK ((reason <> ''::text)),
  CONSTRAINT policy_change_status CHECK ((status = ANY (ARRAY['DRAFT'::text, 'PROPOSED'::text, 'SCHEDULED'::text, 'EFFECTIVE'::text, 'SUPERSEDED'::text, 'VETOED'::text, 'WITHDRAWN'::text]))),
  CONSTRAINT policy_change_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id),
  CONSTRAINT policy_change_two_persons CHECK ((proposed_by <> confirmed_by)),
  CONSTRAINT policy_change_version_fkey FOREIGN KEY (version) REFERENCES policy_version(version)
);
CREATE UNIQUE INDEX policy_change_ruling ON public.policy_change USING btree (status) WHERE (status = 'EFFECTIVE'::text);
CREATE TRIGGER policy_change_insert AFTER INSERT ON public.policy_change REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION policy_change_insert_check();
CREATE TRIGGER policy_change_update AFTER UPDATE ON public.policy_change REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION policy_change_update_check();
GRANT INSERT (tenant_id, version, base_version, effect, tightens, differences, reason, drafted_by, correlation_id, status) ON policy_change TO payonce_app;
GRANT SELECT ON policy_change TO payonce_app;
GRANT UPDATE (status, proposed_by, confirmed_by, effective_at, ended_by, end_reason, updated_at) ON policy_change TO payonce_app;

CREATE TABLE policy_charge (
  subject_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  amount numeric(78,0) NOT NULL,
  at timestamp with time zone NOT NULL,
  counter_ids uuid[] NOT NULL,
  limit_nos integer[] NOT NULL,
  released_at timestamp with time zone,
  CONSTRAINT policy_charge_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT policy_charge_lists CHECK ((((cardinality(counter_ids) >= 1) AND (cardinality(counter_ids) <= 1000)) AND ((cardinality(limit_nos) >= cardinality(counter_ids)) AND (cardinality(limit_nos) <= 1000)))),
  CONSTRAINT policy_charge_pkey PRIMARY KEY (subject_id, decision_id)
) WITH (fillfactor=90);
GRANT INSERT, SELECT ON policy_charge TO payonce_app;
GRANT UPDATE (released_at) ON policy_charge TO payonce_app;

CREATE TABLE policy_counter (
  counter_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  dimension text NOT NULL,
  name text NOT NULL,
  spends jsonb NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT policy_counter_pkey PRIMARY KEY (counter_id),
  CONSTRAINT policy_counter_spends_check CHECK ((jsonb_typeof(spends) = 'object'::text))
) WITH (fillfactor=45, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);
GRANT INSERT, SELECT ON policy_counter TO payonce_app;
GRANT UPDATE (spends, updated_at) ON policy_counter TO payonce_app;

CREATE TABLE policy_effective (
  singleton boolean NOT NULL DEFAULT true,
  version text,
  since timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT policy_effective_pkey PRIMARY KEY (singleton),
  CONSTRAINT policy_effective_singleton_check CHECK (singleton),
  CONSTRAINT policy_effective_version_fkey FOREIGN KEY (version) REFERENCES policy_version(version)
);
GRANT SELECT ON policy_effective TO payonce_app;
GRANT UPDATE (version, since) ON policy_effective TO payonce_app;

CREATE TABLE policy_hold (
  hold_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  rule_id text NOT NULL,
  gate text NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  correlation_id text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT policy_hold_decision_id_rule_id_key UNIQUE (decision_id, rule_id),
  CONSTRAINT policy_hold_gate_check CHECK ((gate = ANY (ARRAY['travel_rule'::text, 'screening'::text, 'manual_review'::text]))),
  CONSTRAINT policy_hold_pkey PRIMARY KEY (hold_id)
);
CREATE INDEX policy_hold_subject ON public.policy_hold USING btree (subject_id);
CREATE INDEX policy_hold_tenant ON public.policy_hold USING btree (tenant_id, hold_id);
GRANT INSERT, SELECT ON policy_hold TO payonce_app;

CREATE TABLE policy_hold_answer (
  hold_id uuid NOT NULL,
  answer text NOT NULL,
  answered_by text,
  reason text,
  answered_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT policy_hold_answer_answer_check CHECK ((answer = ANY (ARRAY['cleared'::text, 'rejected'::text, 'expired'::text, 'cancelled'::text]))),
  CONSTRAINT policy_hold_answer_check CHECK (((answered_by IS NOT NULL) OR (answer = ANY (ARRAY['expired'::text, 'cancelled'::text])))),
  CONSTRAINT policy_hold_answer_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES policy_hold(hold_id),
  CONSTRAINT policy_hold_answer_pkey PRIMARY KEY (hold_id)
);
GRANT INSERT, SELECT ON policy_hold_answer TO payonce_app;

CREATE TABLE policy_limit (
  limit_no integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  policy_version text NOT NULL,
  rule_id text NOT NULL,
  asset text NOT NULL,
  meter text NOT NULL,
  dimension text NOT NULL,
  bucket_ms bigint,
  window_ms bigint,
  amount numeric(78,0),
  count bigint,
  CONSTRAINT policy_limit_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT policy_limit_bucket_ms_check CHECK ((bucket_ms > 0)),
  CONSTRAINT policy_limit_check CHECK (((bucket_ms IS NULL) = (window_ms IS NULL))),
  CONSTRAINT policy_limit_check1 CHECK (((amount IS NOT NULL) OR (count IS NOT NULL))),
  CONSTRAINT policy_limit_count_check CHECK ((count > 0)),
  CONSTRAINT policy_limit_pkey PRIMARY KEY (limit_no),
  CONSTRAINT policy_limit_policy_version_fkey FOREIGN KEY (policy_version) REFERENCES policy_version(version),
  CONSTRAINT policy_limit_policy_version_rule_id_asset_key UNIQUE (policy_version, rule_id, asset),
  CONSTRAINT policy_limit_window_ms_check CHECK ((window_ms > 0))
);
GRANT INSERT, SELECT ON policy_limit TO payonce_app;

CREATE VIEW policy_standing AS
 SELECT policy_effective.version
   FROM policy_effective
  WHERE (policy_effective.version IS NOT NULL)
UNION
 SELECT c.version
   FROM policy_change c
  WHERE ((c.status = ANY (ARRAY['EFFECTIVE'::text, 'SUPERSEDED'::text])) AND (NOT (EXISTS ( SELECT
           FROM policy_change t
          WHERE ((t.status = ANY (ARRAY['EFFECTIVE'::text, 'SUPERSEDED'::text])) AND t.tightens AND (t.effective_at > c.effective_at))))));
GRANT SELECT ON policy_standing TO payonce_app;
GRANT SELECT ON policy_standing TO payonce_signer;

CREATE TABLE policy_version (
  version text NOT NULL,
  document text NOT NULL,
  canonical text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT policy_version_pkey PRIMARY KEY (version),
  CONSTRAINT policy_version_version_check CHECK ((version ~ '^policy:[0-9a-f]{64}$'::text))
);
GRANT INSERT, SELECT ON policy_version TO payonce_app;
GRANT SELECT ON policy_version TO payonce_signer;

CREATE VIEW posting AS
 SELECT t.transfer_id,
    ((p.n - 1))::smallint AS ordinal,
    p.debit_no,
    p.credit_no,
    p.amount
   FROM transfer t,
    LATERAL UNNEST(t.debit_nos, t.credit_nos, t.amounts) WITH ORDINALITY p(debit_no, credit_no, amount, n);
GRANT SELECT ON posting TO payonce_app;

CREATE TABLE priced_endpoint (
  endpoint_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  merchant_id uuid NOT NULL,
  method text NOT NULL,
  path text NOT NULL,
  asset text NOT NULL,
  price numeric(78,0) NOT NULL,
  pay_to bytea NOT NULL,
  upstream text NOT NULL,
  on_failure text NOT NULL,
  timeout_ms integer NOT NULL,
  max_response_bytes integer NOT NULL,
  description text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  removed_at timestamp with time zone,
  transfer_method text NOT NULL,
  first_id uuid,
  effective_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  usage_header text,
  unit_price numeric(78,0),
  unit_size bigint,
  without_usage text,
  CONSTRAINT priced_endpoint_first_id_fkey FOREIGN KEY (first_id) REFERENCES priced_endpoint(endpoint_id),
  CONSTRAINT priced_endpoint_max_response_bytes_check CHECK (((max_response_bytes >= 0) AND (max_response_bytes <= 16777216))),
  CONSTRAINT priced_endpoint_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(merchant_id),
  CONSTRAINT priced_endpoint_method_check CHECK ((method = ANY (ARRAY['GET'::text, 'POST'::text, 'PUT'::text, 'PATCH'::text, 'DELETE'::text]))),
  CONSTRAINT priced_endpoint_on_failure_check CHECK ((on_failure = ANY (ARRAY['refund'::text, 'retry'::text, 'keep'::text, 'release'::text]))),
  CONSTRAINT priced_endpoint_path_check CHECK (((path ~ '^/'::text) AND (octet_length(path) <= 512))),
  CONSTRAINT priced_endpoint_pay_to_check CHECK ((octet_length(pay_to) = 20)),
  CONSTRAINT priced_endpoint_pkey PRIMARY KEY (endpoint_id),
  CONSTRAINT priced_endpoint_price_check CHECK ((price > (0)::numeric)),
  CONSTRAINT priced_endpoint_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id),
  CONSTRAINT priced_endpoint_timeout_ms_check CHECK (((timeout_ms >= 100) AND (timeout_ms <= 120000))),
  CONSTRAINT priced_endpoint_transfer_method_check CHECK ((transfer_method = ANY (ARRAY['eip3009'::text, 'permit2'::text, 'upto'::text]))),
  CONSTRAINT priced_endpoint_unit_price_check CHECK ((unit_price > (0)::numeric)),
  CONSTRAINT priced_endpoint_unit_size_check CHECK (((unit_size >= 1) AND (unit_size <= 1000000000))),
  CONSTRAINT priced_endpoint_until CHECK ((removed_at >= effective_at)),
  CONSTRAINT priced_endpoint_upstream_check CHECK (((upstream ~ '^https?://'::text) AND (octet_length(upstream) <= 2048))),
  CONSTRAINT priced_endpoint_upto CHECK (((num_nulls(usage_header, unit_price, unit_size, without_usage) =
CASE transfer_method
    WHEN 'upto'::text THEN 0
    ELSE 4
END) AND ((transfer_method = 'upto'::text) = (on_failure = 'release'::text)))),
  CONSTRAINT priced_endpoint_usage_header_check CHECK ((usage_header ~ '^[a-z0-9-]{1,64}$'::text)),
  CONSTRAINT priced_endpoint_without_usage_check CHECK ((without_usage = ANY (ARRAY['nothing'::text, 'most'::text])))
);
CREATE INDEX priced_endpoint_line ON public.priced_endpoint USING btree (merchant_id, method, path);
CREATE UNIQUE INDEX priced_endpoint_path ON public.priced_endpoint USING btree (merchant_id, method, path) WHERE (removed_at IS NULL);
CREATE INDEX priced_endpoint_tenant ON public.priced_endpoint USING btree (tenant_id, merchant_id);
CREATE TRIGGER priced_endpoint_ended BEFORE UPDATE ON public.priced_endpoint FOR EACH ROW EXECUTE FUNCTION priced_endpoint_ended();
GRANT INSERT, SELECT ON priced_endpoint TO payonce_app;
GRANT UPDATE (removed_at) ON priced_endpoint TO payonce_app;

CREATE TABLE proposal (
  subject text NOT NULL,
  content text NOT NULL,
  proposed_by uuid NOT NULL,
  proposed_at timestamp with time zone NOT NULL DEFAULT now(),
  tenant_id uuid NOT NULL,
  CONSTRAINT proposal_pkey PRIMARY KEY (subject),
  CONSTRAINT proposal_proposed_by_fkey FOREIGN KEY (proposed_by) REFERENCES person(person_id),
  CONSTRAINT proposal_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);
GRANT DELETE, INSERT, SELECT ON proposal TO payonce_app;
GRANT UPDATE (content, proposed_by, proposed_at, tenant_id) ON proposal TO payonce_app;

CREATE TABLE reconciliation_break (
  break_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  kind text NOT NULL,
  chain_id bigint NOT NULL,
  lane_id integer NOT NULL,
  subject_id uuid NOT NULL,
  owner_kind text,
  owner_id uuid,
  correlation_id text,
  detail jsonb NOT NULL,
  opened_at timestamp with time zone NOT NULL DEFAULT now(),
  resolved_at timestamp with time zone,
  CONSTRAINT reconciliation_break_kind_check CHECK ((kind = ANY (ARRAY['effect_mismatch'::text, 'foreign_payment'::text, 'paid_after_release'::text, 'final_taken_back'::text]))),
  CONSTRAINT reconciliation_break_kind_subject_id_key UNIQUE (kind, subject_id),
  CONSTRAINT reconciliation_break_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lane(lane_id),
  CONSTRAINT reconciliation_break_pkey PRIMARY KEY (break_id),
  CONSTRAINT reconciliation_break_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);
CREATE INDEX reconciliation_break_owner ON public.reconciliation_break USING btree (owner_id) WHERE (owner_id IS NOT NULL);
CREATE INDEX reconciliation_break_tenant ON public.reconciliation_break USING btree (tenant_id, break_id);
GRANT INSERT, SELECT ON reconciliation_break TO payonce_app;
GRANT UPDATE (detail, opened_at, resolved_at) ON reconciliation_break TO payonce_app;

CREATE TABLE refund (
  refund_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  amount numeric(78,0) NOT NULL,
  reason text NOT NULL,
  idempotency_key text NOT NULL,
  correlation_id text NOT NULL,
  status text NOT NULL DEFAULT 'PENDING'::text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  ended_at timestamp with time zone,
  CONSTRAINT refund_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT refund_ended CHECK (((ended_at IS NULL) = (status = 'PENDING'::text))),
  CONSTRAINT refund_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment(payment_id),
  CONSTRAINT refund_pkey PRIMARY KEY (refund_id),
  CONSTRAINT refund_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 1020))),
  CONSTRAINT refund_status_check CHECK ((status = ANY (ARRAY['PENDING'::text, 'PAID'::text, 'FAILED'::text])))
);
CREATE INDEX refund_payment ON public.refund USING btree (payment_id, refund_id);
GRANT INSERT, SELECT ON refund TO payonce_app;
GRANT UPDATE (status, ended_at) ON refund TO payonce_app;

CREATE TABLE reserve (
  withdrawal_id uuid NOT NULL,
  generation integer NOT NULL,
  transfer_id uuid NOT NULL,
  CONSTRAINT reserve_pkey PRIMARY KEY (withdrawal_id, generation)
);
GRANT INSERT, SELECT ON reserve TO payonce_app;

CREATE TABLE reserve_resolution (
  withdrawal_id uuid NOT NULL,
  generation integer NOT NULL,
  resolution text NOT NULL,
  transfer_id uuid NOT NULL,
  CONSTRAINT reserve_resolution_pkey PRIMARY KEY (withdrawal_id, generation),
  CONSTRAINT reserve_resolution_resolution_check CHECK ((resolution = ANY (ARRAY['COMMIT'::text, 'RELEASE'::text])))
);
GRANT INSERT, SELECT ON reserve_resolution TO payonce_app;

CREATE TABLE rpc_endpoint (
  chain_id bigint NOT NULL,
  name text NOT NULL,
  state text NOT NULL,
  since timestamp with time zone NOT NULL,
  head bigint,
  lag bigint,
  latency_ms integer,
  error_rate real NOT NULL,
  last_failure text,
  wrong_chain_id bigint,
  reported_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT rpc_endpoint_pkey PRIMARY KEY (chain_id, name),
  CONSTRAINT rpc_endpoint_state_check CHECK ((state = ANY (ARRAY['healthy'::text, 'degraded'::text, 'open'::text, 'wrong_chain'::text])))
) WITH (fillfactor=50);
GRANT DELETE, INSERT, SELECT ON rpc_endpoint TO payonce_app;
GRANT UPDATE (state, since, head, lag, latency_ms, error_rate, last_failure, wrong_chain_id, reported_at) ON rpc_endpoint TO payonce_app;

CREATE TABLE schema_migration (
  version integer NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  min_code_version integer NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
);
GRANT SELECT ON schema_migration TO payonce_app;
GRANT SELECT ON schema_migration TO payonce_signer;

CREATE TABLE screening (
  chain_id bigint NOT NULL,
  address bytea NOT NULL,
  risk_score integer,
  category text,
  source text,
  screened_at timestamp with time zone,
  wanted_at timestamp with time zone DEFAULT clock_timestamp(),
  ask_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  failures integer NOT NULL DEFAULT 0,
  failure text,
  CONSTRAINT screening_address_check CHECK ((octet_length(address) = 20)),
  CONSTRAINT screening_category_check CHECK ((category ~ '^[a-z0-9_]{1,64}$'::text)),
  CONSTRAINT screening_check CHECK ((((risk_score IS NULL) = (screened_at IS NULL)) AND ((source IS NULL) = (screened_at IS NULL)))),
  CONSTRAINT screening_check1 CHECK (((failures > 0) = (failure IS NOT NULL))),
  CONSTRAINT screening_check2 CHECK (((wanted_at IS NOT NULL) OR (screened_at IS NOT NULL))),
  CONSTRAINT screening_failures_check CHECK ((failures >= 0)),
  CONSTRAINT screening_pkey PRIMARY KEY (chain_id, address),
  CONSTRAINT screening_risk_score_check CHECK (((risk_score >= 0) AND (risk_score <= 100))),
  CONSTRAINT screening_source_check CHECK ((source <> ''::text))
) WITH (fillfactor=80);
CREATE INDEX screening_wanted ON public.screening USING btree (ask_at) WHERE (wanted_at IS NOT NULL);
GRANT INSERT (chain_id, address) ON screening TO payonce_app;
GRANT SELECT ON screening TO payonce_app;
GRANT UPDATE (risk_score, category, source, screened_at, wanted_at, ask_at, failures, failure) ON screening TO payonce_app;

CREATE TABLE signature (
  signature_request_id uuid NOT NULL,
  tx_hash bytea,
  raw bytea,
  refusal_code text,
  refusal_message text,
  collected_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT signature_check CHECK ((((raw IS NULL) = (tx_hash IS NULL)) AND ((raw IS NULL) <> (refusal_code IS NULL)))),
  CONSTRAINT signature_pkey PRIMARY KEY (signature_request_id),
  CONSTRAINT signature_tx_hash_check CHECK ((octet_length(tx_hash) = 32))
) WITH (fillfactor=45);
CREATE INDEX signature_uncollected ON public.signature USING btree (signature_request_id) WHERE (collected_at IS NULL);
GRANT SELECT ON signature TO payonce_app;
GRANT UPDATE (collected_at) ON signature TO payonce_app;
GRANT INSERT (signature_request_id, tx_hash, raw, refusal_code, refusal_message) ON signature TO payonce_signer;
GRANT SELECT ON signature TO payonce_signer;

CREATE TABLE signature_nonce (
  nonce_hash uuid NOT NULL,
  created timestamp with time zone NOT NULL,
  CONSTRAINT signature_nonce_pkey PRIMARY KEY (nonce_hash)
);
CREATE INDEX signature_nonce_created ON public.signature_nonce USING btree (created);
GRANT DELETE, INSERT, SELECT ON signature_nonce TO payonce_app;

CREATE TABLE signature_request (
  signature_request_id uuid NOT NULL DEFAULT payonce_uuid7(),
  lane_id integer NOT NULL,
  nonce bigint NOT NULL,
  ordinal integer NOT NULL,
  tx_id uuid NOT NULL,
  kind text NOT NULL,
  tx_type smallint NOT NULL DEFAULT 2,
  gas_limit numeric(78,0) NOT NULL,
  max_fee_per_gas numeric(78,0) NOT NULL,
  max_priority_fee_per_gas numeric(78,0) NOT NULL,
  lane_epoch bigint NOT NULL,
  claimed_by text,
  claimed_at timestamp with time zone,
  cancelled_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT signature_request_check CHECK (((claimed_at IS NULL) OR (cancelled_at IS NULL))),
  CONSTRAINT signature_request_check1 CHECK ((max_priority_fee_per_gas <= max_fee_per_gas)),
  CONSTRAINT signature_request_check2 CHECK (((tx_type = 2) OR (max_priority_fee_per_gas = max_fee_per_gas))),
  CONSTRAINT signature_request_gas_limit_check CHECK ((gas_limit > (0)::numeric)),
  CONSTRAINT signature_request_kind_check CHECK ((kind = ANY (ARRAY['effect'::text, 'filler'::text]))),
  CONSTRAINT signature_request_lane_id_nonce_ordinal_key UNIQUE (lane_id, nonce, ordinal),
  CONSTRAINT signature_request_max_fee_per_gas_check CHECK ((max_fee_per_gas > (0)::numeric)),
  CONSTRAINT signature_request_max_priority_fee_per_gas_check CHECK ((max_priority_fee_per_gas >= (0)::numeric)),
  CONSTRAINT signature_request_pkey PRIMARY KEY (signature_request_id),
  CONSTRAINT signature_request_tx_type_check CHECK ((tx_type = ANY (ARRAY[0, 2])))
) WITH (fillfactor=45);
CREATE INDEX signature_request_open ON public.signature_request USING btree (signature_request_id) WHERE ((claimed_at IS NULL) AND (cancelled_at IS NULL));
GRANT INSERT, SELECT ON signature_request TO payonce_app;
GRANT UPDATE (cancelled_at) ON signature_request TO payonce_app;
GRANT SELECT ON signature_request TO payonce_signer;
GRANT UPDATE (claimed_by, claimed_at) ON signature_request TO payonce_signer;

CREATE TABLE signer_rules (
  digest bytea NOT NULL,
  told_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT signer_rules_digest_check CHECK ((octet_length(digest) = 32)),
  CONSTRAINT signer_rules_pkey PRIMARY KEY (digest)
);
GRANT SELECT ON signer_rules TO payonce_app;
GRANT INSERT (digest) ON signer_rules TO payonce_signer;
GRANT SELECT ON signer_rules TO payonce_signer;
GRANT UPDATE (told_at) ON signer_rules TO payonce_signer;

CREATE TABLE signing_freeze (
  freeze_id uuid NOT NULL DEFAULT payonce_uuid7(),
  code text NOT NULL,
  detail text NOT NULL,
  remedy text NOT NULL,
  declared_by text NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT signing_freeze_code_check CHECK ((code = ANY (ARRAY['main_behind'::text, 'journal_behind'::text, 'both_behind'::text, 'witness_missing'::text, 'journal_foreign'::text]))),
  CONSTRAINT signing_freeze_pkey PRIMARY KEY (freeze_id)
);
GRANT SELECT ON signing_freeze TO payonce_app;
GRANT INSERT (code, detail, remedy, declared_by) ON signing_freeze TO payonce_signer;
GRANT SELECT ON signing_freeze TO payonce_signer;

CREATE TABLE signing_freeze_lift (
  freeze_id uuid NOT NULL,
  lifted_by text NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT signing_freeze_lift_freeze_id_fkey FOREIGN KEY (freeze_id) REFERENCES signing_freeze(freeze_id),
  CONSTRAINT signing_freeze_lift_pkey PRIMARY KEY (freeze_id)
);
GRANT SELECT ON signing_freeze_lift TO payonce_app;
GRANT INSERT (freeze_id, lifted_by) ON signing_freeze_lift TO payonce_signer;
GRANT SELECT ON signing_freeze_lift TO payonce_signer;

CREATE TABLE signing_freeze_told (
  freeze_id uuid NOT NULL,
  lifted boolean NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT signing_freeze_told_freeze_id_fkey FOREIGN KEY (freeze_id) REFERENCES signing_freeze(freeze_id),
  CONSTRAINT signing_freeze_told_pkey PRIMARY KEY (freeze_id, lifted)
);
GRANT INSERT, SELECT ON signing_freeze_told TO payonce_app;

CREATE TABLE speed_up (
  speed_up_id uuid NOT NULL,
  tx_id uuid NOT NULL,
  max_fee_per_gas numeric(78,0),
  correlation_id text NOT NULL,
  signature_request_id uuid,
  done_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT speed_up_check CHECK (((signature_request_id IS NULL) OR (done_at IS NOT NULL))),
  CONSTRAINT speed_up_max_fee_per_gas_check CHECK ((max_fee_per_gas > (0)::numeric)),
  CONSTRAINT speed_up_pkey PRIMARY KEY (speed_up_id),
  CONSTRAINT speed_up_signature_request_id_key UNIQUE (signature_request_id)
);
CREATE INDEX speed_up_open ON public.speed_up USING btree (speed_up_id) WHERE (done_at IS NULL);
GRANT INSERT, SELECT ON speed_up TO payonce_app;
GRANT UPDATE (signature_request_id, done_at) ON speed_up TO payonce_app;

CREATE VIEW standing_person AS
 SELECT api_key.person_id,
    api_key.tenant_id,
    api_key.created_at AS since,
    NULL::text[] AS roles
   FROM api_key
  WHERE ((api_key.key_id = api_key.person_id) AND (api_key.revoked_at IS NULL) AND ((api_key.expires_at IS NULL) OR (api_key.expires_at > clock_timestamp())))
UNION ALL
 SELECT operator_membership.operator_id AS person_id,
    operator_membership.tenant_id,
    GREATEST(operator_membership.granted_at, operator_membership.activated_at) AS since,
    operator_membership.roles
   FROM operator_membership
  WHERE ((operator_membership.activated_at IS NOT NULL) AND (operator_membership.suspended_at IS NULL));
GRANT SELECT ON standing_person TO payonce_app;

CREATE TABLE state_initial (
  machine text NOT NULL,
  state text NOT NULL,
  CONSTRAINT state_initial_pkey PRIMARY KEY (machine, state)
);
GRANT SELECT ON state_initial TO payonce_app;

CREATE TABLE state_transition (
  machine text NOT NULL,
  from_state text NOT NULL,
  to_state text NOT NULL,
  CONSTRAINT state_transition_pkey PRIMARY KEY (machine, from_state, to_state)
);
GRANT SELECT ON state_transition TO payonce_app;

CREATE TABLE tenant (
  tenant_id uuid NOT NULL DEFAULT payonce_uuid7(),
  name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT tenant_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text)),
  CONSTRAINT tenant_name_key UNIQUE (name),
  CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id)
);
GRANT INSERT, SELECT ON tenant TO payonce_app;
GRANT SELECT ON tenant TO payonce_signer;

CREATE TABLE transfer (
  transfer_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  kind text NOT NULL,
  account text,
  subject_id uuid,
  generation integer NOT NULL DEFAULT 0,
  correlation_id text,
  debit_nos bigint[] NOT NULL,
  credit_nos bigint[] NOT NULL,
  amounts numeric[] NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT transfer_amounts CHECK (((array_position(amounts, NULL::numeric) IS NULL) AND ((0)::numeric < ALL (amounts)))),
  CONSTRAINT transfer_kind_check CHECK ((kind = ANY (ARRAY['DEPOSIT'::text, 'FUND'::text, 'RESERVE'::text, 'ASSIGN'::text, 'COMMIT'::text, 'RELEASE'::text, 'UNASSIGN'::text, 'REVERSE'::text, 'GAS'::text, 'ADJUST'::text, 'EXPECT'::text, 'EARN'::text, 'UNEARN'::text, 'LAPSE'::text]))),
  CONSTRAINT transfer_pkey PRIMARY KEY (transfer_id),
  CONSTRAINT transfer_postings CHECK ((((cardinality(amounts) >= 1) AND (cardinality(amounts) <= 4)) AND (cardinality(debit_nos) = cardinality(amounts)) AND (cardinality(credit_nos) = cardinality(amounts)) AND (array_position(debit_nos, NULL::bigint) IS NULL) AND (array_position(credit_nos, NULL::bigint) IS NULL))),
  CONSTRAINT transfer_two_accounts CHECK (((debit_nos[1] <> credit_nos[1]) AND ((debit_nos[2] <> credit_nos[2]) IS NOT FALSE) AND ((debit_nos[3] <> credit_nos[3]) IS NOT FALSE) AND ((debit_nos[4] <> credit_nos[4]) IS NOT FALSE)))
) PARTITION BY RANGE (transfer_id);
CREATE INDEX transfer_account ON ONLY public.transfer USING btree (tenant_id, account, transfer_id) WHERE (account IS NOT NULL);
GRANT INSERT, SELECT ON transfer TO payonce_app;

CREATE TABLE treasury_move (
  move_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  kind text NOT NULL,
  from_lane integer NOT NULL,
  to_lane integer NOT NULL,
  asset text NOT NULL,
  amount numeric(78,0) NOT NULL,
  generation integer NOT NULL,
  correlation_id text NOT NULL,
  requested_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  outcome text,
  ended_at timestamp with time zone,
  CONSTRAINT treasury_move_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT treasury_move_check CHECK ((to_lane <> from_lane)),
  CONSTRAINT treasury_move_from_lane_fkey FOREIGN KEY (from_lane) REFERENCES lane(lane_id),
  CONSTRAINT treasury_move_generation_check CHECK ((generation > 0)),
  CONSTRAINT treasury_move_kind_check CHECK ((kind = ANY (ARRAY['topup'::text, 'sweep'::text]))),
  CONSTRAINT treasury_move_kind_from_lane_to_lane_asset_generation_key UNIQUE (kind, from_lane, to_lane, asset, generation),
  CONSTRAINT treasury_move_outcome_check CHECK ((outcome = ANY (ARRAY['arrived'::text, 'unpaid'::text]))),
  CONSTRAINT treasury_move_pkey PRIMARY KEY (move_id),
  CONSTRAINT treasury_move_to_lane_fkey FOREIGN KEY (to_lane) REFERENCES lane(lane_id)
);
CREATE UNIQUE INDEX treasury_move_open ON public.treasury_move USING btree (kind, from_lane, to_lane, asset) WHERE (outcome IS NULL);
GRANT INSERT, SELECT ON treasury_move TO payonce_app;
GRANT UPDATE (outcome, ended_at) ON treasury_move TO payonce_app;

CREATE TABLE tx (
  tx_id uuid NOT NULL DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  owner_kind text NOT NULL,
  owner_id uuid NOT NULL,
  intent_id bytea NOT NULL,
  operation text NOT NULL,
  idempotency_key text NOT NULL,
  chain_id bigint NOT NULL,
  asset text NOT NULL,
  token bytea,
  recipient bytea NOT NULL,
  amount numeric(78,0) NOT NULL,
  decision_id uuid,
  settle_at text NOT NULL,
  expires_at timestamp with time zone,
  status text NOT NULL,
  waiting text,
  waiting_detail text,
  furthest_level text NOT NULL DEFAULT 'none'::text,
  reorgs integer NOT NULL DEFAULT 0,
  failure_code text,
  failure_message text,
  correlation_id text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  from_lane integer,
  to_lane integer,
  payer_authorization bytea,
  CONSTRAINT tx_amount_check CHECK (((amount > (0)::numeric) OR ((amount = (0)::numeric) AND (owner_kind = 'filler'::text)))),
  CONSTRAINT tx_furthest_level_check CHECK ((furthest_level = ANY (ARRAY['none'::text, 'included'::text, 'safe'::text, 'finalized'::text]))),
  CONSTRAINT tx_intent_id_check CHECK ((octet_length(intent_id) = 32)),
  CONSTRAINT tx_intent_id_key UNIQUE (intent_id),
  CONSTRAINT tx_own_lanes CHECK (((from_lane IS NOT NULL) = ((to_lane IS NOT NULL) OR COALESCE((get_byte(payer_authorization, 0) = 3), false)))),
  CONSTRAINT tx_payer_authorization CHECK (((payer_authorization IS NULL) OR ((token IS NOT NULL) AND ((octet_length(payer_authorization) >= 118) AND (octet_length(payer_authorization) <= 4097)) AND ((get_byte(payer_authorization, 0) = ANY (ARRAY[1, 2])) OR ((get_byte(payer_authorization, 0) = 3) AND (octet_length(payer_authorization) >= 182)))))),
  CONSTRAINT tx_pkey PRIMARY KEY (tx_id),
  CONSTRAINT tx_recipient_check CHECK ((octet_length(recipient) = 20)),
  CONSTRAINT tx_settle_at_check CHECK ((settle_at = ANY (ARRAY['included'::text, 'safe'::text, 'finalized'::text]))),
  CONSTRAINT tx_settles_early CHECK (((settle_at <> 'included'::text) OR (owner_kind = 'payment'::text))),
  CONSTRAINT tx_status CHECK ((status = ANY (ARRAY['CREATED'::text, 'SLOTTED'::text, 'SIGNED'::text, 'BROADCASTED'::text, 'INCLUDED'::text, 'FINAL'::text, 'REVERTED'::text, 'REPLACED'::text, 'CANCELLED'::text]))),
  CONSTRAINT tx_token_check CHECK ((octet_length(token) = 20))
) WITH (fillfactor=45);
CREATE INDEX tx_owner ON public.tx USING btree (owner_id);
CREATE TRIGGER tx_insert AFTER INSERT ON public.tx REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tx_insert_check();
CREATE TRIGGER tx_update AFTER UPDATE ON public.tx REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tx_update_check();
GRANT INSERT, SELECT ON tx TO payonce_app;
GRANT UPDATE (status, waiting, waiting_detail, furthest_level, reorgs, failure_code, failure_message, updated_at) ON tx TO payonce_app;
GRANT SELECT ON tx TO payonce_signer;

CREATE TABLE withdrawal (
  withdrawal_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  account text NOT NULL,
  asset text NOT NULL,
  amount numeric(78,0) NOT NULL,
  fee numeric(78,0) NOT NULL,
  recipient bytea NOT NULL,
  idempotency_key text NOT NULL,
  external_id text,
  metadata jsonb,
  correlation_id text NOT NULL,
  expires_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  status text NOT NULL,
  generation integer NOT NULL DEFAULT 1,
  decision_id uuid,
  risk_tier text,
  cancel_requested_at timestamp with time zone,
  failure_code text,
  failure_message text,
  failure_members jsonb,
  completed_at timestamp with time zone,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  initiated_by uuid,
  CONSTRAINT withdrawal_amount_check CHECK ((amount > (0)::numeric)),
  CONSTRAINT withdrawal_fee_check CHECK ((fee >= (0)::numeric)),
  CONSTRAINT withdrawal_pkey PRIMARY KEY (withdrawal_id),
  CONSTRAINT withdrawal_recipient_check CHECK ((octet_length(recipient) = 20)),
  CONSTRAINT withdrawal_status CHECK ((status = ANY (ARRAY['REQUESTED'::text, 'RESERVED'::text, 'AWAITING_APPROVAL'::text, 'APPROVED'::text, 'EXECUTING'::text, 'COMPLETED'::text, 'REVERSED'::text, 'RESETTLED'::text, 'REJECTED'::text, 'CANCELLED'::text, 'EXPIRED'::text, 'FAILED'::text])))
) WITH (fillfactor=30);
CREATE INDEX withdrawal_account ON public.withdrawal USING btree (tenant_id, account, withdrawal_id);
CREATE INDEX withdrawal_tenant ON public.withdrawal USING btree (tenant_id, withdrawal_id);
CREATE TRIGGER withdrawal_insert AFTER INSERT ON public.withdrawal REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION withdrawal_insert_check();
CREATE TRIGGER withdrawal_update AFTER UPDATE ON public.withdrawal REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION withdrawal_update_check();
GRANT INSERT, SELECT ON withdrawal TO payonce_app;
GRANT UPDATE (status, generation, decision_id, risk_tier, cancel_requested_at, failure_code, failure_message, failure_members, completed_at, updated_at) ON withdrawal TO payonce_app;

CREATE OR REPLACE FUNCTION public.approval_insert_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'approval' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'approval: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_initial';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.approval_update_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad record;
BEGIN
  SELECT o.request_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.request_id = o.request_id
    LEFT JOIN state_transition s
      ON s.machine = 'approval' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'approval %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_transition';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.gateway_call_charged_once()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'gateway_call %: its charge is %, and stays so', OLD.call_id, OLD.charge
    USING ERRCODE = 'check_violation', CONSTRAINT = 'gateway_call_charged_once';
END $function$;

CREATE OR REPLACE FUNCTION public.gateway_call_insert_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'gateway_call' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'gateway_call: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'gateway_call_initial';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.gateway_call_update_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad record;
BEGIN
  SELECT o.call_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.call_id = o.call_id
    LEFT JOIN state_transition s
      ON s.machine = 'gateway_call' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'gateway_call %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'gateway_call_transition';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.payment_approved_first()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.decision_id IS DISTINCT FROM OLD.decision_id OR NOT EXISTS (
    SELECT FROM approval_request WHERE decision_id = OLD.decision_id AND owner_id = OLD.payment_id AND status = 'APPROVED') THEN
    RAISE EXCEPTION 'payment %: persons have not approved it', OLD.payment_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_approved_first';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.payment_charged_once()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'payment %: % was charged, and stays so', OLD.payment_id, OLD.charged
    USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_charged_once';
END $function$;

CREATE OR REPLACE FUNCTION public.payment_insert_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'payment' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'payment: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_initial';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.payment_update_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad record;
BEGIN
  SELECT o.payment_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.payment_id = o.payment_id
    LEFT JOIN state_transition s
      ON s.machine = 'payment' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'payment %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_transition';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.payonce_decide_again(txs uuid[], was uuid[], decisions uuid[])
 RETURNS SETOF uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  WITH wanted AS MATERIALIZED (
    SELECT t.tx_id, d.decision_id, d.commit_at
    FROM unnest(txs, was, decisions) AS u(tx_id, was, decision_id)
    JOIN tx t ON t.tx_id = u.tx_id AND t.tx_id = ANY(txs)
    JOIN decision d ON d.decision_id = u.decision_id AND d.verdict = 'allow' AND d.subject_id = t.owner_id
      AND d.tenant_id = t.tenant_id
    WHERE t.status = 'CREATED' AND t.decision_id = u.was ORDER BY t.tx_id FOR UPDATE OF t
  ), consumed AS (
    INSERT INTO decision_consumed (decision_id, tx_id) SELECT decision_id, tx_id FROM wanted
  )
  UPDATE tx t SET decision_id = w.decision_id, settle_at = w.commit_at, updated_at = now()
  FROM wanted w WHERE t.tx_id = w.tx_id AND t.tx_id = ANY(txs) RETURNING t.tx_id
$function$;
GRANT EXECUTE ON FUNCTION payonce_decide_again TO payonce_app;

CREATE OR REPLACE FUNCTION public.payonce_ends(address bytea)
 RETURNS bytea
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (SUBSTRING(address FROM 1 FOR 2) || SUBSTRING(address FROM 19 FOR 2));

CREATE OR REPLACE FUNCTION public.payonce_event_id(batch uuid, n bigint)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT (left(batch::text, 32) || lpad(to_hex(n & 65535), 4, '0'))::uuid
$function$;

CREATE OR REPLACE FUNCTION public.payonce_journal_seal_rises()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.height < OLD.height OR (NEW.height = OLD.height AND NEW.hash <> OLD.hash) THEN
    RAISE EXCEPTION 'the journal''s seal only rises: % to %', OLD.height, NEW.height USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION public.payonce_key_person()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.person_id IS NULL THEN
    NEW.person_id := NEW.key_id;
    INSERT INTO person VALUES (NEW.key_id);
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION public.payonce_make_partitions()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public'
AS $function$
DECLARE
  parent text;
  week int;
  lower_at timestamptz;
  name text;
  made int := 0;
BEGIN
  FOR parent IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'p' AND n.nspname = 'public' ORDER BY 1
  LOOP
    FOR week IN 0..14 LOOP
      lower_at := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + week * interval '7 days';
      name := parent || '_' || to_char(lower_at AT TIME ZONE 'UTC', 'YYYYMMDD');
      IF to_regclass('public.' || quote_ident(name)) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
          name, parent, payonce_uuid_at(lower_at), payonce_uuid_at(lower_at + interval '7 days'));
        made := made + 1;
      END IF;
    END LOOP;
  END LOOP;
  RETURN made;
END $function$;
GRANT EXECUTE ON FUNCTION payonce_make_partitions TO payonce_app;

CREATE OR REPLACE FUNCTION public.payonce_operator_person()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  INSERT INTO person VALUES (NEW.operator_id);
  RETURN NEW;
END $function$;

-- payonce_uuid7() RETURNS uuid: version 7, from the server's clock

CREATE OR REPLACE FUNCTION public.payonce_uuid_at(moment timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$function$;

CREATE OR REPLACE FUNCTION public.policy_change_insert_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'policy_change' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'policy_change: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_change_initial';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.policy_change_update_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad record;
BEGIN
  SELECT o.change_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.change_id = o.change_id
    LEFT JOIN state_transition s
      ON s.machine = 'policy_change' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'policy_change %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_change_transition';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.priced_endpoint_ended()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF OLD.removed_at <= now() THEN
    RAISE EXCEPTION 'priced_endpoint %: its end is past', OLD.endpoint_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'priced_endpoint_ended';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION public.tx_insert_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'tx' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'tx: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'tx_initial';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.tx_update_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad record;
BEGIN
  SELECT o.tx_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.tx_id = o.tx_id
    LEFT JOIN state_transition s
      ON s.machine = 'tx' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'tx %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'tx_transition';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.withdrawal_insert_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'withdrawal' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'withdrawal: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'withdrawal_initial';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.withdrawal_update_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'off'
AS $function$
DECLARE
  bad record;
BEGIN
  SELECT o.withdrawal_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.withdrawal_id = o.withdrawal_id
    LEFT JOIN state_transition s
      ON s.machine = 'withdrawal' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'withdrawal %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'withdrawal_transition';
  END IF;
  RETURN NULL;
END $function$;

GRANT USAGE ON SCHEMA public TO payonce_app;

GRANT USAGE ON SCHEMA public TO payonce_signer;

-- The signer database.

CREATE TABLE audit_root (
  height bigint NOT NULL,
  hash bytea NOT NULL,
  signed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT audit_root_hash_check CHECK ((octet_length(hash) = 32)),
  CONSTRAINT audit_root_height_check CHECK ((height > 0)),
  CONSTRAINT audit_root_pkey PRIMARY KEY (height)
);
GRANT INSERT, SELECT ON audit_root TO payonce_signer;

CREATE TABLE dry_promise (
  intent_id bytea NOT NULL,
  wallet_group text NOT NULL,
  asset text NOT NULL,
  amount numeric(78,0) NOT NULL,
  until timestamp with time zone NOT NULL,
  CONSTRAINT dry_promise_amount_check CHECK ((amount >= (0)::numeric)),
  CONSTRAINT dry_promise_intent_id_check CHECK ((octet_length(intent_id) = 32)),
  CONSTRAINT dry_promise_pkey PRIMARY KEY (intent_id, asset)
);
GRANT DELETE, INSERT, SELECT ON dry_promise TO payonce_signer;
GRANT UPDATE (wallet_group, amount, until) ON dry_promise TO payonce_signer;

CREATE TABLE journal (
  height bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  signature_request_id uuid NOT NULL,
  intent_id bytea NOT NULL,
  kind text NOT NULL,
  fingerprint bytea NOT NULL,
  max_spend numeric(78,0) NOT NULL,
  lane_epoch bigint NOT NULL,
  unsigned bytea NOT NULL,
  signed bytea,
  tx_hash bytea,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  signed_at timestamp with time zone,
  batch bigint,
  CONSTRAINT journal_fingerprint_check CHECK ((octet_length(fingerprint) = 32)),
  CONSTRAINT journal_kind_check CHECK ((kind = ANY (ARRAY['effect'::text, 'filler'::text]))),
  CONSTRAINT journal_max_spend_check CHECK ((max_spend >= (0)::numeric)),
  CONSTRAINT journal_pkey PRIMARY KEY (height),
  CONSTRAINT journal_signature_request_id_key UNIQUE (signature_request_id),
  CONSTRAINT journal_tx_hash_check CHECK ((octet_length(tx_hash) = 32))
) WITH (fillfactor=35);
CREATE INDEX journal_intent ON public.journal USING btree (intent_id);
CREATE TRIGGER journal_insert AFTER INSERT ON public.journal REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION journal_bound_check();
GRANT INSERT, SELECT ON journal TO payonce_signer;
GRANT UPDATE (signed, tx_hash, signed_at) ON journal TO payonce_signer;

CREATE TABLE journal_batch (
  height bigint NOT NULL,
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL,
  entries integer NOT NULL,
  main_height bigint NOT NULL,
  main_hash bytea NOT NULL,
  main_position bigint NOT NULL,
  main_event_id uuid,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT journal_batch_check CHECK ((main_height < height)),
  CONSTRAINT journal_batch_entries_check CHECK ((entries > 0)),
  CONSTRAINT journal_batch_hash_check CHECK ((octet_length(hash) = 32)),
  CONSTRAINT journal_batch_height_check CHECK ((height > 0)),
  CONSTRAINT journal_batch_main_hash_check CHECK ((octet_length(main_hash) = 32)),
  CONSTRAINT journal_batch_pkey PRIMARY KEY (height),
  CONSTRAINT journal_batch_previous_hash_check CHECK ((octet_length(previous_hash) = 32))
);
GRANT INSERT, SELECT ON journal_batch TO payonce_signer;

CREATE TABLE journal_head (
  singleton boolean NOT NULL DEFAULT true,
  installation_id uuid,
  height bigint NOT NULL DEFAULT 0,
  hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea,
  request_id uuid,
  main_height bigint NOT NULL DEFAULT 0,
  main_hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea,
  main_position bigint NOT NULL DEFAULT 0,
  main_event_id uuid,
  CONSTRAINT journal_head_check CHECK (((height = 0) = (request_id IS NULL))),
  CONSTRAINT journal_head_check1 CHECK (((height = 0) OR (installation_id IS NOT NULL))),
  CONSTRAINT journal_head_hash_check CHECK ((octet_length(hash) = 32)),
  CONSTRAINT journal_head_height_check CHECK ((height >= 0)),
  CONSTRAINT journal_head_main_hash_check CHECK ((octet_length(main_hash) = 32)),
  CONSTRAINT journal_head_main_height_check CHECK ((main_height >= 0)),
  CONSTRAINT journal_head_pkey PRIMARY KEY (singleton),
  CONSTRAINT journal_head_singleton_check CHECK (singleton)
) WITH (fillfactor=50);
GRANT SELECT ON journal_head TO payonce_signer;
GRANT UPDATE (installation_id, height, hash, request_id, main_height, main_hash, main_position, main_event_id) ON journal_head TO payonce_signer;

CREATE TABLE lane_epoch (
  chain_id bigint NOT NULL,
  from_address bytea NOT NULL,
  epoch bigint NOT NULL,
  lowest_nonce bigint NOT NULL,
  CONSTRAINT lane_epoch_from_address_check CHECK ((octet_length(from_address) = 20)),
  CONSTRAINT lane_epoch_pkey PRIMARY KEY (chain_id, from_address, epoch)
);
GRANT INSERT, SELECT ON lane_epoch TO payonce_signer;
GRANT UPDATE (lowest_nonce) ON lane_epoch TO payonce_signer;

CREATE TABLE refusal (
  refusal_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  signature_request_id uuid,
  code text NOT NULL,
  message text NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT now(),
  tx_id uuid,
  intent_id bytea,
  field text,
  CONSTRAINT refusal_check CHECK (((signature_request_id IS NOT NULL) OR (tx_id IS NOT NULL))),
  CONSTRAINT refusal_pkey PRIMARY KEY (refusal_id)
);
GRANT INSERT, SELECT ON refusal TO payonce_signer;

CREATE TABLE schema_migration (
  version integer NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  min_code_version integer NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
);
GRANT SELECT ON schema_migration TO payonce_signer;

CREATE TABLE slot_binding (
  intent_id bytea NOT NULL,
  chain_id bigint NOT NULL,
  from_address bytea NOT NULL,
  nonce bigint NOT NULL,
  effect_digest bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT slot_binding_chain_id_from_address_nonce_key UNIQUE (chain_id, from_address, nonce),
  CONSTRAINT slot_binding_effect_digest_check CHECK ((octet_length(effect_digest) = 32)),
  CONSTRAINT slot_binding_from_address_check CHECK ((octet_length(from_address) = 20)),
  CONSTRAINT slot_binding_intent_id_check CHECK ((octet_length(intent_id) = 32)),
  CONSTRAINT slot_binding_nonce_check CHECK ((nonce >= 0)),
  CONSTRAINT slot_binding_pkey PRIMARY KEY (intent_id)
);
GRANT INSERT, SELECT ON slot_binding TO payonce_signer;

CREATE TABLE spend (
  signature_request_id uuid NOT NULL,
  wallet_group text NOT NULL,
  asset text NOT NULL,
  amount numeric(78,0) NOT NULL,
  minute timestamp with time zone NOT NULL,
  CONSTRAINT spend_amount_check CHECK ((amount >= (0)::numeric)),
  CONSTRAINT spend_pkey PRIMARY KEY (signature_request_id, asset),
  CONSTRAINT spend_signature_request_id_fkey FOREIGN KEY (signature_request_id) REFERENCES journal(signature_request_id)
);
GRANT INSERT, SELECT ON spend TO payonce_signer;

CREATE TABLE spend_minute (
  wallet_group text NOT NULL,
  asset text NOT NULL,
  minute timestamp with time zone NOT NULL,
  amount numeric(78,0) NOT NULL,
  before numeric(78,0) NOT NULL,
  CONSTRAINT spend_minute_amount_check CHECK ((amount >= (0)::numeric)),
  CONSTRAINT spend_minute_before_check CHECK ((before >= (0)::numeric)),
  CONSTRAINT spend_minute_pkey PRIMARY KEY (wallet_group, asset, minute)
) WITH (fillfactor=70);
GRANT INSERT, SELECT ON spend_minute TO payonce_signer;
GRANT UPDATE (amount) ON spend_minute TO payonce_signer;

CREATE OR REPLACE FUNCTION public.journal_bound_check()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  bad bytea;
BEGIN
  SELECT n.intent_id INTO bad FROM new_rows n
    WHERE NOT EXISTS (SELECT FROM slot_binding b WHERE b.intent_id = n.intent_id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'intent % is bound to no slot', bad
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'journal_intent_bound';
  END IF;
  RETURN NULL;
END $function$;

GRANT USAGE ON SCHEMA public TO payonce_app;

GRANT USAGE ON SCHEMA public TO payonce_signer;
