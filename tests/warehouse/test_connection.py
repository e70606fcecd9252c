"""Connections to the warehouse: what is lost is told as such."""

import pytest

from include.core.errors import RetriableError
from include.warehouse.connection import connect, transaction


def test_a_connection_that_is_lost_in_a_transaction_is_worth_another_try(warehouse_url, warehouse_admin_url):
    admin = connect(warehouse_admin_url)
    with pytest.raises(RetriableError, match="was lost: server closed the connection"):
        with transaction(warehouse_url) as connection, connection.cursor() as cursor:
            pid = connection.info.backend_pid
            with admin, admin.cursor() as killing:
                killing.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            cursor.execute("SELECT 1")
    admin.close()
