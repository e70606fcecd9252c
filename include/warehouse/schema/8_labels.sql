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
     what a model or rules were sure of: rows that they label, rows that people check, how each rule did; and the gold items''
     answers.';

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
COMMENT ON TABLE sluice.label_results IS
    'What came of a round: items answered, answers, who agreed how far, the agreement gate''s decision, and the batch in
     which answers and labels were landed (null where nobody answered). Faults are answers that could not be taken.';

SELECT sluice.only_grows('sluice.label_rounds'), sluice.only_grows('sluice.label_results');
GRANT INSERT ON sluice.label_rounds, sluice.label_results TO sluice_writer;

RESET ROLE;

-- Of landing and staging readers see columns that are granted to them one by one: who answered what in a round, and of
-- the rows that may be labelled what annotators are shown.
GRANT USAGE ON SCHEMA landing, staging TO sluice_reader;
