"""A second crawl asks what has changed, and lands just that: new, changed and vanished pages become intervals."""

import cv2
import numpy as np
import pytest

from include.collect import scrape
from include.core.errors import FatalError
from include.pipeline.collect import news

PRICES = (
    "SELECT price::text, _batch, _seq_to IS NULL FROM landing.site_products WHERE sku = '{}' ORDER BY _seq_from"
)


def png(grey):
    return cv2.imencode(".png", np.full((4, 4), grey, np.uint8))[1].tobytes()


def history(site, table, key, value):
    """For each interval of a row: the batch that opened it, and whether it is open."""
    return site.query(
        f"SELECT _batch, _seq_to IS NULL FROM landing.site_{table} WHERE {key} = '{value}' ORDER BY _seq_from"
    )


def test_an_unchanged_site_of_300_pages_transfers_no_bodies_and_writes_no_rows(site, web):
    web.shop(300)
    assert site.collect() == {"pages": 300, "products": 300, "reviews": 300, "pictures": 0}
    web.sent = 0
    web.hits.clear()
    assert site.collect() == {"pages": 0, "products": 0, "reviews": 0, "pictures": 0}
    assert web.sent == 0
    assert (len(web.hits), max(web.hits.values())) == (301, 1)
    assert site.position() == "crawl 2"
    newest = news(site.warehouse, "site")
    assert newest is not None and newest.batch == 1
    assert site.query("SELECT count(*) FROM landing.site_pages WHERE _batch <> 1 OR _seq_to IS NOT NULL") == [(0,)]


def test_changed_new_and_vanished_pages_become_intervals_and_what_could_not_be_read_stays(site, web, page, answer):
    web.shop(30)
    web.pages["/p/5"] = page("s5", "/p/16", "/p/17", "/p/18", photos=("/5.png",))
    web.pages["/p/7"] = page("s7", "/p/22", "/p/23", "/p/24", photos=("/7.png",))
    web.pages |= {f"/{n}.png": answer(png(n), kind="image/png") for n in (5, 7)}
    assert site.collect()["pages"] == 30

    web.pages["/p/3"] = page(
        "s3", "/p/10", "/p/11", "/p/12", "/new", price="13.00"
    )  # changed, and links a new one
    web.pages["/new"] = page("new")
    del web.pages["/p/20"]  # gone
    web.pages["/p/4"] = page("s4", "/p/13", "/p/14")  # links /p/15 no longer
    web.pages["/p/5"] = answer(status=500)  # can not be read; its links and its photo are as they were
    web.pages["/7.png"] = answer(png(70), kind="image/png")  # another picture on an unmodified page
    assert site.collect() == {"pages": 5, "products": 4, "reviews": 3, "pictures": 1}
    assert site.query(PRICES.format("s3")) == [("12.50", 1, False), ("13.00", 2, True)]
    assert history(site, "pages", "path", "/new") == [(2, True)]
    for gone in (15, 20):
        assert history(site, "pages", "path", f"/p/{gone}") == [(1, False)]
        assert history(site, "products", "sku", f"s{gone}") == [(1, False)]
        assert history(site, "reviews", "id", f"s{gone}-1") == [(1, False)]
    for kept in (5, 16, 17, 18):
        assert history(site, "pages", "path", f"/p/{kept}") == [(1, True)]
        assert history(site, "products", "sku", f"s{kept}") == [(1, True)]
    assert history(site, "pictures", "path", "/5.png") == [(1, True)]
    assert history(site, "pictures", "path", "/7.png") == [(1, False), (2, True)]
    assert site.rejected() == [("/p/20", ["status: 404"]), ("/p/5", ["status: 500"])]

    web.pages["/p/5"] = page("s5", "/p/16", price="14.00")  # it is back, without two links and the photo
    # One of two pictures is more than a crawl may lose by default.
    assert site.collect(policy={"max_loss": 0.5}) == {"pages": 3, "products": 3, "reviews": 2, "pictures": 1}
    assert site.query(PRICES.format("s5")) == [("12.50", 1, False), ("14.00", 3, True)]
    assert history(site, "pages", "path", "/p/17") == [(1, False)]
    assert history(site, "pictures", "path", "/5.png") == [(1, False)]


def test_a_picture_that_is_missing_in_the_storage_is_fetched_again_and_nothing_else_is(site, web, page, answer):
    web.pages["/"] = page("s0", photos=("/1.png", "/2.png"))
    web.pages |= {f"/{n}.png": answer(png(n), kind="image/png") for n in (1, 2)}
    site.collect()
    stored = {path: path.read_bytes() for path in site.storage.rglob("*.png")}
    [(lost,)] = site.query("SELECT image FROM landing.site_pictures WHERE path = '/2.png'")
    (site.storage / lost).unlink()
    web.sent = 0
    assert site.collect() == {"pages": 0, "products": 0, "reviews": 0, "pictures": 0}
    assert web.sent == len(png(2))
    assert {path: path.read_bytes() for path in site.storage.rglob("*.png")} == stored


def test_a_file_whose_page_says_something_else_about_it_is_read_again_with_what_it_says_now(
    site, web, page, answer
):
    web.pages = {"/": page("a", photos=("/a.png",)), "/a.png": answer(png(1), kind="image/png")}
    site.collect()
    web.pages["/"] = page("b", photos=("/a.png",))
    assert site.collect(policy={"max_loss": 1})["pictures"] == 1
    assert site.query("SELECT product, _batch, _seq_to IS NULL FROM landing.site_pictures ORDER BY _seq_from") == [
        ("a", 1, False), ("b", 2, True),
    ]  # fmt: skip


def test_a_record_that_can_no_longer_be_read_keeps_its_row_and_is_in_quarantine(site, web, page):
    web.pages = {"/": page("a", "/b", "/c", "/d"), **{f"/{sku}": page(sku) for sku in "bcd"}}
    site.collect()
    web.pages["/d"] = page("d", price="on request")
    assert site.collect() == {"pages": 1, "products": 0, "reviews": 0, "pictures": 0}
    assert site.query(PRICES.format("d")) == [("12.50", 1, True)]
    assert site.rejected("products") == [("d", ["price: decimal_parsing"])]


def test_a_site_without_etags_is_asked_by_date_and_one_without_either_is_read_anew(site, web, page):
    web.shop(3)
    web.etags = False
    web.pages["/"].headers["Last-Modified"] = "Sun, 01 Mar 2026 00:00:00 GMT"
    site.collect()
    web.sent = 0
    assert sum(site.collect().values()) == 0
    assert web.sent == sum(len(web.pages[path].body) for path in ("/p/1", "/p/2"))


def test_a_spider_that_reads_otherwise_reads_every_page_anew(site, web, monkeypatch):
    web.shop(3)
    site.collect()
    web.sent = 0
    monkeypatch.setattr(scrape, "READING", ("base.py",))
    assert sum(site.collect().values()) == 0
    assert web.sent == sum(len(page.body) for page in web.pages.values())


def test_a_first_page_that_is_gone_closes_nothing(site, web):
    web.shop(3)
    site.collect()
    del web.pages["/"]
    with pytest.raises(FatalError, match=r"first page .* could not be read \(status: 404\)"):
        site.collect()
    assert site.position() == "crawl 1"
    assert site.query("SELECT count(*) FROM landing.site_pages WHERE _seq_to IS NULL") == [(3,)]
