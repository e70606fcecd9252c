-- Who was asked about a held run, and what was answered: the one way by which it is published.

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.approvals (
    run text NOT NULL,
    dataset text NOT NULL,
    number integer NOT NULL,
    decision text NOT NULL CHECK (decision IN ('ask', 'approve', 'reject')),
    decided_by text,
    reason text NOT NULL,
    shown text NOT NULL,
    asked_until timestamptz,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (run, dataset, number),
    CHECK ((decision = 'ask') = (asked_until IS NOT NULL)),
    CHECK (decision <> 'approve' OR (decided_by <> '' AND reason <> ''))
);
COMMENT ON TABLE sluice.approvals IS
    'What was asked and answered about a held run, in order. An approval counts while it is the last word and nobody ever
     rejected; decided_by is null where nobody answered in time. shown is sluice.shown() of what the answer was given on.';

-- The digest of all that was judged of a run: an approval is one of exactly this.
CREATE OR REPLACE FUNCTION sluice.shown(of_run text, dataset_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(jsonb_agg(jsonb_build_array(
        stage, decision, rows, passed, quarantined, reasons, outcomes, warnings, batches, suite_hash, report
    ) ORDER BY stage)::text, 'UTF8')), 'hex')
    FROM sluice.validations WHERE run = of_run AND dataset = dataset_name
$$;

-- Refuses what was rejected, by gate, audit or approver, and what was held and not approved as it stands.
CREATE OR REPLACE FUNCTION sluice.refuse_unapproved(of_run text, dataset_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    judged text[] := ARRAY(SELECT decision FROM sluice.validations WHERE run = of_run AND dataset = dataset_name);
BEGIN
    IF 'reject' = ANY (judged) THEN
        RAISE EXCEPTION 'Run % of % was rejected: it is not published.', of_run, dataset_name
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'trigger a new run.';
    END IF;
    IF 'hold' = ANY (judged) AND (
        EXISTS (SELECT FROM sluice.approvals
                WHERE run = of_run AND dataset = dataset_name AND decision = 'reject')
        OR NOT EXISTS (
            SELECT FROM (SELECT decision, shown FROM sluice.approvals
                         WHERE run = of_run AND dataset = dataset_name ORDER BY number DESC LIMIT 1) AS last_word
            WHERE decision = 'approve' AND shown = sluice.shown(of_run, dataset_name))
    ) THEN
        RAISE EXCEPTION 'Run % of % was held, and nobody has approved it as it stands: it is not published.',
            of_run, dataset_name USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'answer the form of its task approve, or clear that task to be asked again.';
    END IF;
END $$;

SELECT sluice.only_grows('sluice.approvals');
GRANT INSERT ON sluice.approvals TO sluice_writer;

RESET ROLE;
