-- The warehouse's schemas and roles. Run by an administrator (include/warehouse/prepare.py); safe to run again.
--
-- sluice_keeper owns what must not change: facts, quarantine, versions. Nobody logs in as it.
-- sluice_writer does all daily work. It owns landing and staging, and may only add to the keeper's tables;
-- a version is handed over by sluice.publish(), which runs as the keeper.
-- sluice_reader reads datasets, quarantine and facts: the role for people and training jobs.

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

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.batches (
    batch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    position_from text,
    position_to text NOT NULL,
    seq_from bigint NOT NULL,
    seq_to bigint NOT NULL,
    changes jsonb NOT NULL,
    rejected bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    notes text[] NOT NULL DEFAULT '{}',
    UNIQUE (source, seq_to)
);
COMMENT ON TABLE sluice.batches IS
    'One row a landed batch. The newest of a source holds its position; seq_to is what state as of the batch means.';

CREATE TABLE IF NOT EXISTS sluice.landing_tables (
    source text NOT NULL,
    table_name text NOT NULL,
    batch bigint NOT NULL REFERENCES sluice.batches,
    landing_table text NOT NULL,
    columns jsonb NOT NULL,
    key text[] NOT NULL,
    former text[] NOT NULL DEFAULT '{}',
    storage text,
    left_out text,
    PRIMARY KEY (source, table_name, batch)
);
COMMENT ON TABLE sluice.landing_tables IS
    'The shape in which a source table is landed, from this batch on: columns with name, type, attnum and the landing
     table''s own name for it; in left_out why nothing is read of the table from this batch on, if nothing is.';

CREATE TABLE IF NOT EXISTS sluice.pseudonymised (
    source text NOT NULL,
    table_name text NOT NULL,
    batch bigint NOT NULL REFERENCES sluice.batches,
    columns jsonb NOT NULL,
    key_domain text NOT NULL,
    key_id text NOT NULL,
    key_check text NOT NULL,
    PRIMARY KEY (source, table_name, batch)
);
COMMENT ON TABLE sluice.pseudonymised IS
    'Which columns of a source table are landed as pseudonyms from this batch on (with the canonical form of each), and
under which key. key_check tells two keys of one id apart; no key can be found from it.';

CREATE TABLE IF NOT EXISTS sluice.validations (
    run text NOT NULL,
    dataset text NOT NULL,
    stage text NOT NULL CHECK (stage IN ('gate', 'audit')),
    decision text NOT NULL CHECK (decision IN ('publish', 'reject')),
    rows bigint NOT NULL,
    passed bigint NOT NULL,
    quarantined bigint NOT NULL,
    reasons jsonb NOT NULL,
    outcomes jsonb NOT NULL,
    batches jsonb NOT NULL,
    suite_hash text NOT NULL,
    report text,
    judged_at timestamptz NOT NULL,
    refusals text[] NOT NULL DEFAULT '{}',
    warnings text[] NOT NULL DEFAULT '{}',
    CHECK (decision = 'reject' OR rows = passed + quarantined),
    PRIMARY KEY (run, dataset, stage)
);

CREATE TABLE IF NOT EXISTS sluice.versions (
    dataset text NOT NULL,
    version integer NOT NULL,
    fingerprint text NOT NULL,
    manifest jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, version),
    UNIQUE (dataset, fingerprint)
);

CREATE TABLE IF NOT EXISTS sluice.current_versions (
    dataset text PRIMARY KEY,
    version integer NOT NULL,
    as_of jsonb,
    FOREIGN KEY (dataset, version) REFERENCES sluice.versions
);
-- For a warehouse that was prepared before there was this column.
ALTER TABLE sluice.current_versions ADD COLUMN IF NOT EXISTS as_of jsonb;
COMMENT ON COLUMN sluice.current_versions.as_of IS
    'The batch of each source of which the view shows the state: the version''s own, or newer ones with its bytes.';
COMMENT ON TABLE sluice.current_versions IS 'The one thing that moves: which version the view datasets.<name> shows.';

CREATE OR REPLACE FUNCTION sluice.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% refused: published and recorded rows never change. Publish a new version instead.',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['batches', 'landing_tables', 'pseudonymised', 'validations', 'versions'] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sluice.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION sluice.refuse_change()', name);
    END LOOP;
END $$;

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

-- The batch of each source that a manifest pins, as {source: batch}.
CREATE OR REPLACE FUNCTION sluice.pinned(manifest jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(s ->> 'source', s -> 'batch'), '{}')
    FROM jsonb_array_elements(manifest -> 'sources') AS s
