"""Pictures inside of tasks: as they are, or scaled down, from inside the object storage alone."""

import base64

import cv2
import numpy as np
import pytest

from include.core.annotations import Item
from include.core.errors import FatalError
from include.label.studio import pictures
from include.label.studio.pictures import MOST_BYTES, sent, with_pictures
from include.label.studio.round import Projects
from include.label.tools import Server, tool
from include.specs import Labelling
from tests.label.studio.stand_in import TOKEN

DECLARED = Labelling(
    question="What is it?", classes=("cat", "dog"), show=("photo", "words"), tool="label_studio",
    connection="label_studio",
)  # fmt: skip


def picture(kind, height=4, width=6, noise=0):
    pixels = np.full((height, width, 3), 200, dtype=np.uint8)
    if noise:
        pixels = np.random.default_rng(noise).integers(256, size=pixels.shape, dtype=np.uint8)
    return cv2.imencode(kind, pixels)[1].tobytes()


def embedded(uri, kind):
    head, _, text = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(text, validate=True)


def item(path, key="a"):
    return Item(key=key, data={"photo": path, "words": "<b>"})


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "image/png"), (".jpg", "image/jpeg")])
def test_a_picture_goes_with_its_task_byte_for_byte_whatever_its_name(tmp_path, suffix, kind):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "one").write_bytes(picture(suffix))
    (shown,) = with_pictures([item("images/one")], "photo", tmp_path)
    assert embedded(shown.data["photo"], kind) == picture(suffix)
    assert (shown.key, shown.data["words"]) == ("a", "<b>")


def test_a_large_picture_is_scaled_down_and_keeps_its_proportions():
    large = picture(".png", height=1500, width=3000, noise=1)
    assert len(large) > 10 * MOST_BYTES
    made = embedded(sent(large, "large.png", "a"), "image/jpeg")
    height, width = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    assert len(made) <= MOST_BYTES and width == 2 * height and width >= 800
    assert sent(large, "large.png", "a") == sent(large, "large.png", "a")


def test_a_long_narrow_picture_keeps_a_pixel_of_its_shorter_side():
    made = embedded(sent(picture(".png", height=1, width=600_000, noise=1), "a.png", "a"), "image/jpeg")
    assert cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (1, 1600)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../secret.png", "leaves the object storage"),
        ("/etc/passwd", "leaves the object storage"),
        ("http://169.254.169.254/a.png", "leaves the object storage"),
        ("images/none.png", "is not in the object storage"),
        ("drawing.svg", "is neither PNG nor JPEG"),
        ("empty.png", "is neither PNG nor JPEG"),
        (None, "Row 'a' has no picture in its column 'photo'"),
        ("", "Row 'a' has no picture in its column 'photo'"),
    ],
)
def test_what_is_no_picture_of_the_storage_is_refused_with_its_row(tmp_path, path, said):
    root = tmp_path / "storage"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(picture(".png"))
    (root / "drawing.svg").write_text("<svg onload='alert(1)'/>")
    (root / "empty.png").write_bytes(b"")
    with pytest.raises(FatalError, match=said) as error:
        with_pictures([item(path)], "photo", root)
    assert "'a'" in error.value.problem and error.value.fix


def test_a_large_picture_that_is_broken_is_refused():
    with pytest.raises(FatalError, match="cannot be read to be scaled down"):
        sent(b"\xff\xd8\xff" + bytes(MOST_BYTES), "broken.jpg", "a")


def test_more_pictures_than_a_round_can_carry_are_refused_with_a_batch_that_can(tmp_path, monkeypatch):
    (tmp_path / "one.png").write_bytes(picture(".png"))
    monkeypatch.setattr(pictures, "MOST_BYTES_IN_ALL", 2 * len(sent(picture(".png"), "", "")))
    assert len(with_pictures([item("one.png", key) for key in "ab"], "photo", tmp_path)) == 2
    with pytest.raises(FatalError, match="first 3 rows") as error:
        with_pictures([item("one.png", key) for key in "abcd"], "photo", tmp_path)
    assert error.value.fix == "declare a smaller batch than 3."


def test_a_round_shows_the_picture_and_a_retry_neither_sends_nor_fetches_it_again(stand_in, tmp_path):
    (tmp_path / "one.png").write_bytes(picture(".png"))
    projects = tool(DECLARED, tmp_path, Server(stand_in.url, TOKEN), "photo")
    for _retry in range(2):
        projects.send("a round", [item("one.png")], DECLARED)
    (task,) = stand_in.tasks
    assert embedded(task["data"]["photo"], "image/png") == picture(".png")
    assert (
        '<Image name="photo" value="$photo" /><Text name="words" value="$words" />'
        in (stand_in.projects[0]["label_config"])
    )
    assert 'toName="photo"' in stand_in.projects[0]["label_config"]
    assert [included for included in stand_in.included if "data" in included] == []


def test_where_the_picture_is_not_shown_no_file_is_read(stand_in):
    projects = Projects(Server(stand_in.url, TOKEN), image="photo", storage=None)
    projects.send(
        "a round", [Item(key="a", data={"words": "x"})], DECLARED.model_copy(update={"show": ("words",)})
    )
    assert stand_in.tasks[0]["data"]["words"] == "x"


def test_a_task_whose_key_is_in_its_data_alone_is_known_all_the_same(stand_in, tmp_path):
    (tmp_path / "one.png").write_bytes(picture(".png"))
    projects = Projects(Server(stand_in.url, TOKEN), image="photo", storage=tmp_path)
    projects.send("a round", [item("one.png")], DECLARED)
    del stand_in.tasks[0]["meta"]
    projects.send("a round", [item("one.png")], DECLARED)
    assert len(stand_in.tasks) == 1
