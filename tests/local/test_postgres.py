"""The embedded server: restarts, leftovers, odd paths."""

import psycopg2

from include.local.postgres import EmbeddedPostgres


def test_a_path_with_a_space_and_a_killed_starter_do_no_harm(tmp_path):
    home = tmp_path / "a path with ünïcode"
    first = EmbeddedPostgres(home)
    try:
        first.start()
        first.create_database("kept")
        assert (home / "postgres.json").stat().st_mode & 0o077 == 0

        second = EmbeddedPostgres(home)
        second.start()
        assert second.port == first.port

        second.stop()
        assert not first.running()
        second.start()
        connection = psycopg2.connect(second.url("kept"))
        with connection.cursor() as cursor:
            cursor.execute("SHOW wal_level")
            assert cursor.fetchone() == ("logical",)
            cursor.execute("SHOW server_version_num")
            assert cursor.fetchone()[0].startswith("18")
        connection.close()
    finally:
        first.destroy()
    assert not first.data.exists()
