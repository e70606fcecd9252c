"""What every spider of the catalog must have; a new site is tested by its entry alone."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from include.catalog import SOURCES
from include.collect.spiders.base import SiteSpider
from include.collect.spiders.records import Page
from include.sample.site import Site
from include.specs import SiteSource

ROOT = Path(__file__).resolve().parents[3]
sites = pytest.mark.parametrize("site", [s for s in SOURCES if isinstance(s, SiteSource)], ids=lambda s: s.name)


def spider_of(site: SiteSource) -> type[SiteSpider]:
    return import_module(f"include.collect.spiders.{site.spider}").Spider


@sites
def test_a_spider_says_what_it_finds_and_how_to_tell_it_apart(site: SiteSource):
    models = spider_of(site).models
    assert Page in models
    assert len({model.table for model in models}) == len(models)
    for model in models:
        columns = [name for name, _ in model.columns()]
        assert model.key in columns
        assert len(set(columns)) == len(columns)
        assert not [name for name in columns if name.startswith("_")]


@sites
def test_a_spider_is_named_like_its_module_and_stays_on_its_host(site: SiteSource):
    spider = spider_of(site)(base_url="https://example.invalid/shop/")
    assert (spider.name, spider.allowed_domains) == (site.spider, ["example.invalid"])


@sites
def test_a_site_gives_its_owner_a_way_to_complain(site: SiteSource):
    assert "@" in site.contact or site.contact.startswith("https://")


def test_a_crawl_ends_with_the_process_that_wanted_it(tmp_path: Path):
    with Site(1, 16) as site:
        job = {
            "spider": "shop_site", "base_url": f"{site.url}/", "user_agent": "Sluice/0 (+test@localhost)",
            "delay": 30, "retry_pause": 1, "max_pages": 100, "timeout": 600, "folder": str(tmp_path),
        }  # fmt: skip
        child = subprocess.Popen(
            [sys.executable, "-m", "include.collect.spiders"], cwd=ROOT, stdin=subprocess.PIPE, text=True
        )
        assert child.stdin is not None
        child.stdin.write(json.dumps(job) + "\n")
        child.stdin.close()
        assert child.wait(timeout=60) == 1
