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

-- A dataset's judgements at the gate in their order. `told` numbers those that tell which rows are good by now (see
-- sluice.validations.tells), up to and with each. A run on an older batch than one judged before is left out:
-- what was bad then says nothing of now.
CREATE OR REPLACE FUNCTION sluice.judgements(dataset_name text)
RETURNS TABLE (run text, judged_at timestamptz, tells boolean, told bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH pinned AS (
        SELECT v.run, s.batch::bigint < max(s.batch::bigint) OVER (
            PARTITION BY s.source ORDER BY v.judged_at, v.run
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS older
        FROM sluice.validations v, jsonb_each_text(v.batches) AS s (source, batch)
        WHERE v.dataset = dataset_name AND v.stage = 'gate'
    )
    SELECT v.run, v.judged_at, v.tells, sum(v.tells::int) OVER (ORDER BY v.judged_at, v.run)
    FROM sluice.validations v
    WHERE v.dataset = dataset_name AND v.stage = 'gate' AND v.run NOT IN (SELECT p.run FROM pinned p WHERE p.older)
$$;

-- A dataset's quarantine as entries: one for each time that a key (without one: a row's whole content) was in it.
-- An entry is open (resolved_at is null) until a judgement that tells finds no bad row of it; one that comes back
-- is a new entry. It is derived: nothing that is recorded changes, and an erased row is in no entry.
CREATE OR REPLACE FUNCTION sluice.ensure_quarantine_entries(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sluice.ensure_quarantine(name);
    IF to_regclass(format('quarantine.%I', name || '__entries')) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format($view$
        CREATE VIEW quarantine.%2$I AS
        WITH seen AS (
            SELECT key, CASE WHEN key IS NULL THEN md5("row"::text) END AS content, j.run, j.judged_at, j.told,
                   j.told - j.tells::int AS told_before, count(DISTINCT row_number) AS rows,
                   min(row_number) AS row_number, array_agg(DISTINCT reason ORDER BY reason) AS reasons
            FROM quarantine.%1$I JOIN sluice.judgements(%1$L) AS j USING (run), unnest(reasons) AS reason
            GROUP BY key, content, j.run, j.judged_at, j.told, j.tells
        ), returned AS (
            SELECT *, told_before > lag(told) OVER (PARTITION BY key, content ORDER BY judged_at, run) AS anew
            FROM seen
        ), entered AS (
            SELECT *, count(*) FILTER (WHERE anew) OVER (PARTITION BY key, content ORDER BY judged_at, run) AS entry
            FROM returned
        ), entries AS (
            SELECT DISTINCT ON (key, content, entry) *,
                   first_value(judged_at) OVER first AS first_seen, first_value(run) OVER first AS first_run
            FROM entered WINDOW first AS (PARTITION BY key, content, entry ORDER BY judged_at, run)
            ORDER BY key, content, entry, judged_at DESC, run DESC
        )
        SELECT e.key, q."row", e.reasons, e.rows, e.first_seen, e.first_run,
               e.judged_at AS last_seen, e.run AS last_run, r.judged_at AS resolved_at, r.run AS resolved_run
        FROM entries e
        JOIN quarantine.%1$I q ON (q.run, q.row_number) = (e.run, e.row_number)
        LEFT JOIN sluice.judgements(%1$L) AS r ON r.tells AND r.told = e.told + 1
    $view$, name, name || '__entries');
    EXECUTE format('GRANT SELECT ON quarantine.%I TO sluice_writer, sluice_reader', name || '__entries');
END $$;

-- What a run that is about to be recorded does to its dataset's entries: those open after it, those it opened, and
-- those it resolved since the last run that tells. No row for a run on an older batch than one judged before.
CREATE OR REPLACE FUNCTION sluice.quarantine_news(name text, this_run text, its_batches jsonb, it_tells boolean)
RETURNS TABLE (open bigint, opened bigint, resolved bigint, since text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text[];
BEGIN
    IF EXISTS (
        SELECT FROM sluice.validations v, jsonb_each_text(v.batches) AS s (source, batch)
        WHERE v.dataset = name AND v.stage = 'gate' AND (its_batches ->> s.source)::bigint < s.batch::bigint
    ) THEN
        RETURN;
    END IF;
    -- An entry is open if a row of it was seen in the last run that tells, or after it.
    SELECT array_agg(j.run ORDER BY j.tells DESC) INTO before FROM (
        SELECT run, tells, told, max(told) OVER () AS last FROM sluice.judgements(name)) AS j WHERE j.told = j.last;
    RETURN QUERY EXECUTE format($count$
        WITH of_run AS (
            SELECT DISTINCT key, CASE WHEN key IS NULL THEN md5("row"::text) END AS content, run = $2 AS now
            FROM quarantine.%1$I WHERE run = ANY ($1) OR run = $2
        ), entry AS (
            SELECT bool_or(now) AS now, bool_or(NOT now) AS before FROM of_run GROUP BY key, content
        )
        SELECT count(*) FILTER (WHERE now OR NOT $3), count(*) FILTER (WHERE NOT before),
               count(*) FILTER (WHERE NOT now AND $3),
               (SELECT run FROM sluice.judgements(%1$L) WHERE tells ORDER BY told DESC LIMIT 1) FROM entry
    $count$, name) USING before, this_run, it_tells;
END $$;

REVOKE EXECUTE ON FUNCTION sluice.ensure_quarantine, sluice.ensure_quarantine_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.ensure_quarantine, sluice.ensure_quarantine_entries TO sluice_writer;

RESET ROLE;
