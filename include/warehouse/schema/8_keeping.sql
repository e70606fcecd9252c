-- What is kept of versions: tags that protect them, and the texts that they were built by.

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

SELECT sluice.only_grows('sluice.tags');
REVOKE EXECUTE ON FUNCTION sluice.tag, sluice.untag FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.tag, sluice.untag TO sluice_writer;

RESET ROLE;
