-- Published versions, and the one thing that moves: which of them a dataset's view shows.

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.versions (
    dataset text NOT NULL,
    version integer NOT NULL,
    fingerprint text NOT NULL,
    manifest jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, version)
);
-- Of the versions that are there, one has a fingerprint; rows that come back after retention dropped them are a new
-- version. For a warehouse where each fingerprint was there once.
ALTER TABLE sluice.versions DROP CONSTRAINT IF EXISTS versions_dataset_fingerprint_key;
CREATE INDEX IF NOT EXISTS versions_by_fingerprint ON sluice.versions (dataset, fingerprint);

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
ALTER TABLE sluice.current_versions ADD COLUMN IF NOT EXISTS pinned boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sluice.current_versions.pinned IS 'Whether the view stays where it is, whatever is published.';
COMMENT ON TABLE sluice.current_versions IS 'The one thing that moves: which version the view datasets.<name> shows.';

CREATE TABLE IF NOT EXISTS sluice.pointer_moves (
    move bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text NOT NULL,
    version integer,
    was integer,
    pinned boolean NOT NULL,
    kind text NOT NULL CHECK (kind IN ('found', 'publish', 'hand', 'rollback', 'unpin', 'retire')),
    who text NOT NULL,
    why text NOT NULL,
    moved_at timestamptz NOT NULL,
    UNIQUE (dataset, moved_at)
);
COMMENT ON TABLE sluice.pointer_moves IS
    'What each dataset''s view has shown since when (version: null where none was left), by whom and why. moved_at is
     the server''s clock, since "what was shown then" must have one answer for ever: it only rises.';

-- Where a view stood before its moves were kept.
INSERT INTO sluice.pointer_moves (dataset, version, pinned, kind, who, why, moved_at)
    SELECT dataset, version, pinned, 'found', session_user, 'the history of the view begins here', clock_timestamp()
    FROM sluice.current_versions c
    WHERE NOT EXISTS (SELECT FROM sluice.pointer_moves m WHERE m.dataset = c.dataset);

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
    PERFORM sluice.refuse_unapproved(new_manifest ->> 'run', dataset_name);
    SELECT version INTO published FROM sluice.versions JOIN sluice.retirements USING (dataset, version)
        WHERE dataset = dataset_name AND fingerprint = new_fingerprint AND request IS NOT NULL;
    IF published IS NOT NULL THEN
        RAISE EXCEPTION 'The rows of %_v%, which an erasure retired, are not published again.',
            dataset_name, published USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT version INTO published FROM sluice.versions v
        WHERE dataset = dataset_name AND fingerprint = new_fingerprint AND NOT EXISTS (
            SELECT FROM sluice.retirements r WHERE (r.dataset, r.version) = (v.dataset, v.version));
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
    ) OR EXISTS (SELECT FROM sluice.current_versions WHERE dataset = dataset_name AND pinned)
      OR sluice.was_left(dataset_name, published) THEN
        is_current := EXISTS (
            SELECT FROM sluice.current_versions WHERE dataset = dataset_name AND version = published);
    ELSE
        PERFORM sluice.show(dataset_name, published, false, 'publish', coalesce(new_manifest ->> 'run', ''),
                            CASE WHEN is_new THEN 'published' ELSE 'its rows came back' END);
        UPDATE sluice.current_versions SET as_of = batches WHERE dataset = dataset_name;
        is_current := true;
    END IF;
END $$;

-- Whether somebody rolled back from the version, and nobody has gone to it since: no run goes there by itself.
CREATE OR REPLACE FUNCTION sluice.was_left(dataset_name text, left_version integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT version IS DISTINCT FROM left_version FROM sluice.pointer_moves
        WHERE dataset = dataset_name AND (version = left_version OR kind = 'rollback' AND was = left_version)
        ORDER BY move DESC LIMIT 1), false)
$$;

-- Moves datasets.<name> to one of its versions, and says so in sluice.pointer_moves; for the functions here alone.
CREATE OR REPLACE FUNCTION sluice.show(
    dataset_name text, to_version integer, pin boolean, kind text, who text, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before sluice.current_versions;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sluice.publish'), hashtext(dataset_name));
    SELECT * INTO before FROM sluice.current_versions WHERE dataset = dataset_name;
    IF before.version = to_version AND before.pinned = pin THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM sluice.retirements WHERE dataset = dataset_name AND version = to_version) THEN
        RAISE EXCEPTION '%_v% is retired: it has no rows that could be shown.', dataset_name, to_version
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO sluice.current_versions
        SELECT dataset, version, sluice.pinned(manifest), pin FROM sluice.versions
        WHERE dataset = dataset_name AND version = to_version
        ON CONFLICT (dataset) DO UPDATE SET version = excluded.version, as_of = excluded.as_of, pinned = pin;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no version %.', dataset_name, to_version USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM sluice.moved(dataset_name, to_version, before.version, pin, kind, who, why);
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

-- The fact of a move, later than all of the dataset's others; the caller holds the dataset's lock.
CREATE OR REPLACE FUNCTION sluice.moved(
    dataset_name text, to_version integer, left_version integer, pin boolean, kind text, who text, why text)
RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO sluice.pointer_moves (dataset, version, was, pinned, kind, who, why, moved_at)
        SELECT dataset_name, to_version, left_version, pin, kind, who, why, greatest(clock_timestamp(), (
            SELECT max(m.moved_at) + interval '1 microsecond' FROM sluice.pointer_moves m
            WHERE m.dataset = dataset_name))
$$;

-- Moves datasets.<name> by hand. Runs move it on from there as if they had come there themselves.
CREATE OR REPLACE FUNCTION sluice.point_at(dataset_name text, to_version integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT sluice.show(dataset_name, to_version, false, 'hand', session_user, 'by hand')
$$;

-- Leaves the version that is shown for another one: no run shows what was left again, and with `pin` none moves the
-- view at all until it is unpinned.
CREATE OR REPLACE FUNCTION sluice.roll_back(
    dataset_name text, to_version integer, pin boolean, who text, why text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT sluice.show(dataset_name, to_version, pin, 'rollback', who, why)
$$;

-- Lets runs move the view on again.
CREATE OR REPLACE FUNCTION sluice.unpin(dataset_name text, who text, why text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT sluice.show(dataset_name, version, false, 'unpin', who, why)
    FROM sluice.current_versions WHERE dataset = dataset_name
$$;

SELECT sluice.only_grows('sluice.versions'), sluice.only_grows('sluice.pointer_moves');
REVOKE EXECUTE ON FUNCTION sluice.publish, sluice.point_at, sluice.roll_back, sluice.unpin, sluice.show, sluice.moved
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.publish, sluice.point_at, sluice.roll_back, sluice.unpin TO sluice_writer;

RESET ROLE;
