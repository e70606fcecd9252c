"""The stack: what is being stopped starts nothing more, and every disk it writes to must have room."""

import pytest

from include.catalog import SOURCES
from include.core.errors import FatalError
from include.local.home import Home, load_secrets
from include.local.stack import Stack
from include.specs import PostgresSource


def test_a_stack_that_is_being_stopped_starts_no_component_and_says_what_to_do(tmp_path):
    stack = Stack(Home(tmp_path), print)
    stack.stop()
    with pytest.raises(FatalError, match=r"scheduler was not started: .* Fix: run the command again\."):
        stack.start_again("scheduler")


def test_every_key_domain_of_the_catalog_has_its_key(tmp_path):
    stack = Stack(Home(tmp_path), print)
    stack.secrets = load_secrets(stack.place)
    domains = {s.key_domain for s in SOURCES if isinstance(s, PostgresSource) and s.key_domain}
    keys = stack.keys()
    assert keys.keys() == {f"sluice_key_{domain}" for domain in domains} and domains
    assert all(stack.secrets["pseudonyms"] in held for held in keys.values())


def test_the_disk_of_the_servers_data_must_have_room_wherever_it_is(tmp_path):
    server = Stack(Home(tmp_path), print).postgres
    server.check_room()
    with pytest.raises(FatalError, match=r"1\.5 GiB free; .* Fix: free some space, or ") as caught:
        server.check_room({server.data.parent: 3 * 1024**3 // 2}.__getitem__)
    assert f"The disk of {server.data.parent} has" in caught.value.problem
    assert ("root" in caught.value.fix) == server.as_root
