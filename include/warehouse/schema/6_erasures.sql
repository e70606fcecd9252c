-- How a subject's rows leave: on record, by these functions alone.

SET ROLE sluice_keeper;

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
COMMENT ON TABLE sluice.removals IS
    'How many rows left each place; of staging tables, of reports pages, of exports versions, of sheets lines, of label_studio
     tasks (of the try that reached the end), of label_rounds, label_sent and label_results facts that named a row.';

CREATE TABLE IF NOT EXISTS sluice.retirements (
    dataset text NOT NULL,
    version integer NOT NULL,
    request text NOT NULL REFERENCES sluice.erasures DEFERRABLE INITIALLY DEFERRED,
    reason text NOT NULL,
    retired_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, version),
    FOREIGN KEY (dataset, version) REFERENCES sluice.versions
);
-- For a warehouse where erasures alone retired versions: either an erasure did, or a policy of retention.
ALTER TABLE sluice.retirements ALTER COLUMN request DROP NOT NULL;
ALTER TABLE sluice.retirements ADD COLUMN IF NOT EXISTS policy text;
ALTER TABLE sluice.retirements DROP CONSTRAINT IF EXISTS by_request_or_policy;
ALTER TABLE sluice.retirements ADD CONSTRAINT by_request_or_policy CHECK ((request IS NULL) <> (policy IS NULL));
COMMENT ON TABLE sluice.retirements IS 'Versions whose table is gone; what they were stays in sluice.versions.';

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
            PERFORM sluice.show(dataset_name, left_over, false, 'retire', request, format('%s was retired', target));
        ELSE
            DELETE FROM sluice.current_versions WHERE dataset = dataset_name;
            PERFORM sluice.moved(dataset_name, NULL, to_retire, false, 'retire', request,
                                 format('%s was retired, and none is left', target));
            SELECT string_agg(format('NULL::%s AS %I', format_type(atttypid, atttypmod), attname), ', '
                              ORDER BY attnum) INTO columns
            FROM pg_attribute
            WHERE attrelid = format('datasets.%I', dataset_name)::regclass AND attnum > 0 AND NOT attisdropped;
            EXECUTE format('CREATE OR REPLACE VIEW datasets.%I AS SELECT %s WHERE false', dataset_name, columns);
        END IF;
    END IF;
    EXECUTE format('DROP TABLE datasets.%I', target);
END $$;

SELECT sluice.only_grows('sluice.erasures'), sluice.only_grows('sluice.removals'),
    sluice.only_grows('sluice.retirements');
GRANT INSERT ON sluice.erasures, sluice.removals TO sluice_writer;
REVOKE EXECUTE ON FUNCTION sluice.erase_quarantined, sluice.retire FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.erase_quarantined, sluice.retire TO sluice_writer;

RESET ROLE;
