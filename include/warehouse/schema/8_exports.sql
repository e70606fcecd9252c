-- Which versions were written as files, and where they were put.

SET ROLE sluice_keeper;

CREATE TABLE IF NOT EXISTS sluice.exports (
    dataset text NOT NULL,
    version integer NOT NULL,
    place text NOT NULL,
    files jsonb NOT NULL,
    exported_at timestamptz NOT NULL,
    PRIMARY KEY (dataset, version, place),
    FOREIGN KEY (dataset, version) REFERENCES sluice.versions
);
COMMENT ON TABLE sluice.exports IS
    'One row a version and place. The files of a version that an erasure retired are gone; that they were is not.';

SELECT sluice.only_grows('sluice.exports');
GRANT INSERT ON sluice.exports TO sluice_writer;

RESET ROLE;
