-- What was landed, from where, in which shape and under which pseudonyms.

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

SELECT sluice.only_grows('sluice.batches'), sluice.only_grows('sluice.landing_tables'),
    sluice.only_grows('sluice.pseudonymised');
GRANT INSERT ON sluice.batches, sluice.landing_tables, sluice.pseudonymised TO sluice_writer;

-- Landing takes a batch's number before it writes the rows that bear it.
GRANT USAGE ON SEQUENCE sluice.batches_batch_seq TO sluice_writer;

RESET ROLE;
