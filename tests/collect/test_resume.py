"""A crawl that is killed anywhere goes on with the pages that are left: none is lost, none is fetched again."""

import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from include.core.errors import FatalError, RetriableError
from include.pipeline import crawl
from include.warehouse.connection import transaction

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEPT = "SELECT path FROM crawls.visits"
CURRENT = "SELECT path FROM landing.site_pages WHERE _seq_to IS NULL ORDER BY path"


def wait_until(happened, seconds=60):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_300_pages_killed_three_times_at_random_are_all_landed_and_none_is_fetched_after_it_was_kept(site, web):
    web.shop(300)
    web.pause = 0.01
    chance = random.Random("killed three times")  # noqa: S311
    kept = []
    for least in (20, 80, 160):
        run = site.start()
        wait_until(lambda least=least: len(site.query(KEPT)) >= least)
        time.sleep(chance.uniform(0, 0.15))
        run.kill()
        assert run.wait() == -9
        # The killed run's backend may still be in the middle of its last transaction, which counts or does not.
        wait_until(lambda: site.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == [])
        assert site.position() is None
        paths = [path for (path,) in site.query(KEPT)]
        kept.append({path: web.hits[path] for path in paths})
    assert site.start().wait() == 0
    assert [path for (path,) in site.query(CURRENT)] == sorted(web.pages)
    assert site.query("SELECT count(*) FROM landing.site_pages") == [(300,)]
    assert site.query("SELECT count(*), count(DISTINCT sku) FROM landing.site_products") == [(300, 300)]
    assert 20 <= len(kept[0]) < len(kept[1]) < len(kept[2]) < 300
    for earlier in kept:
        assert {path: web.hits[path] for path in earlier} == earlier
    assert site.position() == "crawl 1"


def test_half_a_crawl_is_not_to_be_seen_but_how_far_it_is_is_told(site, web, monkeypatch, caplog):
    monkeypatch.setattr(crawl, "TELL_VISITS", 20)
    caplog.set_level("INFO", "include.pipeline.crawl")
    web.shop(120)
    with pytest.raises(FatalError, match="more than max_pages = 100"):
        site.collect(max_pages=100)
    assert "pages and files so far" in caplog.text
    assert len(site.query(KEPT)) > 0
    assert site.query("SELECT * FROM sluice.batches") == []
    assert site.query("SELECT tablename FROM pg_tables WHERE schemaname IN ('landing', 'quarantine')") == []
    with transaction(site.warehouse) as connection:
        connection.cursor().execute("SET ROLE sluice_reader")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            connection.cursor().execute(KEPT)
    assert site.collect() == {"pages": 120, "products": 120, "reviews": 120, "pictures": 0}
    assert max(web.hits[path] for path in web.pages) == 1


def test_a_run_killed_while_it_lands_lands_everything_the_next_time_and_asks_the_site_for_nothing(site, web):
    web.shop(12)
    blocker = psycopg2.connect(site.warehouse)
    blocker.cursor().execute("SET ROLE sluice_writer")
    blocker.cursor().execute("SELECT pg_advisory_xact_lock(hashtext('sluice.landing'), hashtext('site'))")
    run = site.start()
    wait_until(lambda: len(site.query(KEPT)) == 12)
    wait_until(lambda: site.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != [])
    run.kill()
    run.wait()
    blocker.close()
    assert site.position() is None
    asked = web.hits.total() - web.hits["/robots.txt"]
    assert site.collect() == {"pages": 12, "products": 12, "reviews": 12, "pictures": 0}
    assert web.hits.total() - web.hits["/robots.txt"] == asked == 12


