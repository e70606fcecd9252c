"""A crawl of the real sample site over loopback: everything is found or rejected with a reason, politely."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include.catalog import source
from include.collect.scrape import Known, crawl, recipe
from include.core.crawl import Shape, Visit
from include.core.errors import FatalError, RetriableError
from include.sample.site import Site
from include.specs import SiteSource

PLATES = 16


@dataclass
class Seen:
    """What a crawl yielded."""

    shapes: tuple[Shape, ...]
    visits: list[Visit]

    def table(self, name: str) -> list[dict[str, str | None]]:
        columns = next([c for c, _ in shape.columns] for shape in self.shapes if shape.name == name)
        found = [row for visit in self.visits for table, _, row in visit.rows if table == name]
        return [dict(zip(columns, row, strict=True)) for row in found]

    def rejected(self) -> set[tuple[str, str | None, str]]:
        return {(t, key, why) for v in self.visits for t, key, _, reasons in v.rejected for why in reasons}


def see(source: SiteSource, url: str, storage: Any, **options: Any) -> Seen:
    shapes, *visits = crawl(source, url, Known(), storage, **options)
    assert not isinstance(shapes, Visit)
    return Seen(shapes, [visit for visit in visits if isinstance(visit, Visit)])


@pytest.fixture(scope="module")
def shop_site() -> SiteSource:
    found = source("shop_site")
    assert isinstance(found, SiteSource)
    return found.model_copy(update={"delay": 0.0})


@pytest.fixture(scope="module")
def sample() -> Iterator[Site]:
    with Site(1, PLATES) as running:
        yield running


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def seen(sample: Site, shop_site: SiteSource, storage: Path) -> Seen:
    return see(shop_site, sample.url, storage)


def test_a_first_crawl_finds_every_page_product_review_and_picture(seen: Seen, sample: Site) -> None:
    assert Counter(table for visit in seen.visits for table, _, _ in visit.rows) == {
        # The home page, two listings and each plate's own; three spoiled plates, one review and two pictures less.
        "pages": 1 + 2 + PLATES,
        "products": PLATES - 3,
        "reviews": sum(page.count(b'class="review"') for page, _ in sample.pages.values()) - 1,
        "pictures": PLATES * 5 - 2,
    }  # fmt: skip


def test_every_visit_says_what_became_of_it_and_how_to_ask_whether_it_changed(seen: Seen) -> None:
    assert Counter((visit.outcome, visit.etag is not None) for visit in seen.visits) == {
        ("read", True): 1 + 2 + PLATES + PLATES * 5, ("gone", False): 1,
    }  # fmt: skip
    root = next(visit for visit in seen.visits if visit.path == "/")
    assert (root.depth, root.links) == (0, ("/", "/plates?page=1", "/plates/plate-0000"))


def test_exactly_what_the_site_spoiled_for_the_scraper_is_rejected_with_its_reason(
    seen: Seen, sample: Site
) -> None:
    assert seen.rejected() == {(p.table, p.key, p.rule) for p in sample.planted if p.where == "collect"}
    assert ("pictures", "/photos/plate-0001-1.png", "image: truncated") in seen.rejected()


def test_dirt_that_only_the_gate_can_see_is_found(seen: Seen) -> None:
    pictures = {row["path"]: row for row in seen.table("pictures")}
    assert pictures["/photos/plate-0003-1.png"]["label"] is None
    assert pictures["/photos/plate-0004-1.png"]["label"] == "O"
    assert pictures["/photos/plate-0005-1.png"]["image"] == pictures["/photos/plate-0006-1.png"]["image"]
    assert pictures["/photos/plate-0007-1.png"]["width"] == "4"


def test_markup_in_a_review_is_the_text_it_is(seen: Seen) -> None:
    texts = {row["id"]: row["text"] for row in seen.table("reviews")}
    assert texts["plate-0011-review-1"] == "Nice <script>alert(1)</script> plate."


def test_pictures_lie_in_the_storage_under_their_own_hash(seen: Seen, storage: Path, sample: Site) -> None:
    from hashlib import sha256

    for row in seen.table("pictures"):
        path, image = str(row["path"]), str(row["image"])
        data = (storage / image).read_bytes()
        digest = sha256(data).hexdigest()
        assert image == f"images/{digest[:2]}/{digest}.png"
        assert data == sample.pages[path][0]


@pytest.mark.usefixtures("seen")
def test_the_crawler_keeps_to_robots_txt_and_says_who_it_is(sample: Site) -> None:
    assert {path: sample.hits[path] for path in ("/private", "/cart", "/status")} == {
        "/private": 0, "/cart": 0, "/status": 0,
    }  # fmt: skip
    assert sample.agents == {"Sluice/0.1.0 (+sluice@localhost)"}
    assert max(sample.hits[path] for path in sample.pages) == 1


def test_a_second_crawl_stores_only_the_picture_that_a_killed_run_left_half_written(
    seen: Seen, sample: Site, shop_site: SiteSource, storage: Path
) -> None:
    torn = storage / str(seen.table("pictures")[0]["image"])
    whole = torn.read_bytes()
    torn.write_bytes(whole[:100])
    stored = {path: path.stat().st_mtime_ns for path in storage.rglob("*.png")}
    see(shop_site, sample.url, storage)
    assert torn.read_bytes() == whole
    assert {path for path, written in stored.items() if path.stat().st_mtime_ns != written} == {torn}


def test_pictures_go_to_an_object_store_as_well(sample: Site, shop_site: SiteSource) -> None:
    from upath import UPath  # what Airflow's ObjectStoragePath is made of

    bucket = UPath("memory://bucket/sluice")
    images = {str(row["image"]) for row in see(shop_site, sample.url, bucket).table("pictures")}
    assert {path.path.removeprefix("/bucket/sluice/") for path in bucket.rglob("*.png")} == images


def test_a_page_that_fails_twice_is_asked_again_and_read(shop_site: SiteSource, tmp_path: Path) -> None:
    with Site(1, PLATES) as site:
        site.faults = {"/plates/plate-0013": [503, 500], "/plates/plate-0014": [500] * 9}
        seen = see(shop_site, site.url, tmp_path, retry_pause=0.01)
        asked = {path: site.hits[path] for path in site.faults}
    assert asked == {"/plates/plate-0013": 3, "/plates/plate-0014": 4}
    assert "plate-0013" in {row["sku"] for row in seen.table("products")}
    assert {(visit.path, visit.outcome, visit.reason) for visit in seen.visits if visit.outcome != "read"} == {
        ("/plates/plate-0000", "gone", "status: 404"), ("/plates/plate-0014", "unread", "status: 500"),
    }  # fmt: skip


def test_an_unreachable_site_may_be_tried_again(shop_site: SiteSource, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RetriableError, match=r"cannot be reached at .*Fix: check the host"):
            see(shop_site, url, tmp_path)


def test_a_site_that_forbids_everything_is_not_crawled(shop_site: SiteSource, tmp_path: Path) -> None:
    with Site(1, PLATES, robots="User-agent: *\nDisallow: /\n") as site:
        with pytest.raises(FatalError, match=r"robots.txt of .* forbids Sluice"):
            see(shop_site, site.url, tmp_path)
        assert dict(site.hits) == {"/robots.txt": 1}


def test_a_site_whose_robots_txt_fails_is_left_alone_for_now(shop_site: SiteSource, tmp_path: Path) -> None:
    with Site(1, PLATES) as site:
        site.faults = {"/robots.txt": [503]}
        with pytest.raises(RetriableError, match=r"robots.txt with status 503"):
            see(shop_site, site.url, tmp_path)


def test_a_missing_first_page_is_no_crawl(shop_site: SiteSource, tmp_path: Path) -> None:
    with (
        Site(1, PLATES) as site,
        pytest.raises(FatalError, match=r"first page .* could not be read \(status: 404\)"),
    ):
        see(shop_site, f"{site.url}/nowhere", tmp_path)


def test_a_spider_that_is_not_there_is_named(shop_site: SiteSource, tmp_path: Path) -> None:
    lost = shop_site.model_copy(update={"spider": "other_site"})
    with Site(1, PLATES) as site, pytest.raises(FatalError, match=r"other_site did not run: ModuleNotFoundError"):
        see(lost, site.url, tmp_path)


def test_more_pages_than_declared_are_refused_rather_than_cut_off(shop_site: SiteSource, tmp_path: Path) -> None:
    narrow = shop_site.model_copy(update={"max_pages": 5})
    with Site(1, PLATES) as site, pytest.raises(FatalError, match=r"more than max_pages = 5 .*raise max_pages"):
        see(narrow, site.url, tmp_path)


def test_an_address_that_is_no_web_address_is_refused(shop_site: SiteSource, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="begins with http"):
        see(shop_site, "ftp://example.invalid", tmp_path)


def test_another_spider_or_another_address_is_another_recipe(shop_site: SiteSource) -> None:
    first = recipe(shop_site, "http://example.invalid")
    assert recipe(shop_site, "http://example.invalid/") == first
    assert recipe(shop_site, "http://example.invalid/shop") != first
    assert recipe(shop_site.model_copy(update={"spider": "other_site"}), "http://example.invalid") != first


def test_a_crawl_that_nobody_wants_any_more_ends_its_spider(
    sample: Site, shop_site: SiteSource, tmp_path: Path, spiders_of: Callable[[int], list[int]]
) -> None:
    visits = crawl(shop_site, sample.url, Known(), tmp_path)
    next(visits)
    assert len(spiders_of(os.getpid())) == 1
    visits.close()  # type: ignore[attr-defined]
    assert spiders_of(os.getpid()) == []


def test_a_site_behind_a_proxy_is_read_through_it_although_the_proxy_has_a_private_address(
    web, shop_site: SiteSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.shop(4)
    monkeypatch.setenv("http_proxy", web.url)
    seen = see(shop_site, "http://shop.example/", tmp_path)
    assert len(seen.table("products")) == 4
    assert web.proxied == {"shop.example"}
