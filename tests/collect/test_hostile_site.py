"""A site that means harm costs a crawl a line in quarantine for each trick, and nothing else."""

import struct
import time
import zlib

import pytest

from include.core.errors import FatalError, RetriableError

MOST = 2_000_000
LENIENT = {"max_unread": 1, "max_rejected": 1}


def chunk(kind, data):
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


# Small files that say they unfold into a picture of 900 million pixels.
PNG_BOMB = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack("!IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
BMP_BOMB = (
    b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 30_000, 30_000, 1, 24, *[0] * 6)
)


class Flood:
    """A body of a gigabyte, for as long as somebody listens."""

    sent = 0

    def __call__(self, output):
        for _ in range(16_000):
            output.write(bytes(65_536))
            self.sent += 65_536


def cut(output):
    output.write(b"x")


def tricks(page, answer, bomb, secret):
    """Paths of a hostile site: what each says, and the reason for which it is refused (None: it is read)."""
    gigabyte = {"Content-Length": "1000000000"}
    return {
        "/declared": (answer(write=Flood(), headers=gigabyte), "body: too_large"),
        "/endless": (answer(write=Flood()), "body: too_large"),
        "/bomb": (answer(bomb, headers={"Content-Encoding": "gzip"}), "body: too_large"),
        "/cut": (answer(write=cut, headers={"Content-Length": "9"}), "download: ResponseDataLossError"),
        "/garbled": (answer(b"no such thing", headers={"Content-Encoding": "deflate"}), "download: error"),
        "/empty": (answer(headers={"Content-Encoding": "gzip"}), None),
        "/off": (answer(status=302, headers={"Location": "http://elsewhere.invalid/"}), "redirect: not_ours"),
        "/private": (answer(status=301, headers={"Location": f"{secret}/secret"}), "redirect: not_ours"),
        "/cloud": (answer(status=307, headers={"Location": "http://169.254.169.254/"}), "redirect: not_ours"),
        "/file": (answer(status=302, headers={"Location": "file:///etc/passwd"}), "redirect: not_ours"),
        "/loop": (answer(status=302, headers={"Location": "/loop"}), "redirect: endless"),
        "/nowhere": (answer(status=302, headers={"Location": "http://[::1"}), "address: malformed"),
        "/forbidden": (answer(status=403), "status: 403"),
        "/broken": (answer(status=500), "status: 500"),
        "/unasked": (answer(status=304), "status: 304"),
        "/moved": (answer(status=308, headers={"Location": "/arrived"}), None),
        "/charset": (answer(b"<p>?", kind="text/html; charset=klingon"), None),
        "/binary": (answer(bytes(range(256)) * 40), None),
        "/nested": (answer(b"<div>" * 20_000), None),
    }  # fmt: skip


def test_every_trick_of_a_hostile_site_is_refused_with_its_reason_and_all_else_is_landed(
    site, web, page, answer, bomb
):
    other = type(web)()
    played = tricks(page, answer, bomb, other.url)
    web.pages = {path: said for path, (said, _) in played.items()} | {
        "/": page("root", *played, "/calendar?day=1", "/days/1", "/sub/", "/good", "/based", f"{other.url}/secret",
                  "http://[", "http://h:99999999/", "/" + "x" * 3_000, "javascript:alert(1)", "data:,x"),
        "/arrived": page("arrived"),
        "/good": page("good", photos=("/a.png", "/b.bmp", "/c.png")),
        "/based": answer(b'<base href="http://elsewhere.invalid/"><a href="secret">on</a>'),
        "/a.png": answer(PNG_BOMB), "/b.bmp": answer(BMP_BOMB), "/c.png": answer(b"<html>no picture</html>"),
    }  # fmt: skip
    web.endless = lambda path: {
        "/calendar": page("calendar", *(f"/calendar?day={n}" for n in range(1, 60))),
        "/days/": page("days", f"/days/{int(path.rpartition('/')[2] or 0) + 1}" if "/days" in path else "/"),
        "/sub/": page("sub", "sub/"),
    }.get(next((p for p in ("/calendar", "/days/", "/sub/") if path.startswith(p)), ""), answer(status=404))
    with other:
        site.collect(policy=LENIENT, max_body=MOST, max_depth=12, max_variants=20, page_timeout=5)
    assert (other.hits, web.hits["/secret"]) == ({}, 0)

    refused = dict(site.rejected())
    assert {path: reasons for path, reasons in refused.items() if path in played} == {
        path: [reason] for path, (_, reason) in played.items() if reason
    }
    endless = {path: reasons for path, reasons in refused.items() if path not in played}
    assert endless.pop("/" + "x" * 1_999) == ["address: too_long"]
    assert endless.pop("/days/13") == ["address: too_deep"]
    assert endless.pop("/sub/sub/sub/sub/sub/") == ["address: repeats_itself"]
    assert [endless.pop(bad) for bad in ("http://[", "http://h:99999999/")] == [["address: malformed"]] * 2
    assert sorted(endless) == sorted(f"/calendar?day={n}" for n in range(21, 60))
    assert {tuple(reasons) for reasons in endless.values()} == {("address: too_many_variants",)}
    landed = {path for (path,) in site.query("SELECT path FROM landing.site_pages")}
    assert landed >= {"/", "/arrived", "/good", "/charset", "/binary", "/nested", "/days/12", "/calendar?day=20"}
    assert site.rejected("pictures") == [
        ("/a.png", ["image: too_large"]), ("/b.bmp", ["image: too_large"]), ("/c.png", ["image: not_an_image"]),
    ]  # fmt: skip
    floods = [said.write for said, _ in played.values() if isinstance(said.write, Flood)]
    assert max(flood.sent for flood in floods) < 100_000_000


