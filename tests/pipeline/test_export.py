"""A version as files: its rows exactly, described so that others can check and load it, whole or not at all."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256

import mlcroissant
import pyarrow.parquet as pq
import pytest
import yaml
from psycopg2.extras import Json, RealDictCursor

from include.core.errors import FatalError, RetriableError
from include.core.failpoints import SWITCH, SWITCHED_ON
from include.pipeline.export import export
from include.specs import Dataset, Export
from include.warehouse.connection import transaction
from include.warehouse.exports import recorded

DECLARED = Export(
    description="Payments of a shop.", licence="CC-BY-4.0", citation="@misc{shop, title={Payments}}",
    creators=("The shop",), url="https://example.org/fraud",
)  # fmt: skip


AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
FRAUD = Dataset(name="fraud", sources=("shop",), key="id", label="is_fraud", export=DECLARED)


@pytest.fixture
def storage(tmp_path):
    return tmp_path / "storage"


@pytest.fixture
def declared(fraud):
    return fraud.dataset.model_copy(update={"export": DECLARED})


@pytest.fixture(scope="module")
def url(published):
    """A warehouse with one version, for tests that change nothing."""
    return published[1]


@pytest.fixture(scope="module")
def exported(url, tmp_path_factory):
    """The folder of that version's export."""
    storage = tmp_path_factory.mktemp("storage")
    export(url, FRAUD, None, storage, at=AT)
    return storage / "exports" / "fraud" / "v1"


def rows_of(url):
    """The version's rows by _id, as Python has them."""
    with transaction(url) as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute('SELECT *, _params::text AS _params FROM datasets.fraud_v1 ORDER BY _id COLLATE "C"')
        return [dict(row) for row in cursor.fetchall()]


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_each_split_s_files_hold_exactly_its_rows(url, exported):
    rows = rows_of(url)
    assert len(rows) == 191
    for split in ("train", "validation", "test"):
        found = pq.read_table(exported / split).to_pylist()
        assert found == [row for row in rows if row["_split"] == split]


def test_an_export_names_all_its_files_and_their_hashes(url, exported):
    manifest = json.loads((exported / "manifest.json").read_text())
    files = content(exported)
    files.pop("manifest.json")
    assert {f["path"]: f["sha256"] for f in manifest["files"]} == {
        name: sha256(data).hexdigest() for name, data in files.items()
    }
    assert sorted(files) == [
        "README.md", "croissant.json", "test/part-00000.parquet", "train/part-00000.parquet",
        "validation/part-00000.parquet",
    ]  # fmt: skip
    assert (manifest["dataset"], manifest["version"], manifest["export"]["licence"]) == ("fraud", 1, "CC-BY-4.0")
    assert manifest["manifest"]["method"] == "smote"
    with transaction(url) as connection:
        (known,) = [e for e in recorded(connection, "fraud", 1) if e.place == exported.as_uri()]
    assert (known.files, known.at) == (manifest["files"], AT)


def test_a_second_export_verifies_and_changes_nothing(url, storage):
    export(url, FRAUD, None, storage, at=AT)
    exported = storage / "exports" / "fraud" / "v1"
    before = {path: path.stat().st_mtime_ns for path in exported.rglob("*")}
    again = export(url, FRAUD, 1, storage, at=AT)
    assert (again.new, again.rows, again.files) == (False, 191, 5)
    assert {path: path.stat().st_mtime_ns for path in exported.rglob("*")} == before
    (exported / "README.md").write_text("another")
    with pytest.raises(FatalError, match=r"v1 is damaged: README\.md has other bytes"):
        export(url, FRAUD, 1, storage, at=AT)


def test_the_same_version_gives_the_same_bytes_elsewhere(url, exported, tmp_path):
    export(url, FRAUD, 1, tmp_path / "other", at=datetime(2027, 1, 1, tzinfo=UTC))
    assert content(tmp_path / "other" / "exports" / "fraud" / "v1") == content(exported)


