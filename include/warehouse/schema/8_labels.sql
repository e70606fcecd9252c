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
COMMENT ON TABLE sluice.label_rounds IS
    'One row a round: the keys of the rows that were given to annotators, where, and how many rows waited for a label. said is
     what a model or rules were sure of: rows that they label, rows that people check, what annotators see of the others, how
     each rule did; and the gold items'' answers. It is written before anything is handed out.';

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

RESET ROLE;
