-- The warehouse's schemas and roles. Run by an administrator (include/warehouse/prepare.py); safe to run again.
--
-- sluice_keeper owns what must not change: facts, quarantine, versions. Nobody logs in as it.
-- sluice_writer does all daily work. It owns landing and staging, and may only add to the keeper's tables;
-- a version is handed over by sluice.publish(), which runs as the keeper. So do sluice.erase_quarantined() and
-- sluice.retire(), the one way in which quarantined rows and versions leave: for an erasure, which is on record.
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
CREATE SCHEMA IF NOT EXISTS crawls AUTHORIZATION sluice_writer;

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

CREATE TABLE IF NOT EXISTS sluice.erasures (
    request text PRIMARY KEY,
    source text NOT NULL,
    subject_table text NOT NULL,
    commitment text NOT NULL,
    referenced jsonb NOT NULL,
    erased_at timestamptz NOT NULL
);
COMMENT ON TABLE sluice.erasures IS
    'One row an erasure. The commitments are hashes of a receipt, which is not stored, with the subject''s key and
     (referenced: by place) with the values by which other rows belonged to it.';

-- What an erasure did is told in its own transaction or not done: these facts need the erasure's at the commit.
CREATE TABLE IF NOT EXISTS sluice.removals (
    request text NOT NULL REFERENCES sluice.erasures DEFERRABLE INITIALLY DEFERRED,
    place text NOT NULL,
    removed bigint NOT NULL,
    PRIMARY KEY (request, place)
);
COMMENT ON TABLE sluice.removals IS 'How many rows (of staging: tables; of reports: pages) left each place.';

CREATE TABLE IF NOT EXISTS sluice.retirements (
    dataset text NOT NULL,
    version integer NOT NULL,
    request text NOT NULL REFERENCES sluice.erasures DEFERRABLE INITIALLY DEFERRED,
    reason text NOT NULL,
    retired_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, version),
    FOREIGN KEY (dataset, version) REFERENCES sluice.versions
);
COMMENT ON TABLE sluice.retirements IS 'Versions whose table is gone; what they were stays in sluice.versions.';

CREATE OR REPLACE FUNCTION sluice.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% refused: published and recorded rows never change. Publish a new version instead.',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['batches', 'landing_tables', 'pseudonymised', 'validations', 'versions', 'erasures',
                                'removals', 'retirements'] LOOP
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
    IF EXISTS (SELECT FROM sluice.retirements WHERE dataset = dataset_name AND version = published) THEN
        RAISE EXCEPTION 'The rows of %_v%, which an erasure retired, are not published again.',
            dataset_name, published USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
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
    IF EXISTS (SELECT FROM sluice.retirements WHERE dataset = dataset_name AND version = to_version) THEN
        RAISE EXCEPTION '%_v% is retired: it has no rows that could be shown.', dataset_name, to_version
            USING ERRCODE = 'object_not_in_prerequisite_state';
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

-- Removes the rows of one quarantine whose `field` is one of `subjects`, and says so in sluice.removals.
CREATE OR REPLACE FUNCTION sluice.erase_quarantined(
    request text, name text, field text, subjects text[], OUT removed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF field = '' OR '' = ANY (subjects) THEN
        RAISE EXCEPTION 'An erasure names a field and a subject.' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    removed := 0;
    IF to_regclass(format('quarantine.%I', name)) IS NULL THEN
        RETURN;
    END IF;
    -- Within this transaction alone; its lock keeps everybody else's writes out until the commit.
    EXECUTE format('ALTER TABLE quarantine.%I DISABLE TRIGGER append_only', name);
    EXECUTE format('DELETE FROM quarantine.%I WHERE "row" ->> $1 = ANY ($2)', name) USING field, subjects;
    GET DIAGNOSTICS removed = ROW_COUNT;
    EXECUTE format('ALTER TABLE quarantine.%I ENABLE TRIGGER append_only', name);
    INSERT INTO sluice.removals VALUES (request, format('quarantine.%s', name), removed);
END $$;

-- Drops the table of a version that holds the subject: in `field`, or in made rows by `parents` (their _id); one
-- that lacks the column cannot be shown to be without it, and goes too. Its row in sluice.versions stays. The view
-- moves to the newest version that is left; without one it keeps its columns and has no rows.
CREATE OR REPLACE FUNCTION sluice.retire(
    request text, dataset_name text, to_retire integer, field text, subject text, parents text[], at timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target text := format('%s_v%s', dataset_name, to_retire);
    left_over integer;
    holds boolean := true;
    why text := 'holds the erased subject';
    columns text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sluice.publish'), hashtext(dataset_name));
    IF subject = '' OR NOT EXISTS (
        SELECT FROM sluice.versions v WHERE v.dataset = dataset_name AND v.version = to_retire
        AND NOT EXISTS (SELECT FROM sluice.retirements r WHERE (r.dataset, r.version) = (v.dataset, v.version))
    ) THEN
        RAISE EXCEPTION '% is no version that could be retired for a subject.', target
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = format('datasets.%I', target)::regclass
               AND attname = field AND attnum > 0 AND NOT attisdropped) THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM datasets.%I WHERE %I::text = $1 OR _parents && $2)',
                       target, field) INTO holds USING subject, parents;
    ELSE
        why := format('has no column %s by which an erased subject could be found', field);
    END IF;
    IF NOT holds THEN
        RAISE EXCEPTION '% does not hold the subject: it is not retired.', target
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO sluice.retirements VALUES (dataset_name, to_retire, request, why, at);
    IF EXISTS (SELECT FROM sluice.current_versions WHERE dataset = dataset_name AND version = to_retire) THEN
        SELECT v.version INTO left_over FROM sluice.versions v
        WHERE v.dataset = dataset_name AND NOT EXISTS (
            SELECT FROM sluice.retirements r WHERE (r.dataset, r.version) = (v.dataset, v.version))
        ORDER BY (SELECT max(batch::bigint) FROM jsonb_each_text(sluice.pinned(v.manifest)) AS s (source, batch))
            DESC NULLS LAST, v.version DESC LIMIT 1;
        IF left_over IS NOT NULL THEN
            PERFORM sluice.point_at(dataset_name, left_over);
        ELSE
            DELETE FROM sluice.current_versions WHERE dataset = dataset_name;
            SELECT string_agg(format('NULL::%s AS %I', format_type(atttypid, atttypmod), attname), ', '
                              ORDER BY attnum) INTO columns
            FROM pg_attribute
            WHERE attrelid = format('datasets.%I', dataset_name)::regclass AND attnum > 0 AND NOT attisdropped;
            EXECUTE format('CREATE OR REPLACE VIEW datasets.%I AS SELECT %s WHERE false', dataset_name, columns);
        END IF;
    END IF;
    EXECUTE format('DROP TABLE datasets.%I', target);
