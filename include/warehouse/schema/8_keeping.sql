-- What is kept of versions: the texts that they were built by, tags that protect them, and what retention lets go.

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.tags (
    fact bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text NOT NULL,
    tag text NOT NULL CHECK (tag ~ '^[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?$'),
    version integer,
    who text NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL,
    FOREIGN KEY (dataset, version) REFERENCES sluice.versions
);
COMMENT ON TABLE sluice.tags IS
    'One row each time that a tag was put on a version or taken off (version: null); the newest of a tag counts.';

CREATE OR REPLACE VIEW sluice.current_tags AS
    SELECT dataset, tag, version, who, why, at FROM (
        SELECT DISTINCT ON (dataset, tag) * FROM sluice.tags ORDER BY dataset, tag, fact DESC) AS newest
    WHERE version IS NOT NULL;

CREATE TABLE IF NOT EXISTS sluice.texts (
    hash text PRIMARY KEY,
    content text NOT NULL,
    CHECK (hash = encode(sha256(convert_to(content, 'UTF8')), 'hex'))
);
COMMENT ON TABLE sluice.texts IS
    'SQL templates and suites, by the SHA-256 under which manifests and judgements name them.';

-- Puts a tag on a version. A tag names one version: it is taken off before it is put on another.
CREATE OR REPLACE FUNCTION sluice.tag(
    dataset_name text, to_version integer, new_tag text, who text, why text, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    there integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sluice.publish'), hashtext(dataset_name));
    SELECT version INTO there FROM sluice.current_tags WHERE dataset = dataset_name AND tag = new_tag;
    IF there = to_version THEN
        RETURN;
    END IF;
    IF there IS NOT NULL THEN
        RAISE EXCEPTION 'The tag % is on %_v%.', new_tag, dataset_name, there USING ERRCODE = 'unique_violation';
    END IF;
    IF NOT EXISTS (
        SELECT FROM sluice.versions v WHERE v.dataset = dataset_name AND v.version = to_version
        AND NOT EXISTS (SELECT FROM sluice.retirements r WHERE (r.dataset, r.version) = (v.dataset, v.version))
    ) THEN
        RAISE EXCEPTION '%_v% is no version, or retired.', dataset_name, to_version
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO sluice.tags (dataset, tag, version, who, why, at)
        VALUES (dataset_name, new_tag, to_version, who, why, at);
END $$;

-- Takes a tag off.
CREATE OR REPLACE FUNCTION sluice.untag(dataset_name text, old_tag text, who text, why text, at timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sluice.publish'), hashtext(dataset_name));
    INSERT INTO sluice.tags (dataset, tag, version, who, why, at)
        SELECT dataset_name, tag, NULL, untag.who, untag.why, untag.at
        FROM sluice.current_tags WHERE dataset = dataset_name AND tag = old_tag;
END $$;

-- Why a version is kept by a retention that keeps so many; null if it is not. The one place that says so.
CREATE OR REPLACE FUNCTION sluice.kept_for(dataset_name text, of_version integer, keep integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target regclass := to_regclass(format('datasets.%I', format('%s_v%s', dataset_name, of_version)));
    found text;
BEGIN
    IF (SELECT count(*) FROM sluice.versions v WHERE v.dataset = dataset_name AND v.version > of_version
        AND NOT EXISTS (SELECT FROM sluice.retirements r WHERE (r.dataset, r.version) = (v.dataset, v.version))
    ) < keep THEN
        RETURN format('one of the newest %s', keep);
    END IF;
    IF EXISTS (SELECT FROM sluice.current_versions WHERE dataset = dataset_name AND version = of_version) THEN
        RETURN 'current';
    END IF;
    SELECT string_agg(tag, ', ' ORDER BY tag) INTO found FROM sluice.current_tags
        WHERE dataset = dataset_name AND version = of_version;
    IF found IS NOT NULL THEN
        RETURN format('tagged %s', found);
    END IF;
    SELECT string_agg(format('%s_v%s', v.dataset, v.version), ', ' ORDER BY v.dataset, v.version) INTO found
        FROM sluice.versions v
        WHERE (v.dataset, v.version) <> (dataset_name, of_version) AND NOT EXISTS (
            SELECT FROM sluice.retirements r WHERE (r.dataset, r.version) = (v.dataset, v.version))
        AND jsonb_path_exists(v.manifest, '$.** ? (@.dataset == $d && @.version == $v)',
                              jsonb_build_object('d', dataset_name, 'v', of_version));
    IF found IS NOT NULL THEN
        RETURN format('named by the manifest of %s', found);
    END IF;
    SELECT string_agg(DISTINCT r.ev_class::regclass::text, ', ') INTO found
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target;
    IF found IS NOT NULL THEN
        RETURN format('%s is built on it', found);
    END IF;
    IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND relation = target AND pid <> pg_backend_pid()
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN
        RETURN 'being read';
    END IF;
    RETURN NULL;
END $$;

-- Drops the table of a version that retention does not keep, unless it does; says why it is kept, if it is. Its row in
-- sluice.versions stays. Whoever reads it is not waited for: lock_not_available.
CREATE OR REPLACE FUNCTION sluice.drop_old(
    dataset_name text, to_drop integer, keep integer, at timestamptz, OUT kept_for text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target text := format('%s_v%s', dataset_name, to_drop);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sluice.publish'), hashtext(dataset_name));
    IF keep IS NULL OR keep < 1 OR to_regclass(format('datasets.%I', target)) IS NULL THEN
        RAISE EXCEPTION '% is no version that a retention which keeps % could drop.', target, keep
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    kept_for := sluice.kept_for(dataset_name, to_drop, keep);
    IF kept_for IS NULL THEN
        EXECUTE format('LOCK TABLE datasets.%I IN ACCESS EXCLUSIVE MODE NOWAIT', target);
        INSERT INTO sluice.retirements (dataset, version, reason, policy, retired_at) VALUES (
            dataset_name, to_drop, format('not one of the newest %s', keep), format('keep %s', keep), at);
        EXECUTE format('DROP TABLE datasets.%I', target);
    END IF;
END $$;

SELECT sluice.only_grows('sluice.tags'), sluice.only_grows('sluice.texts');
GRANT INSERT ON sluice.texts TO sluice_writer;
REVOKE EXECUTE ON FUNCTION sluice.tag, sluice.untag, sluice.drop_old FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.tag, sluice.untag, sluice.drop_old TO sluice_writer;

RESET ROLE;
