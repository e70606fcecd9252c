"""A crawl of the real sample site over loopback: everything lands or is rejected with a reason, politely."""

import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.catalog import source
from include.collect.scrape import crawl
from include.core.batch import Batch, TableChanges
from include.core.errors import FatalError, RetriableError
from include.sample.shelf import stock
from include.sample.site import Site
from include.specs import SiteSource
from include.warehouse.connection import transaction
from include.warehouse.landing import land, position

PLATES = 16
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop_site() -> SiteSource:
    found = source("shop_site")
    assert isinstance(found, SiteSource)
    return found.model_copy(update={"delay": 0.0})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(1, PLATES) as running:
        yield running


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def batch(site: Site, shop_site: SiteSource, storage: Path) -> Batch:
    return crawl(shop_site, site.url, None, storage)


def rows(changes: TableChanges) -> list[dict[str, str | None]]:
    """What landing will read from a table's changes."""
    names = ["_seq", "_op", "_unchanged", *(column.name for column in changes.table.columns)]
    found = []
    for step in changes.steps:
        step.spool.seek(0)
        data, place = step.spool.read(), 0
        while place < len(data):
            values: list[bytes | None] = []
            place += 2
            for _ in names:
                (length,) = struct.unpack_from("!i", data, place)
                place += 4
                values.append(None if length < 0 else data[place : place + length])
                place += max(length, 0)
            row = dict(zip(names, values, strict=True))
            found.append(
                {name: v.decode() if v is not None else None for name, v in row.items() if name[0] != "_"}
            )
    return found


def table(batch: Batch, name: str) -> list[dict[str, str | None]]:
    return next(rows(changes) for changes in batch.changes if changes.table.name == name)


def test_a_first_crawl_finds_every_page_product_review_and_picture(batch: Batch, site: Site) -> None:
    assert (batch.source, batch.start, batch.end, batch.skip_unchanged) == ("shop_site", None, "crawl 1", True)
    assert {changes.table.name: changes.count for changes in batch.changes} == {
        # The home page, two listings and each plate's own; three spoiled plates, one review and two pictures less.
        "pages": 1 + 2 + PLATES,
        "products": PLATES - 3,
        "reviews": sum(page.count(b'class="review"') for page, _ in site.pages.values()) - 1,
        "pictures": PLATES * 5 - 2,
    }  # fmt: skip


def test_rows_come_in_the_order_of_their_keys(batch: Batch) -> None:
    for changes in batch.changes:
        keys = [row[changes.table.key[0]] for row in rows(changes)]
        assert keys == sorted(set(keys), key=str)


def test_exactly_what_the_site_spoiled_for_the_scraper_is_rejected_with_its_reason(
    batch: Batch, site: Site
) -> None:
    rejected = {(r.table, r.key, reason) for r in batch.rejected for reason in r.reasons}
    assert rejected == {(p.table, p.key, p.rule) for p in site.planted if p.where == "collect"}
    assert ("pictures", "/photos/plate-0001-1.png", "image: truncated") in rejected


def test_dirt_that_only_the_gate_can_see_lands(batch: Batch) -> None:
    pictures = {row["path"]: row for row in table(batch, "pictures")}
    assert pictures["/photos/plate-0003-1.png"]["label"] is None
    assert pictures["/photos/plate-0004-1.png"]["label"] == "O"
    assert pictures["/photos/plate-0005-1.png"]["image"] == pictures["/photos/plate-0006-1.png"]["image"]
    assert pictures["/photos/plate-0007-1.png"]["width"] == "4"


def test_markup_in_a_review_lands_as_the_text_it_is(batch: Batch) -> None:
    texts = {row["id"]: row["text"] for row in table(batch, "reviews")}
    assert texts["plate-0011-review-1"] == "Nice <script>alert(1)</script> plate."


def test_pictures_lie_in_the_storage_under_their_own_hash(batch: Batch, storage: Path, site: Site) -> None:
    from hashlib import sha256

    for row in table(batch, "pictures"):
        path, image = str(row["path"]), str(row["image"])
        data = (storage / image).read_bytes()
        digest = sha256(data).hexdigest()
        assert image == f"images/{digest[:2]}/{digest}.png"
        assert data == site.pages[path][0]


@pytest.mark.usefixtures("batch")
def test_the_crawler_keeps_to_robots_txt_and_says_who_it_is(site: Site) -> None:
    assert {path: site.hits[path] for path in ("/private", "/cart", "/status")} == {
        "/private": 0, "/cart": 0, "/status": 0,
    }  # fmt: skip
    assert site.agents == {"Sluice/0.1.0 (+sluice@localhost)"}
    assert max(site.hits[path] for path in site.pages) == 1


def test_a_second_crawl_finds_the_same_and_stores_only_what_a_killed_run_left_half_written(
    batch: Batch, site: Site, shop_site: SiteSource, storage: Path
) -> None:
    torn = storage / str(table(batch, "pictures")[0]["image"])
    whole = torn.read_bytes()
    torn.write_bytes(whole[:100])
    stored = {path: path.stat().st_mtime_ns for path in storage.rglob("*.png")}
    again = crawl(shop_site, site.url, batch.end, storage)
    assert (again.start, again.end) == ("crawl 1", "crawl 2")
    assert [rows(changes) for changes in again.changes] == [rows(changes) for changes in batch.changes]
    assert again.rejected == batch.rejected
    assert torn.read_bytes() == whole
    assert {path for path, written in stored.items() if path.stat().st_mtime_ns != written} == {torn}


