"""What every spider of the catalog must have; a new site is tested by its entry alone."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from include.catalog import SOURCES
from include.collect.addresses import Site as Address
from include.collect.spiders.base import SiteSpider
from include.collect.spiders.frontier import Bounds, Frontier
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
        # Keys are compared as text, and these are written alike everywhere.
        assert dict(model.columns())[model.key] in {"text", "bigint"}


@sites
def test_a_spider_is_named_like_its_module(site: SiteSource):
    frontier = Frontier(Address.of("https://example.invalid/"), "", "Sluice", Bounds(1, 1, 1))
    assert spider_of(site)("https://example.invalid/", frontier, {}, []).name == site.spider


@sites
def test_a_site_gives_its_owner_a_way_to_complain(site: SiteSource):
    assert "@" in site.contact or site.contact.startswith("https://")


def start(url: str, folder: Path, **changed: object) -> subprocess.Popen[str]:
    """A child process with a job, as the parent would start it."""
    job = {
        "spider": "shop_site", "base_url": f"{url}/", "user_agent": "Sluice/0 (+test@localhost)", "robots": "",
        "delay": 0, "retry_pause": 0.01, "max_pages": 100, "max_depth": 10, "max_variants": 10,
        "max_body": 100_000, "max_memory": 2**31, "page_timeout": 10, "timeout": 600, "folder": str(folder),
        "private": True, "proxy_hosts": [],
    }  # fmt: skip
    (folder / "visits.jsonl").touch()
    child = subprocess.Popen(
        [sys.executable, "-m", "include.collect.spiders"], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write(json.dumps(job | changed) + "\n")
    child.stdin.flush()
    return child


def test_a_crawl_ends_with_the_process_that_wanted_it_and_leaves_no_folder(tmp_path: Path):
    folder = tmp_path / "job"
    folder.mkdir()
    with Site(1, 16) as site:
        child = start(site.url, folder, delay=30)
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=60) == 1
    assert not folder.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_connection_is_made_to_a_private_address_that_nobody_declared(host: str, tmp_path: Path):
    with Site(1, 16) as site:
        child = start(site.url.replace("127.0.0.1", host), tmp_path, private=False)
        said = [json.loads(line) for line in child.stdout or ()]
        assert said[-1]["start_failure"] == "download: CannotResolveHostError"
        assert child.wait(timeout=60) == 0
        assert not site.hits
