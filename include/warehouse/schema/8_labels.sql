-- The rounds in which rows were given to annotators, and what came of each.

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.label_rounds (
    dataset text NOT NULL,
    run text NOT NULL,
    tool text NOT NULL,
    place text NOT NULL,
    items text[] NOT NULL,
    waiting bigint NOT NULL,
    said jsonb NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, run)
);
-- For a warehouse whose rounds did not say whose their rows are.
ALTER TABLE sluice.label_rounds ADD COLUMN IF NOT EXISTS subjects jsonb NOT NULL DEFAULT '{}';
COMMENT ON TABLE sluice.label_rounds IS
    'One row a round: the keys of the rows that were given to annotators, where, and how many rows waited for a label. said is
     what a model or rules were sure of: rows that they label, rows that people check, what annotators see of the others, how
     each rule did; and the gold items'' answers. subjects says whose each of all these rows is, {source: {row''s key: subject''s
     key or null}}: the row itself may be gone when the subject is to be erased. It is written before anything is handed out.';

DO $$
BEGIN
    IF to_regclass('sluice.label_sent') IS NULL THEN
        CREATE TABLE sluice.label_sent (
            dataset text NOT NULL,
            run text NOT NULL,
            number integer NOT NULL,
            items text[] NOT NULL,
            sent_at timestamptz NOT NULL,
            PRIMARY KEY (dataset, run, number),
            FOREIGN KEY (dataset, run) REFERENCES sluice.label_rounds
        );
        -- The release before recorded a round when it was handed out.
        INSERT INTO sluice.label_sent SELECT dataset, run, 1, items, asked_at FROM sluice.label_rounds;
    END IF;
END $$;
COMMENT ON TABLE sluice.label_sent IS
    'That a round lies where annotators find it, with which of its rows: the last word counts. A round without a row here was
     recorded, and is still to be handed out.';

CREATE TABLE IF NOT EXISTS sluice.label_ends (
    dataset text NOT NULL,
    run text NOT NULL,
    tool text NOT NULL,
    place text NOT NULL,
    waiting bigint NOT NULL,
    reason text NOT NULL CHECK (reason IN ('target', 'budget', 'nothing left', 'no gain')),
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, run)
);
COMMENT ON TABLE sluice.label_ends IS
    'One row a run that asked about nothing, and why: the loop of rounds has ended, as far as rows and declaration go.';

CREATE TABLE IF NOT EXISTS sluice.label_results (
    dataset text NOT NULL,
    run text NOT NULL,
    answered bigint NOT NULL,
    answers bigint NOT NULL,
    annotators bigint NOT NULL,
    labels bigint NOT NULL,
    faults jsonb NOT NULL,
    agreement jsonb NOT NULL,
    audit jsonb NOT NULL,
    skill jsonb NOT NULL,
    given jsonb NOT NULL,
    decision text NOT NULL CHECK (decision IN ('publish', 'reject')),
    reasons text[] NOT NULL,
    warnings text[] NOT NULL,
    batch bigint REFERENCES sluice.batches,
    settled_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, run),
    FOREIGN KEY (dataset, run) REFERENCES sluice.label_rounds
);
ALTER TABLE sluice.label_results
    ADD COLUMN IF NOT EXISTS score double precision CHECK (score BETWEEN 0 AND 1),
    ADD COLUMN IF NOT EXISTS validation bigint NOT NULL DEFAULT 0;
COMMENT ON TABLE sluice.label_results IS
    'What came of a round: items answered, answers, who agreed how far, the agreement gate''s decision, and the batch in
     which answers and labels were landed (null where nobody answered). Faults are answers that could not be taken. score is
     the accuracy of a model of all labels so far on so many validation rows, which it did not learn from (null: no score).';

SELECT sluice.only_grows('sluice.label_rounds'), sluice.only_grows('sluice.label_sent'),
    sluice.only_grows('sluice.label_ends'), sluice.only_grows('sluice.label_results');
GRANT INSERT ON sluice.label_rounds, sluice.label_sent, sluice.label_ends, sluice.label_results TO sluice_writer;

