-- What the writer remembers of a site: the last crawl that came to its end, and the one under way. It is the
-- writer's own, and no reader's: half a crawl is no truth. See include/warehouse/crawls.py.
CREATE TABLE IF NOT EXISTS crawls.runs (
    source text NOT NULL,
    crawl bigint NOT NULL,
    recipe text NOT NULL,
    begun_at timestamptz NOT NULL,
    shapes json,
    refused boolean NOT NULL DEFAULT false,
    figures json,
    PRIMARY KEY (source, crawl)
);
COMMENT ON COLUMN crawls.runs.figures IS 'What the crawl amounted to; null while it is under way.';

CREATE TABLE IF NOT EXISTS crawls.visits (
    source text NOT NULL,
    crawl bigint NOT NULL,
    visit text NOT NULL,
    path text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('read', 'same', 'moved', 'gone', 'unread')),
    reason text,
    depth integer NOT NULL,
    links json NOT NULL,
    etag text,
    last_modified text,
    PRIMARY KEY (source, crawl, visit)
);

-- json, not jsonb: a value comes back byte by byte as it was put in.
CREATE TABLE IF NOT EXISTS crawls.records (
    source text NOT NULL,
    crawl bigint NOT NULL,
    visit text NOT NULL,
    table_name text NOT NULL,
    key text,
    content json NOT NULL,
    reasons text[],
    kept boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS records_of_a_visit ON crawls.records (source, crawl, visit);
COMMENT ON COLUMN crawls.records.kept IS
    'From an earlier crawl, of a page that could not be read since: it stays as it is landed.';

CREATE TABLE IF NOT EXISTS crawls.deaths (
    source text NOT NULL,
    crawl bigint NOT NULL,
    visit text NOT NULL,
    times integer NOT NULL,
    PRIMARY KEY (source, crawl, visit)
);
COMMENT ON TABLE crawls.deaths IS 'How often the spider''s process died while it read a page of the crawl under way.';

ALTER TABLE crawls.deaths OWNER TO sluice_writer;
ALTER TABLE crawls.runs OWNER TO sluice_writer;
ALTER TABLE crawls.visits OWNER TO sluice_writer;
ALTER TABLE crawls.records OWNER TO sluice_writer;