def test_a_page_that_takes_too_much_memory_fails_alone(site, web, page, answer):
    web.pages = {
        "/": page("root", "/heavy", "/light"),
        "/heavy": answer(b"<i>x</i>" * 1_000_000),
        "/light": page("l"),
    }
    assert site.collect(policy=LENIENT, max_memory=256 * 1024**2)["pages"] == 2
    assert site.rejected() == [("/heavy", ["spider: XMLSyntaxError"])]


def test_texts_land_as_the_text_they_are_or_not_at_all(site, web, page, answer):
    script = "<script>alert('x')</script>"
    web.pages = {
        "/": page("root", "/script", "/latin", "/nul", "/half", "/long"),
        "/script": page("&lt;b&gt;" + script.replace("<", "&lt;")),
        "/latin": answer(page("J\xf6rg").body.replace("€".encode(), b"").decode().encode("latin-1")),
        "/nul": page("a&#0;b"),
        "/half": page("a&#xD83D;b"),
        "/long": page("k" * 3_000),
    }
    site.collect(policy=LENIENT)
    names = {name for (name,) in site.query("SELECT name FROM landing.site_products")}
    assert f"Plate <b>{script}" in names
    rejected = site.rejected("products")
    assert [reasons for key, reasons in rejected if key.startswith("kkk")] == [["sku: too_long"]]
    assert [reasons for key, reasons in rejected if key.startswith("J")] == [
        ["name: badly_encoded", "sku: badly_encoded"]
    ]
    for text in [*names, *(key for key, _ in rejected)]:
        text.encode()
        assert "\x00" not in text


def test_a_site_that_has_too_much_to_do_is_left_alone_by_everybody_until_it_says(site, web, page, answer):
    web.shop(12)
    web.faults = {"/p/2": [answer(status=429, headers={"Retry-After": "1"})]}
    assert site.collect()["pages"] == 12
    told = next(moment for path, moment in web.asked if path == "/p/2")
    since = [moment - told for _, moment in web.asked if moment > told]
    # Three others may have been on their way when it said so.
    assert sum(moment < 0.9 for moment in since) <= 3
    assert sum(moment > 0.9 for moment in since) >= 6


def test_a_site_that_asks_for_more_than_a_minute_is_left_alone_and_the_next_run_goes_on(site, web, answer):
    web.shop(12)
    web.faults = {"/p/11": [answer(status=503, headers={"Retry-After": "3600"})]}
    with pytest.raises(RetriableError, match=r"broke off \(told to wait 3600 s\)"):
        site.collect()
    assert site.position() is None
    assert site.collect()["pages"] == 12
    assert {path: hits for path, hits in web.hits.items() if hits > 1} == {"/p/11": 2, "/robots.txt": 2}


def test_the_delay_that_robots_txt_asks_for_is_kept_between_requests(site, web, answer):
    web.shop(6)
    web.pages["/robots.txt"] = answer(b"User-agent: *\nCrawl-delay: 0.2\nDisallow: /p/3\n", kind="text/plain")
    assert site.collect()["pages"] == 5
    times = [moment for path, moment in web.asked if path != "/robots.txt"]
    assert times[-1] - times[0] > 0.95 * 4 * 0.2
    assert web.hits["/p/3"] == 0


def test_a_delay_that_no_run_can_keep_is_refused(site, web, answer):
    web.pages["/robots.txt"] = answer(b"User-agent: *\nCrawl-delay: 86400\n")
    with pytest.raises(FatalError, match=r"asks for 86400 seconds between two requests, and a run may take 60"):
        site.collect()


def test_a_page_that_drips_does_not_hold_the_crawl_up(site, web, answer):
    def drip(output):
        for _ in range(40):
            output.write(b"x")
            time.sleep(0.1)

    web.shop(30)
    web.pages["/p/7"] = answer(write=drip)
    assert site.collect(page_timeout=0.3, policy={"max_unread": 0.2})["pages"] == 26
    assert site.rejected() == [("/p/7", ["download: DownloadTimeoutError"])]