-- Takes an erased subject's rows, by their `keys`, out of what is on record of a dataset's rounds, and says in
-- sluice.removals how many of them named one; of a request that comes again the first word stays. Faults of a round that asked about one may quote what was
-- said of it, so all of them go; elsewhere those that name one in quotes.
CREATE OR REPLACE FUNCTION sluice.erase_labelling(request text, dataset_name text, keys text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked text[];
    rounds bigint;
    sent bigint;
    results bigint;
BEGIN
    -- Within this transaction alone; their locks keep everybody else's writes out until the commit.
    ALTER TABLE sluice.label_rounds DISABLE TRIGGER append_only;
    ALTER TABLE sluice.label_sent DISABLE TRIGGER append_only;
    ALTER TABLE sluice.label_results DISABLE TRIGGER append_only;
    WITH struck AS (
        UPDATE sluice.label_rounds r SET
            items = ARRAY(SELECT i FROM unnest(items) WITH ORDINALITY AS u (i, n) WHERE i <> ALL (keys) ORDER BY n),
            said = sluice.without_keys(said, keys),
            subjects = sluice.without_keys(subjects, keys)
        WHERE dataset = dataset_name AND sluice.names_keys(r, keys) RETURNING run
    ) SELECT count(*), coalesce(array_agg(run), '{}') INTO rounds, asked FROM struck;
    UPDATE sluice.label_sent SET
        items = ARRAY(SELECT i FROM unnest(items) WITH ORDINALITY AS u (i, n) WHERE i <> ALL (keys) ORDER BY n)
    WHERE dataset = dataset_name AND items && keys;
    GET DIAGNOSTICS sent = ROW_COUNT;
    UPDATE sluice.label_results r SET faults = CASE
        WHEN run = ANY (asked) THEN '["Answers that could not be taken are told no more: a subject was erased."]'
        ELSE (SELECT coalesce(jsonb_agg(f), '[]') FROM jsonb_array_elements_text(faults) AS f
              WHERE NOT sluice.quotes_keys(f, keys)) END
    WHERE dataset = dataset_name AND jsonb_array_length(faults) > 0 AND (run = ANY (asked) OR EXISTS (
        SELECT FROM jsonb_array_elements_text(faults) AS f WHERE sluice.quotes_keys(f, keys)));
    GET DIAGNOSTICS results = ROW_COUNT;
    ALTER TABLE sluice.label_results ENABLE TRIGGER append_only;
    ALTER TABLE sluice.label_sent ENABLE TRIGGER append_only;
    ALTER TABLE sluice.label_rounds ENABLE TRIGGER append_only;
    INSERT INTO sluice.removals VALUES
        (request, format('label_rounds.%s', dataset_name), rounds),
        (request, format('label_sent.%s', dataset_name), sent),
        (request, format('label_results.%s', dataset_name), results)
        ON CONFLICT DO NOTHING;
END $$;

-- Whether a round has rows of these keys, in any of its parts.
CREATE OR REPLACE FUNCTION sluice.names_keys(a_round sluice.label_rounds, keys text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a_round.items && keys OR EXISTS (
        SELECT FROM unnest(ARRAY[a_round.said, a_round.subjects]) AS parts, jsonb_each(parts) AS part
        WHERE part.value ?| keys)
$$;

-- Whether a text has one of the keys in quotes, as Python prints it.
CREATE OR REPLACE FUNCTION sluice.quotes_keys(told text, keys text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM unnest(keys) AS key WHERE strpos(told, '''' || key || '''') > 0
                   OR strpos(told, '"' || key || '"') > 0)
$$;

-- Each part of an object without these keys: of objects their entries, of lists their texts.
CREATE OR REPLACE FUNCTION sluice.without_keys(parts jsonb, keys text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(part.key, CASE
        WHEN jsonb_typeof(part.value) IN ('object', 'array') THEN part.value - keys ELSE part.value END), '{}')
    FROM jsonb_each(parts) AS part
$$;

REVOKE EXECUTE ON FUNCTION sluice.erase_labelling FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice.erase_labelling TO sluice_writer;

RESET ROLE;

-- Of landing and staging readers see columns that are granted to them one by one: who answered what in a round, and of
-- the rows that may be labelled what annotators are shown.
GRANT USAGE ON SCHEMA landing, staging TO sluice_reader;
