"""Pictures in a real Label Studio: a round of them, and what an annotator sees."""

import base64
import shutil

import cv2
import httpx
import numpy as np
import pytest

from include.core.annotations import Item
from include.label.studio.project import find_project
from include.label.studio.tasks import key_of, listing
from include.label.tools import Server, tool
from include.local.label_studio import USER
from tests.pipeline.reviews import LABELLING, REVIEWS, Reviews, meant

CHROMIUM = shutil.which("chromium")
# A side that no picture of the tool's own page has.
SIDE = 137
pytestmark = [pytest.mark.xdist_group("label_studio"), pytest.mark.timeout(900)]


@pytest.fixture
def pictured(server, warehouse_url, tmp_path):
    """A round of nine rows with a picture each, one of whose texts is missing; the dataset, and what was asked."""
    shop = Reviews(warehouse_url, tmp_path)
    query = (tmp_path / "reviews.sql").read_text()
    (tmp_path / "reviews.sql").write_text(
        query.replace("r.body,", "r.body, nullif('', '') AS note, 'pictures/' || r.id || '.png' AS photo,")
    )
    (tmp_path / "pictures").mkdir()
    for key in range(1, 121):
        picture = np.full((SIDE, 2 * SIDE, 3), (key, 120, 200), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "pictures" / f"{key}.png"), picture)
    show = {"show": ("photo", "note"), "tool": "label_studio", "connection": "label_studio", "batch": 9}
    labelling = LABELLING.model_copy(update=show)
    columns = {"labelling": labelling, "image": "photo", "passthrough": ("note",)}
    dataset = REVIEWS.model_copy(update=columns)
    shop.tool = tool(labelling, tmp_path, Server(server.url, server.token), dataset.image)
    shop.curated("run_1", dataset)
    return shop, dataset, shop.ask("label_pictures", dataset)


def test_a_round_of_pictures_is_shown_and_answered_and_a_retry_sends_none_again(server, second, studio, pictured):
    shop, dataset, asked = pictured
    project = find_project(studio, asked.place)
    assert '<Image name="photo" value="$photo"' in studio.get(f"/api/projects/{project}/")["label_config"]
    held = listing(studio.get, project, ("meta", "data"))
    for task in held:
        head, _, text = task["data"]["photo"].partition(",")
        stored = (shop.folder / "pictures" / f"{key_of(task)}.png").read_bytes()
        assert (head, base64.b64decode(text)) == ("data:image/png;base64", stored)
        assert task["data"]["note"] == ""
    items = [Item(key=key_of(task), data={"photo": f"pictures/{key_of(task)}.png", "note": None}) for task in held]
    shop.tool.send(asked.place, items, dataset.labelling)
    assert len(listing(studio.get, project, ("meta",))) == 9
    for token in (server.token, second):
        signed = {"Authorization": f"Token {token}"}
        with httpx.Client(base_url=server.url, headers=signed, timeout=60, trust_env=False) as client:
            for task in held:
                choice = {"choices": [meant(key_of(task))]}
                said = [{"from_name": "label", "to_name": "photo", "type": "choices", "value": choice}]
                client.post(f"/api/tasks/{task['id']}/annotations/", json={"result": said}).raise_for_status()
    result = shop.settle(asked, dataset)
    assert (result.answers, result.labels, result.faults) == (18, 9, ())


@pytest.mark.skipif(
    CHROMIUM is None, reason="NO CHROMIUM: NO TASK WAS LOOKED AT. Install Debian's package chromium."
)
def test_an_annotator_sees_the_picture(server, studio, pictured):
    from playwright.sync_api import sync_playwright

    _, _, asked = pictured
    project = find_project(studio, asked.place)
    first, *_ = listing(studio.get, project, ("meta",))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(120_000)
        page.route(lambda url: not url.startswith((server.url, "data:", "blob:")), lambda route: route.abort())
        page.goto(f"{server.url}/user/login/")
        page.locator("input[name=email]").fill(USER)
        page.locator("input[name=password]").fill(server.password)
        page.locator("[type=submit]").first.click()
        page.wait_for_url(lambda url: "login" not in url)
        page.goto(f"{server.url}/projects/{project}/data?task={first['id']}")
        page.get_by_text(LABELLING.question).wait_for()
        # The list beside the task has it, too, as a thumbnail of some 70 pixels.
        page.wait_for_function(
            "side => [...document.images].some(i => i.naturalHeight === side && i.naturalWidth === 2 * side"
            " && i.getBoundingClientRect().width > 200)",
            arg=SIDE,
        )
        browser.close()
