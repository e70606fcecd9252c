"""A site's robots.txt decides whether and how fast it is read."""

import pytest

from include.collect.robots import crawl_delay, is_loopback
from include.core.errors import FatalError, RetriableError
from include.sample.site import Site

AGENT = "Sluice/0.1.0 (+test@localhost)"


def test_the_site_may_ask_for_a_longer_delay():
    with Site(1, 16, robots="User-agent: *\nCrawl-delay: 2.5\n") as site:
        assert crawl_delay(f"{site.url}/", AGENT) == 2.5


def test_a_rule_for_sluice_goes_before_the_rule_for_all():
    robots = "User-agent: *\nDisallow: /\n\nUser-agent: Sluice\nAllow: /\nCrawl-delay: 1\n"
    with Site(1, 16, robots=robots) as site:
        assert crawl_delay(f"{site.url}/", AGENT) == 1
        with pytest.raises(FatalError, match="forbids Other to read it"):
            crawl_delay(f"{site.url}/", "Other/1.0")


def test_a_site_without_robots_txt_may_be_read():
    with Site(1, 16) as site:
        site.faults = {"/robots.txt": [404]}
        assert crawl_delay(f"{site.url}/", AGENT) == 0


def test_a_host_that_does_not_exist_may_be_tried_again():
    with pytest.raises(RetriableError, match="cannot be reached"):
        crawl_delay("http://sluice.invalid/", AGENT)


def test_this_machine_is_known_by_its_names():
    hosts = ("127.0.0.1:80", "localhost", "[::1]:80", "example.org")
    assert [is_loopback(f"http://{host}/") for host in hosts] == [True, True, True, False]
