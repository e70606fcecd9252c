-- The rows that were kept out, with every reason.

SET ROLE sluice_keeper;

-- Every dataset's (or source table's) quarantine has one shape, and only ever grows.
CREATE OR REPLACE FUNCTION sluice.ensure_quarantine(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sluice.quarantine'), hashtext(name));
    IF to_regclass(format('quarantine.%I', name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE quarantine.%I (
        run text NOT NULL,
        row_number bigint NOT NULL,
        key text,
        "row" jsonb NOT NULL,
        reasons text[] NOT NULL CHECK (cardinality(reasons) > 0),
        suite_hash text,
        batches jsonb NOT NULL,
        quarantined_at timestamptz NOT NULL,
        PRIMARY KEY (run, row_number))', name);
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON quarantine.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION sluice.refuse_change()', name);
    EXECUTE format('GRANT SELECT, INSERT ON quarantine.%I TO sluice_writer', name);
    EXECUTE format('GRANT SELECT ON quarantine.%I TO sluice_reader', name);
END $$;

REVOKE EXECUTE ON FUNCTION sluice.ensure_quarantine FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.ensure_quarantine TO sluice_writer;

RESET ROLE;
