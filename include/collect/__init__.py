"""Read a source from a position: batches of changes. Postgres by replication, sites by a crawl."""
