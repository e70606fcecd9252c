"""The sample shop: a database under live traffic and a web site, seeded, with planted dirt that is on record."""
