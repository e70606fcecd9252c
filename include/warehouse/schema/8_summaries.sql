-- What the columns of a dataset's gated rows were like, run by run: what later candidates are compared with.

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.summaries (
    dataset text NOT NULL,
    run text NOT NULL,
    "column" text NOT NULL,
    summary jsonb NOT NULL,
    PRIMARY KEY (dataset, run, "column")
);
COMMENT ON TABLE sluice.summaries IS
    'Of the real rows that passed the gate in this run; a version''s are those of its manifest''s run.';

-- Counts of a version that an erasure retired tell of the subject, too; so may those of runs that published nothing.
CREATE OR REPLACE FUNCTION sluice.forget_summaries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Within this transaction alone; its lock keeps everybody else's writes out until the commit.
    ALTER TABLE sluice.summaries DISABLE TRIGGER append_only;
    DELETE FROM sluice.summaries s WHERE NOT EXISTS (
        SELECT FROM sluice.versions v WHERE v.dataset = s.dataset AND v.manifest ->> 'run' = s.run AND NOT EXISTS (
            SELECT FROM sluice.retirements r WHERE (r.dataset, r.version) = (v.dataset, v.version)));
    ALTER TABLE sluice.summaries ENABLE TRIGGER append_only;
    RETURN NULL;
END $$;

SELECT sluice.only_grows('sluice.summaries');
CREATE OR REPLACE TRIGGER forget_summaries AFTER INSERT ON sluice.erasures
    FOR EACH STATEMENT EXECUTE FUNCTION sluice.forget_summaries();
REVOKE EXECUTE ON FUNCTION sluice.forget_summaries FROM PUBLIC;
GRANT INSERT ON sluice.summaries TO sluice_writer;

RESET ROLE;
