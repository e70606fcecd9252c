"""The warehouse in Postgres: connection, landing, as-of reading, bulk transfer, quarantine, versions."""
