"""A site's robots.txt decides whether and how fast it is read, and cannot lead us anywhere else."""

import socket
import time

import pytest

from include.collect import robots
from include.collect.robots import LARGEST, Robots, ask
from include.core.errors import FatalError, RetriableError
from include.sample.site import Site

AGENT = "Sluice/0.1.0 (+test@localhost)"


def test_the_site_may_ask_for_a_longer_delay():
    text = "User-agent: *\nCrawl-delay: 2.5\n"
    with Site(1, 16, robots=text) as site:
        assert ask(f"{site.url}/", AGENT) == Robots(text, 2.5)


def test_a_rule_for_sluice_goes_before_the_rule_for_all():
    text = "User-agent: *\nDisallow: /\n\nUser-agent: Sluice\nAllow: /\nCrawl-delay: 1\n"
    with Site(1, 16, robots=text) as site:
        assert ask(f"{site.url}/", AGENT).delay == 1
        with pytest.raises(FatalError, match="forbids Other to read it"):
            ask(f"{site.url}/", "Other/1.0")


def test_a_site_without_robots_txt_may_be_read():
    with Site(1, 16) as site:
        site.faults = {"/robots.txt": [404]}
        assert ask(f"{site.url}/", AGENT) == Robots("", 0)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_site_that_cannot_say_is_left_alone(status):
    with Site(1, 16) as site:
        site.faults = {"/robots.txt": [status]}
        with pytest.raises(RetriableError, match=f"robots.txt with status {status}"):
            ask(f"{site.url}/", AGENT)


def test_a_host_that_does_not_exist_may_be_tried_again():
    with pytest.raises(RetriableError, match="cannot be reached"):
        ask("http://sluice.invalid/", AGENT)


def test_of_a_robots_txt_of_a_gigabyte_the_first_500_kb_count(web, answer):
    sent = [0]

    def flood(output):
        output.write(b"User-agent: *\nDisallow: /private\n")
        while sent[0] < 1_000_000_000:
            output.write(b"#" * 65_536)
            sent[0] += 65_536

    web.pages["/robots.txt"] = answer(write=flood)
    said = ask(f"{web.url}/", AGENT)
    assert (said.text[:32], len(said.text)) == ("User-agent: *\nDisallow: /private", LARGEST)
    assert sent[0] < 50_000_000


def test_a_robots_txt_that_drips_is_given_up(web, answer, monkeypatch):
    def drip(output):
        while True:
            output.write(b"#")
            time.sleep(0.02)

    monkeypatch.setattr(robots, "TIMEOUT", 0.2)
    web.pages["/robots.txt"] = answer(write=drip)
    with pytest.raises(RetriableError, match=r"did not arrive within 0\.2 seconds"):
        ask(f"{web.url}/", AGENT)


def test_a_redirect_on_the_site_is_followed_five_times_at_most(web, answer):
    for number in range(5):
        web.pages[f"/{number}"] = answer(status=302, headers={"Location": f"/{number + 1}"})
    web.pages["/robots.txt"] = answer(status=301, headers={"Location": "/1"})
    web.pages["/5"] = answer(b"User-agent: *\nCrawl-delay: 7\n")
    assert ask(f"{web.url}/", AGENT).delay == 7
    web.pages["/robots.txt"].headers["Location"] = "/0"
    assert ask(f"{web.url}/", AGENT).delay == 0


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://elsewhere.invalid/robots.txt"])
def test_a_redirect_off_the_site_is_not_followed(web, answer, target):
    web.pages["/robots.txt"] = answer(status=302, headers={"Location": target})
    with pytest.raises(FatalError, match="redirected off the site, to http"):
        ask(f"{web.url}/", AGENT)


def test_a_name_that_leads_to_a_private_address_is_asked_nothing_unless_that_is_declared(web, monkeypatch):
    # What a hostile name server would answer.
    port = int(web.url.rpartition(":")[2])
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: answers)
    with pytest.raises(FatalError, match=r"shop\.example leads to 127\.0\.0\.1, which is no public address"):
        ask(f"http://shop.example:{port}/", AGENT)
    assert not web.hits
    assert ask(f"http://shop.example:{port}/", AGENT, private=True).delay == 0


def test_a_root_that_is_no_web_address_is_refused():
    for url in ("ftp://example.invalid/", "http:///", "http://example.invalid:99999/"):
        with pytest.raises(FatalError, match="begins with http"):
            ask(url, AGENT)