END $$;

REVOKE EXECUTE ON FUNCTION sluice.ensure_quarantine, sluice.publish, sluice.point_at, sluice.erase_quarantined,
    sluice.retire FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.ensure_quarantine, sluice.publish, sluice.point_at, sluice.erase_quarantined,
    sluice.retire TO sluice_writer;
GRANT USAGE ON SCHEMA sluice, datasets, quarantine TO sluice_writer, sluice_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sluice TO sluice_reader, sluice_writer;
GRANT INSERT ON sluice.batches, sluice.landing_tables, sluice.pseudonymised, sluice.validations, sluice.erasures,
    sluice.removals TO sluice_writer;
-- Landing takes a batch's number before it writes the rows that bear it.
GRANT USAGE ON SEQUENCE sluice.batches_batch_seq TO sluice_writer;

RESET ROLE;

-- What the writer remembers of a site: the last crawl that came to its end, and the one under way. It is the
-- writer's own, and no reader's: half a crawl is no truth. See include/warehouse/crawls.py.
CREATE TABLE IF NOT EXISTS crawls.runs (
    source text NOT NULL,
    crawl bigint NOT NULL,
    recipe text NOT NULL,
    begun_at timestamptz NOT NULL,
    shapes json,
    refused boolean NOT NULL DEFAULT false,
    figures json,
    PRIMARY KEY (source, crawl)
);
COMMENT ON COLUMN crawls.runs.figures IS 'What the crawl amounted to; null while it is under way.';

CREATE TABLE IF NOT EXISTS crawls.visits (
    source text NOT NULL,
    crawl bigint NOT NULL,
    visit text NOT NULL,
    path text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('read', 'same', 'moved', 'gone', 'unread')),
    reason text,
    depth integer NOT NULL,
    links json NOT NULL,
    etag text,
    last_modified text,
    PRIMARY KEY (source, crawl, visit)
);

-- json, not jsonb: a value comes back byte by byte as it was put in.
CREATE TABLE IF NOT EXISTS crawls.records (
    source text NOT NULL,
    crawl bigint NOT NULL,
    visit text NOT NULL,
    table_name text NOT NULL,
    key text,
    content json NOT NULL,
    reasons text[],
    kept boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS records_of_a_visit ON crawls.records (source, crawl, visit);
COMMENT ON COLUMN crawls.records.kept IS
    'From an earlier crawl, of a page that could not be read since: it stays as it is landed.';

CREATE TABLE IF NOT EXISTS crawls.deaths (
    source text NOT NULL,
    crawl bigint NOT NULL,
    visit text NOT NULL,
    times integer NOT NULL,
    PRIMARY KEY (source, crawl, visit)
);
COMMENT ON TABLE crawls.deaths IS 'How often the spider''s process died while it read a page of the crawl under way.';

ALTER TABLE crawls.deaths OWNER TO sluice_writer;
ALTER TABLE crawls.runs OWNER TO sluice_writer;
ALTER TABLE crawls.visits OWNER TO sluice_writer;
ALTER TABLE crawls.records OWNER TO sluice_writer;