def test_pictures_go_to_an_object_store_as_well(site: Site, shop_site: SiteSource) -> None:
    from upath import UPath  # what Airflow's ObjectStoragePath is made of

    bucket = UPath("memory://bucket/sluice")
    batch = crawl(shop_site, site.url, None, bucket)
    images = {str(row["image"]) for row in table(batch, "pictures")}
    assert {path.path.removeprefix("/bucket/sluice/") for path in bucket.rglob("*.png")} == images


def test_a_page_that_fails_twice_is_asked_again_and_read(shop_site: SiteSource, tmp_path: Path) -> None:
    with Site(1, PLATES) as site:
        site.faults = {"/plates/plate-0013": [503, 500], "/plates/plate-0014": [500] * 9}
        batch = crawl(shop_site, site.url, None, tmp_path, retry_pause=0.01)
        asked = {path: site.hits[path] for path in site.faults}
    assert asked == {"/plates/plate-0013": 3, "/plates/plate-0014": 4}
    assert "plate-0013" in {row["sku"] for row in table(batch, "products")}
    lost = [(r.table, r.key, r.reasons) for r in batch.rejected if r.table == "pages"]
    assert lost == [
        ("pages", "/plates/plate-0000", ("status: 404",)),
        ("pages", "/plates/plate-0014", ("status: 500",)),
    ]


def test_an_unreachable_site_may_be_tried_again(shop_site: SiteSource, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RetriableError, match=r"cannot be reached at .*Fix: check the host"):
            crawl(shop_site, url, None, tmp_path)


def test_a_site_that_forbids_everything_is_not_crawled(shop_site: SiteSource, tmp_path: Path) -> None:
    with Site(1, PLATES, robots="User-agent: *\nDisallow: /\n") as site:
        with pytest.raises(FatalError, match=r"robots.txt of .* forbids Sluice"):
            crawl(shop_site, site.url, None, tmp_path)
        assert dict(site.hits) == {"/robots.txt": 1}


def test_a_site_whose_robots_txt_fails_is_left_alone_for_now(shop_site: SiteSource, tmp_path: Path) -> None:
    with Site(1, PLATES) as site:
        site.faults = {"/robots.txt": [503]}
        with pytest.raises(RetriableError, match=r"robots.txt with status 503"):
            crawl(shop_site, site.url, None, tmp_path)


def test_a_missing_first_page_is_no_crawl(shop_site: SiteSource, tmp_path: Path) -> None:
    with (
        Site(1, PLATES) as site,
        pytest.raises(FatalError, match=r"first page .* could not be read \(status: 404\)"),
    ):
        crawl(shop_site, f"{site.url}/nowhere", None, tmp_path)


def test_a_crawl_that_takes_too_long_is_not_landed(shop_site: SiteSource, tmp_path: Path) -> None:
    slow = shop_site.model_copy(update={"delay": 0.3, "timeout": 2})
    with (
        Site(1, PLATES) as site,
        pytest.raises(RetriableError, match=r"broke off .*more than 2 s, raise timeout"),
    ):
        crawl(slow, site.url, None, tmp_path)


def test_a_spider_that_is_not_there_is_named(shop_site: SiteSource, tmp_path: Path) -> None:
    lost = shop_site.model_copy(update={"spider": "other_site"})
    with Site(1, PLATES) as site, pytest.raises(FatalError, match=r"other_site did not run: ModuleNotFoundError"):
        crawl(lost, site.url, None, tmp_path)


def test_more_pages_than_declared_are_refused_rather_than_cut_off(shop_site: SiteSource, tmp_path: Path) -> None:
    narrow = shop_site.model_copy(update={"max_pages": 5})
    with Site(1, PLATES) as site, pytest.raises(FatalError, match=r"more than max_pages = 5 .*raise max_pages"):
        crawl(narrow, site.url, None, tmp_path)


def test_an_address_that_is_no_web_address_is_refused(shop_site: SiteSource, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="begins with http"):
        crawl(shop_site, "ftp://example.invalid", None, tmp_path)


def test_a_position_of_another_kind_of_source_is_refused(
    shop_site: SiteSource, site: Site, tmp_path: Path
) -> None:
    with pytest.raises(FatalError, match="reads like 'crawl 3'; this one is '0/16B3748'"):
        crawl(shop_site, site.url, "0/16B3748", tmp_path)


def landed(warehouse_url: str, query: str) -> list[tuple]:
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_crawls_land_only_what_is_new_and_a_changed_page_closes_its_interval(
    shop_site: SiteSource, warehouse_url: str, tmp_path: Path
) -> None:
    changes: list[dict[str, int]] = []
    with Site(1, PLATES) as site:
        for edition in (0, 0, 1):
            site.restock(edition)
            with transaction(warehouse_url) as connection:
                found = crawl(shop_site, site.url, position(connection, "shop_site"), tmp_path)
                changes.append(land(connection, found, AT).changes)
        first, second = (sum(change.values()) for change in changes[:2])
        assert (first > 100, second) == (True, 0)
        # A new price and review on one plate's page; a new plate with a page of its own, and its listing.
        assert changes[2].pop("reviews") >= 1
        assert changes[2] == {"pages": 3, "products": 2, "pictures": 5}
    before, after = (stock(1, PLATES, edition).plates[13].price for edition in (0, 1))
    assert landed(
        warehouse_url,
        "SELECT price::text, _batch, _seq_to IS NULL FROM landing.shop_site_products WHERE sku = 'plate-0014'"
        " ORDER BY _seq_from",
    ) == [(before, 1, False), (after, 3, True)]
    assert landed(
        warehouse_url,
        "SELECT run, key, reasons FROM quarantine.shop_site_pictures ORDER BY run, row_number LIMIT 2",
    ) == [
        ("batch 1", "/photos/plate-0001-1.png", ["image: truncated"]),
        ("batch 1", "/photos/plate-0002-1.png", ["image: not_an_image"]),
    ]