$$;

-- Takes a staging table over as the next version, moves the view, and writes the manifest, in the caller's
-- transaction. Returns the version that holds these bytes: an old one if they had been published before.
-- The view stays where it is (is_current is false) if it shows a newer state of a source: an old batch that is
-- built again must not take consumers back. Dropped first, since a function's result cannot be replaced.
DROP FUNCTION IF EXISTS sluice.publish(text, text, text, jsonb, timestamptz);
CREATE FUNCTION sluice.publish(
    dataset_name text, staging_table text, new_fingerprint text, new_manifest jsonb, at timestamptz,
    OUT published integer, OUT is_new boolean, OUT is_current boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target text;
    batches jsonb := sluice.pinned(new_manifest);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sluice.publish'), hashtext(dataset_name));
    SELECT version INTO published FROM sluice.versions
        WHERE dataset = dataset_name AND fingerprint = new_fingerprint;
    is_new := published IS NULL;
    IF is_new THEN
        SELECT coalesce(max(version), 0) + 1 INTO published FROM sluice.versions WHERE dataset = dataset_name;
        target := format('%s_v%s', dataset_name, published);
        EXECUTE format('ALTER TABLE staging.%I OWNER TO sluice_keeper', staging_table);
        EXECUTE format('ALTER TABLE staging.%I SET SCHEMA datasets', staging_table);
        EXECUTE format('ALTER TABLE datasets.%I RENAME TO %I', staging_table, target);
        EXECUTE format('CREATE TRIGGER immutable BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON datasets.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION sluice.refuse_change()', target);
        EXECUTE format('REVOKE ALL ON datasets.%I FROM sluice_writer', target);
        EXECUTE format('GRANT SELECT ON datasets.%I TO sluice_writer, sluice_reader', target);
        INSERT INTO sluice.versions VALUES (
            dataset_name, published, new_fingerprint,
            new_manifest || jsonb_build_object('version', published, 'fingerprint', new_fingerprint), at);
    END IF;
    IF EXISTS (
        SELECT FROM sluice.current_versions, jsonb_each_text(as_of) AS shown (source, batch)
        WHERE dataset = dataset_name AND (batches ->> shown.source)::bigint < shown.batch::bigint
    ) THEN
        is_current := EXISTS (
            SELECT FROM sluice.current_versions WHERE dataset = dataset_name AND version = published);
    ELSE
        PERFORM sluice.point_at(dataset_name, published);
        UPDATE sluice.current_versions SET as_of = batches WHERE dataset = dataset_name;
        is_current := true;
    END IF;
END $$;

-- Moves datasets.<name> to one of its versions.
CREATE OR REPLACE FUNCTION sluice.point_at(dataset_name text, to_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM sluice.current_versions WHERE dataset = dataset_name AND version = to_version) THEN
        RETURN;
    END IF;
    INSERT INTO sluice.current_versions
        SELECT dataset, version, sluice.pinned(manifest) FROM sluice.versions
        WHERE dataset = dataset_name AND version = to_version
        ON CONFLICT (dataset) DO UPDATE SET version = excluded.version, as_of = excluded.as_of;
    -- Replacing keeps grants and views that others built on it, but only while the columns stay; else it is made anew.
    BEGIN
        EXECUTE format('CREATE OR REPLACE VIEW datasets.%I AS SELECT * FROM datasets.%I',
                       dataset_name, format('%s_v%s', dataset_name, to_version));
    EXCEPTION WHEN invalid_table_definition THEN
        EXECUTE format('DROP VIEW datasets.%I', dataset_name);
        EXECUTE format('CREATE VIEW datasets.%I AS SELECT * FROM datasets.%I',
                       dataset_name, format('%s_v%s', dataset_name, to_version));
    END;
    EXECUTE format('GRANT SELECT ON datasets.%I TO sluice_writer, sluice_reader', dataset_name);
END $$;

REVOKE EXECUTE ON FUNCTION sluice.ensure_quarantine, sluice.publish, sluice.point_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.ensure_quarantine, sluice.publish, sluice.point_at TO sluice_writer;
GRANT USAGE ON SCHEMA sluice, datasets, quarantine TO sluice_writer, sluice_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sluice TO sluice_reader, sluice_writer;
GRANT INSERT ON sluice.batches, sluice.landing_tables, sluice.pseudonymised, sluice.validations TO sluice_writer;
-- Landing takes a batch's number before it writes the rows that bear it.
GRANT USAGE ON SEQUENCE sluice.batches_batch_seq TO sluice_writer;

RESET ROLE;
