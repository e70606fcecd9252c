-- What was judged, by which suite, and what became of it.

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.validations (
    run text NOT NULL,
    dataset text NOT NULL,
    stage text NOT NULL CHECK (stage IN ('gate', 'audit')),
    decision text NOT NULL CHECK (decision IN ('publish', 'hold', 'reject')),
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

-- For a warehouse that was prepared before there was this column.
ALTER TABLE sluice.validations ADD COLUMN IF NOT EXISTS evidence jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN sluice.validations.evidence IS
    'What the judgement rests on besides the outcomes, by what it speaks of; it goes into the version''s manifest.';

ALTER TABLE sluice.validations ADD COLUMN IF NOT EXISTS seal jsonb;
COMMENT ON COLUMN sluice.validations.seal IS
    'What an audit saw: the fingerprint of its rows, and by what publish tells that the table still holds them.';

ALTER TABLE sluice.validations ADD COLUMN IF NOT EXISTS tells boolean GENERATED ALWAYS AS
    (rows > 0 AND NOT jsonb_path_exists(outcomes, '$[*] ? (@.exception != null)')) STORED;
COMMENT ON COLUMN sluice.validations.tells IS
    'Whether every rule was judged on some rows: else a row that was not rejected need not be good.';


-- For one in which nothing could be held yet. Only then: the check reads the whole table, and locks it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'sluice.validations'::regclass
               AND conname = 'validations_decision_check' AND pg_get_constraintdef(oid) NOT LIKE '%hold%') THEN
        ALTER TABLE sluice.validations DROP CONSTRAINT validations_decision_check,
            ADD CONSTRAINT validations_decision_check CHECK (decision IN ('publish', 'hold', 'reject'));
    END IF;
END $$;

-- The lists of judgements, of all datasets and of one, newest first: what they cost does not grow with their number.
CREATE INDEX IF NOT EXISTS validations_newest ON sluice.validations (judged_at DESC, run DESC, dataset, stage);
CREATE INDEX IF NOT EXISTS validations_of_a_dataset
    ON sluice.validations (dataset, judged_at DESC, run DESC, stage);
CREATE INDEX IF NOT EXISTS validations_of_a_stage ON sluice.validations (dataset, stage, judged_at);

SELECT sluice.only_grows('sluice.validations');
GRANT INSERT ON sluice.validations TO sluice_writer;

RESET ROLE;