def test_a_spider_that_is_killed_may_be_tried_again_and_what_it_read_is_kept(
    site, web, answer, spiders_of, monkeypatch
):
    monkeypatch.setattr(crawl, "STARTS", 1)
    web.shop(60)

    def kill(_output):
        for pid in spiders_of(os.getpid()):
            os.kill(pid, 9)

    web.faults = {"/p/50": [answer(write=kill)]}
    with pytest.raises(RetriableError, match=r"broke off \(killed\) .*what was read is kept"):
        site.collect()
    kept = [path for (path,) in site.query(KEPT)]
    assert 40 < len(kept) < 60
    assert site.collect()["pages"] == 60
    assert {web.hits[path] for path in kept} == {1}


class Poison:
    """A body that takes the spider a while to read; it is killed in the middle, as by a kernel out of memory."""

    body = b"<i>x</i>" * 800_000

    def __init__(self, answer, spiders_of):
        self.spiders_of = spiders_of
        self.answer = answer(write=self, headers={"Content-Length": str(len(self.body))})

    def __call__(self, output):
        output.write(self.body)
        [pid] = self.spiders_of(os.getpid())
        received = self.worked(pid)
        wait_until(lambda: self.worked(pid) > received + 0.15)
        os.kill(pid, 9)

    @staticmethod
    def worked(pid):
        """The processor time of a process, in seconds."""
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15])) / os.sysconf("SC_CLK_TCK")


def test_a_page_on_which_the_spider_dies_each_time_is_given_up_and_the_crawl_goes_on(
    site, web, answer, spiders_of, monkeypatch
):
    monkeypatch.setattr(crawl, "DEATHS_A_PAGE", 2)
    web.shop(12)
    web.pages["/p/2"] = Poison(answer, spiders_of).answer
    assert site.collect(policy={"max_unread": 0.2})["pages"] == 8
    assert web.hits["/p/2"] == 2
    assert site.rejected() == [("/p/2", ["spider: killed"])]
    assert site.query("SELECT notes FROM sluice.batches") == [
        (["page '/p/2' was given up: the spider's process died each time that it read it"],)
    ]


def test_a_spider_that_dies_on_the_first_page_is_not_taken_for_an_empty_site(
    site, web, answer, spiders_of, monkeypatch
):
    monkeypatch.setattr(crawl, "DEATHS_A_PAGE", 1)
    web.pages["/"] = Poison(answer, spiders_of).answer
    with pytest.raises(FatalError, match="shop_site died 1 times while it read the first page of site"):
        site.collect()
    assert site.position() is None


def test_a_crawl_that_takes_too_long_goes_on_in_the_next_run(site, web):
    web.shop(40)
    web.pause = 0.15
    with pytest.raises(RetriableError, match=r"broke off .*more than 1 s at a time, raise timeout"):
        site.collect(timeout=1)
    web.pause = 0
    kept = [path for (path,) in site.query(KEPT)]
    assert 0 < len(kept) < 40
    assert site.collect()["pages"] == 40
    assert {web.hits[path] for path in kept} == {1}


def test_what_was_read_too_long_ago_is_read_anew(site, web, page):
    web.shop(4)
    with pytest.raises(FatalError, match="max_pages"):
        site.collect(max_pages=3)
    web.pages["/"] = page("s0", "/p/1", price="99.00")
    late = AT + timedelta(seconds=site.source.resume_within + 1)
    assert site.collect(at=late) == {"pages": 2, "products": 2, "reviews": 2, "pictures": 0}
    assert site.query("SELECT price::text FROM landing.site_products WHERE sku = 's0'") == [("99.00",)]


def test_two_crawls_of_a_source_do_not_meet(site, web, monkeypatch):
    from include.warehouse import crawls

    monkeypatch.setattr(crawls, "CLAIM_TIMEOUT", "100ms")
    web.shop(3)
    other = psycopg2.connect(site.warehouse)
    with other:
        crawls.claim(other, "site")
    with pytest.raises(RetriableError, match="Another crawl of 'site' is under way"):
        site.collect()
    other.close()
    assert site.collect()["pages"] == 3
    assert site.position() == "crawl 1"
