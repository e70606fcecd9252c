"""The documents say what is there: every target, path and link they name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_exists(page):
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_names_every_user_target():
    text = (ROOT / "README.md").read_text()
    internal = {"install", "install-dev", "lint", "lock"}
    assert {t for t in TARGETS - internal if f"make {t}" not in text} == set()


def test_the_readme_draws_every_room_of_the_house():
    text = (ROOT / "README.md").read_text()
    rooms = {f"include/{p.name}/" for p in (ROOT / "include").iterdir() if (p / "__init__.py").exists()}
    assert {room for room in rooms if room not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_page_has_a_gap_that_was_to_be_filled(page):
    assert "<!--" not in page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_test_that_a_page_names_is_there(page):
    for file, name in re.findall(r"`([\w./]+\.py)::(\w+)`", page.read_text()):
        path = ROOT / file if file.startswith("tests/") else ROOT / "tests" / "collect" / "postgres" / file
        assert re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE), f"{file}::{name}"