def test_mlcroissant_finds_no_fault_and_loads_the_version_s_rows(url, exported):
    found = mlcroissant.Dataset(str(exported / "croissant.json"))
    assert found.metadata.ctx.issues.errors == set()
    assert found.metadata.ctx.issues.warnings == set()
    assert found.metadata.to_json()["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    loaded = sorted(found.records("rows"), key=lambda record: record["rows/_id"])
    assert loaded == [
        {f"rows/{name}": as_croissant(name, value) for name, value in row.items()} for row in rows_of(url)
    ]
    splits = [(record["splits/name"], record["splits/url"]) for record in found.records("splits")]
    assert splits == [
        ("train", "cr:TrainingSplit"), ("validation", "cr:ValidationSplit"), ("test", "cr:TestSplit"),
    ]  # fmt: skip


def as_croissant(name, value):
    """Its texts are bytes, its decimals floats; pandas, which reads for it, makes floats of integers with gaps."""
    if isinstance(value, list):
        return [as_croissant(name, item) for item in value]
    if isinstance(value, str):
        return value.encode()
    if name in {"id", "_seed"} and value is not None:
        return int(float(value))
    return float(value) if name == "amount" else value


def test_croissant_states_the_hash_of_every_parquet_file(exported):
    described = json.loads((exported / "croissant.json").read_text())
    stated = {f["@id"]: f["sha256"] for f in described["distribution"] if f["@type"] == "cr:FileObject"}
    assert stated == {
        name: sha256(data).hexdigest() for name, data in content(exported).items() if name.endswith(".parquet")
    }


def test_the_card_says_what_the_version_is_to_people_and_to_the_hub(exported):
    _, head, text = (exported / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(head)
    assert facts["license"] == "cc-by-4.0"
    assert facts["size_categories"] == ["n<1K"]
    assert facts["configs"][0]["data_files"][0] == {"split": "train", "path": "train/part-*.parquet"}
    assert facts["dataset_info"]["splits"] == [
        {"name": "train", "num_examples": 164}, {"name": "validation", "num_examples": 13},
        {"name": "test", "num_examples": 14},
    ]  # fmt: skip
    assert {"name": "_parents", "sequence": "string"} in facts["dataset_info"]["features"]
    for told in (
        "Payments of a shop.", "| train | true | smote | 71 |", "120 of 123 rows passed; 3 are in quarantine.",
        "| amount_positive | 3 |", "Warning: amount_mean_usual failed: 7", "| shop | 1 | `0/16B3748` |",
        "71 `smote`, by `smote`: 43.3% of train.", "calibrated on real rows", "@misc{shop, title={Payments}}",
    ):  # fmt: skip
        assert told in text


def test_only_what_is_declared_is_written(url, storage):
    plain = FRAUD.model_copy(update={"export": Export(formats=("parquet",))})
    assert export(url, plain, None, storage, at=AT).files == 3
    assert not (storage / "exports/fraud/v1/croissant.json").exists()


def test_an_older_version_is_exported_by_its_number(fraud, declared, storage):
    fraud.published("run_1")
    fraud.published("run_2", rows=121)
    assert export(fraud.url, declared, 1, storage, at=fraud.at).rows == 191
    assert export(fraud.url, declared, None, storage, at=fraud.at).version == 2


def test_what_cannot_be_exported_is_refused_by_name(url, storage):
    with pytest.raises(FatalError, match="fraud declares no export"):
        export(url, FRAUD.model_copy(update={"export": None}), None, storage, at=AT)
    with pytest.raises(FatalError, match="other has no version that its view shows; it has none"):
        export(url, FRAUD.model_copy(update={"name": "other"}), None, storage, at=AT)
    with pytest.raises(FatalError, match="fraud has no version 7; it has 1"):
        export(url, FRAUD, 7, storage, at=AT)
    assert not storage.exists()


def test_the_export_of_another_warehouse_is_not_taken_for_this_one_s(url, storage):
    other = storage / "exports" / "fraud" / "v1"
    other.mkdir(parents=True)
    (other / "manifest.json").write_text(json.dumps({"fingerprint": "f" * 64, "files": []}))
    with pytest.raises(FatalError, match="the export of another warehouse"):
        export(url, FRAUD, 1, storage, at=AT)


def test_two_exports_of_a_version_never_meet(url, storage):
    with transaction(url) as other:
        other.cursor().execute("SELECT pg_advisory_xact_lock(hashtext('sluice.export'), hashtext('fraud_v1'))")
        with pytest.raises(RetriableError, match=r"exported or erased for longer than 0\.2 s"):
            export(url, FRAUD, 1, storage, at=AT, patience=0.2)
    assert export(url, FRAUD, 1, storage, at=AT).new


EXPORTER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from include.core.failpoints import Fault, arm
from include.pipeline.export import export
from include.specs import Dataset
arm(Fault.parse(sys.argv[3]))
export(sys.stdin.readline().strip(), Dataset.model_validate_json(sys.argv[1]), 1, Path(sys.argv[2]),
    at=datetime(2026, 5, 1, 12, tzinfo=UTC))
"""


@pytest.mark.parametrize(
    ("fault", "there"),
    [("export.part=kill:2", False), ("export.deliver=kill", True), ("export.record=kill", True)],
)
def test_a_killed_export_is_whole_or_none_and_the_next_one_ends_right(url, exported, storage, fault, there):
    child = subprocess.run(
        [sys.executable, "-c", EXPORTER, FRAUD.model_dump_json(), str(storage), fault], input=f"{url}\n",
        text=True, env={**os.environ, SWITCH: SWITCHED_ON}, timeout=60, check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL
    folder = storage / "exports" / "fraud" / "v1"
    assert folder.exists() == there
    assert export(url, FRAUD, 1, storage, at=AT).new != there
    assert content(folder) == content(exported)
    assert [path.name for path in folder.parent.iterdir()] == ["v1"]


PICTURES = {
    "declaration": {"key": "id", "label": "digit", "image": "photo"}, "counts": [], "sources": [], "rows": 2,
    "gate": {"rows": 2, "passed": 2, "quarantined": 0, "quarantined_by": {}, "warnings": [], "suite_hash": "s"},
    "method": "none", "removed": 0, "sql_hash": "h", "code": "c0ffee",
}  # fmt: skip


@pytest.fixture
def pictures(warehouse, storage):
    """A dataset of one picture in train and one in test, both in the storage."""
    warehouse.execute("CREATE TABLE staging.made (id int, photo text, digit int, _id text, _split text)")
    for n, split in enumerate(("train", "test"), 1):
        data = f"PNG {n}".encode()
        path = f"images/{sha256(data).hexdigest()}.png"
        (storage / path).parent.mkdir(parents=True, exist_ok=True)
        (storage / path).write_bytes(data)
        warehouse.execute("INSERT INTO staging.made VALUES (%s, %s, %s, %s, %s)", n, path, n, str(n), split)
    warehouse.execute("SELECT sluice.publish('pictures', 'made', 'f', %s, %s)", Json(PICTURES), AT)
    return Dataset(name="pictures", sources=("site",), key="id", label="digit", image="photo", export=DECLARED)


def test_images_are_in_the_files_so_that_an_export_stands_alone(warehouse, pictures, storage):
    export(warehouse.url, pictures, None, storage, at=AT)
    folder = storage / "exports" / "pictures" / "v1"
    (row,) = pq.read_table(folder / "train").to_pylist()
    assert row["photo"] == {"bytes": b"PNG 1", "path": f"images/{sha256(b'PNG 1').hexdigest()}.png"}
    described = mlcroissant.Dataset(str(folder / "croissant.json")).metadata
    (field,) = [f for f in described.record_sets[1].fields if f.id == "rows/photo"]
    assert str(field.data_type) == "https://schema.org/ImageObject"
    assert yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])["dataset_info"]["features"][1] == {
        "name": "photo", "dtype": "image",
    }  # fmt: skip


def test_a_picture_that_is_gone_leaves_no_export(warehouse, pictures, storage):
    for picture in (storage / "images").iterdir():
        picture.unlink()
    with pytest.raises(FatalError, match="is not in the object storage"):
        export(warehouse.url, pictures, None, storage, at=AT)
    assert [path.name for path in (storage / "exports").rglob("*")] == ["pictures"]
    assert warehouse.execute("SELECT count(*) FROM sluice.exports") == [(0,)]


def test_images_may_stay_where_they_are(warehouse, pictures, storage):
    plain = pictures.model_copy(update={"export": DECLARED.model_copy(update={"images": "reference"})})
    export(warehouse.url, plain, None, storage, at=AT)
    (row,) = pq.read_table(storage / "exports" / "pictures" / "v1" / "train").to_pylist()
    assert row["photo"] == f"images/{sha256(b'PNG 1').hexdigest()}.png"
