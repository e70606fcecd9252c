"""An export is put into the object storage whole or not at all, on this machine and elsewhere."""

import json

import pytest
from upath import UPath

from include.core.errors import FatalError
from include.publish import delivery


@pytest.fixture(params=["here", "elsewhere"])
def storage(request, tmp_path):
    """A root on this machine, and one in an object storage (fsspec's own, in memory)."""
    if request.param == "here":
        return tmp_path / "storage"
    return UPath(f"memory://bucket{tmp_path}")


def written(place, text="rows"):
    """A delivered export of one file."""
    with delivery.staged(place) as folder:
        (folder / "train").mkdir()
        (folder / "train" / "part.parquet").write_text(text)
        size, digest = delivery.seal(folder / "train" / "part.parquet")
        manifest = {"files": [{"path": "train/part.parquet", "bytes": size, "sha256": digest}]}
        (folder / delivery.MANIFEST).write_text(json.dumps(manifest))
        delivery.deliver(folder, place)
    return manifest


def test_what_was_delivered_is_found_and_whole(storage):
    place = delivery.place_of(storage, "fraud", 3)
    assert delivery.found(place) is None
    manifest = written(place)
    assert delivery.found(place) == manifest
    delivery.verify(place, manifest)
    assert delivery.uri(place).endswith("/exports/fraud/v3")


def test_a_file_that_has_changed_or_is_gone_is_told(storage):
    place = delivery.place_of(storage, "fraud", 3)
    manifest = written(place)
    (place / "train" / "part.parquet").write_text("ROWS")
    with pytest.raises(FatalError, match=r"train/part\.parquet has other bytes"):
        delivery.verify(place, manifest)
    (place / "train" / "part.parquet").unlink()
    with pytest.raises(FatalError, match=r"train/part\.parquet is missing"):
        delivery.verify(place, manifest)


def test_an_export_that_breaks_off_is_none_and_the_next_begins_afresh(storage):
    place = delivery.place_of(storage, "fraud", 3)
    with pytest.raises(OSError, match="disk"), delivery.staged(place) as folder:
        (folder / "left").write_text("x")
        raise OSError("disk full")
    assert delivery.found(place) is None
    assert not place.exists() and not (place.parent / ".v3.partial").exists()
    delivery.verify(place, written(place))


def test_what_a_killed_export_left_is_swept_by_the_next(tmp_path):
    place = delivery.place_of(tmp_path, "fraud", 3)
    (place.parent / ".v3.partial" / "train").mkdir(parents=True)
    (place.parent / ".v3.partial" / "train" / "stale.parquet").write_text("x")
    written(place)
    assert sorted(path.name for path in place.parent.rglob("*")) == [
        "manifest.json",
        "part.parquet",
        "train",
        "v3",
    ]


def test_a_removed_export_is_gone_with_all_its_files(storage):
    place = delivery.place_of(storage, "fraud", 3)
    written(place)
    written(delivery.place_of(storage, "fraud", 4))
    delivery.place_of(storage, "fraud", 5).mkdir(parents=True)
    (delivery.place_of(storage, "fraud", 5) / delivery.MANIFEST).write_text("{}")
    assert delivery.remove(storage, "fraud", 5)
    assert delivery.remove(storage, "fraud", 3)
    assert not delivery.remove(storage, "fraud", 3)
    assert (delivery.found(place), (place / "train" / "part.parquet").exists()) == (None, False)
    assert delivery.found(delivery.place_of(storage, "fraud", 4)) is not None
