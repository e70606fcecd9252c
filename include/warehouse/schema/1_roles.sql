-- The warehouse's schemas and roles. Run by an administrator (include/warehouse/prepare.py); safe to run again.
--
-- sluice_keeper owns what must not change: facts, quarantine, versions. Nobody logs in as it.
-- sluice_writer does all daily work. It owns landing and staging, and may only add to the keeper's tables;
-- a version is handed over by sluice.publish(), which runs as the keeper. So do sluice.erase_quarantined(),
-- sluice.erase_labelling() and sluice.retire(), by which quarantined rows, the keys of labelled ones and versions leave
-- for an erasure, which is on record, and sluice.drop_old(), by which a version leaves that a dataset's retention
-- does not keep.
-- sluice_reader reads datasets, quarantine and facts: the role for people and training jobs. Of rows that may be labelled it
-- reads the columns that annotators are shown.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sluice_keeper', 'sluice_writer', 'sluice_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
END $$;

GRANT sluice_writer TO sluice_keeper;
GRANT sluice_reader TO sluice_writer;

CREATE SCHEMA IF NOT EXISTS landing AUTHORIZATION sluice_writer;
CREATE SCHEMA IF NOT EXISTS staging AUTHORIZATION sluice_writer;
CREATE SCHEMA IF NOT EXISTS quarantine AUTHORIZATION sluice_keeper;
CREATE SCHEMA IF NOT EXISTS datasets AUTHORIZATION sluice_keeper;
CREATE SCHEMA IF NOT EXISTS sluice AUTHORIZATION sluice_keeper;
CREATE SCHEMA IF NOT EXISTS crawls AUTHORIZATION sluice_writer;

SET ROLE sluice_keeper;

CREATE OR REPLACE FUNCTION sluice.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% refused: published and recorded rows never change. Publish a new version instead.',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- Makes a table of facts one that only ever grows.
CREATE OR REPLACE FUNCTION sluice.only_grows(fact regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION sluice.refuse_change()', fact);
END $$;

REVOKE EXECUTE ON FUNCTION sluice.only_grows FROM PUBLIC;
GRANT USAGE ON SCHEMA sluice, datasets, quarantine TO sluice_writer, sluice_reader;
-- Whoever may read one fact may read them all.
ALTER DEFAULT PRIVILEGES IN SCHEMA sluice GRANT SELECT ON TABLES TO sluice_reader, sluice_writer;

RESET ROLE;
