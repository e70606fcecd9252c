"""The sample site is the same site every time, says what it planted, and counts who comes."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from include.core.errors import FatalError, RetriableError
from include.sample.shelf import stock
from include.sample.site import Site, planted

ROOT = Path(__file__).resolve().parents[2]


def get(url: str, **headers: str) -> tuple[int, bytes, str | None]:
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read(), response.headers["ETag"]
    except urllib.error.HTTPError as error:
        return error.code, error.read(), None


def test_the_same_seed_makes_the_same_site_and_another_seed_another():
    stock.cache_clear()
    first = stock(1, 20)
    stock.cache_clear()
    assert stock(1, 20) == first
    assert stock(2, 20) != first


def test_the_rare_digit_is_about_one_to_eight_of_each_other():
    labels = Counter(photo.label for plate in stock(7).plates for photo in plate.photos)
    clean = {digit: labels[digit] for digit in ("1", "3", "8")}
    assert clean["8"] in range(17, 23)
    assert min(clean["1"], clean["3"]) > 7 * clean["8"]


def test_a_later_edition_changes_a_price_adds_a_review_and_a_plate_and_nothing_else():
    before, after = stock(1, 20, 0), stock(1, 20, 1)
    changed = [new.sku for old, new in zip(before.plates, after.plates[:20], strict=True) if old != new]
    assert changed == ["plate-0014"]
    assert float(after.plates[13].price) == pytest.approx(float(before.plates[13].price) + 1)
    assert len(after.plates[13].reviews) == len(before.plates[13].reviews) + 1
    assert len(after.plates) == 21
    assert after.planted == before.planted


def test_every_kind_of_dirt_is_planted_for_scraper_gate_and_reader():
    assert {(p.where, p.kind) for p in planted(1, 20)} == {
        ("collect", "badly_encoded"), ("collect", "impossible"), ("collect", "missing"),
        ("collect", "out_of_range"),
        ("gate", "duplicate"), ("gate", "missing"), ("gate", "out_of_range"), ("shown", "script"),
    }  # fmt: skip


def test_pages_carry_an_etag_that_saves_a_second_transfer_and_private_visits_are_counted():
    with Site(1, 20) as site:
        status, body, etag = get(f"{site.url}/plates/plate-0011")
        assert (status, b"&lt;script&gt;alert(1)&lt;/script&gt;" in body) == (200, True)
        assert get(f"{site.url}/plates/plate-0011", If_None_Match=str(etag))[0] == 304
        assert get(f"{site.url}/plates?page=99")[0] == 404
        assert b"Disallow: /private" in get(f"{site.url}/robots.txt")[1]
        get(f"{site.url}/private")
        said = json.loads(get(f"{site.url}/status")[1])
    assert (said["private_hits"], said["edition"], len(said["planted"])) == (1, 0, len(planted(1, 20)))


def test_too_few_plates_and_a_busy_port_are_refused_with_a_fix():
    with pytest.raises(FatalError, match="16 to 74 plates, not 3"):
        Site(1, 3)
    with Site(1, 20) as site:
        port = int(site.url.rsplit(":", 1)[1])
        with pytest.raises(RetriableError, match=f"cannot listen on 127.0.0.1:{port}"):
            Site(1, 20, port=port)


def test_the_process_says_its_url_and_ends_when_told():
    environment = {"PATH": os.environ["PATH"], "SLUICE_SITE_SEED": "1", "SLUICE_SITE_PRODUCTS": "20"}
    with subprocess.Popen(
        [sys.executable, "-m", "include.sample.site"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        url = json.loads(child.stdout.readline())["url"]
        assert get(url)[0] == 200
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=30) == 0
