"""An export in Croissant's words: pure, from a version's facts."""

from include.publish.croissant import croissant
from include.specs import Export


def field(described, name):
    (found,) = [f for f in described["recordSet"][1]["field"] if f["name"] == name]
    return found


def test_it_conforms_to_1_1_and_names_version_and_files(contents):
    found = croissant(contents())
    assert found["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    assert (found["name"], found["version"], found["datePublished"]) == (
        "fraud", "3.0.0", "2026-05-01T12:00:00+00:00",
    )  # fmt: skip
    assert found["distribution"][0] == {
        "@type": "cr:FileObject", "@id": "train/part-00000.parquet", "name": "train/part-00000.parquet",
        "description": "8 rows of train.", "contentUrl": "train/part-00000.parquet", "contentSize": "700 B",
        "encodingFormat": "application/x-parquet", "sha256": "ab" * 32,
    }  # fmt: skip


def test_what_is_not_declared_is_left_out(contents):
    asked = {"license", "citeAs", "url", "creator"}
    assert asked & croissant(contents()).keys() == set()
    declared = Export(licence="CC0-1.0", citation="@misc{a}", url="https://example.org", creators=("The shop",))
    found = croissant(contents(declared))
    assert {name: found[name] for name in asked} == {
        "license": "https://spdx.org/licenses/CC0-1.0.html", "citeAs": "@misc{a}", "url": "https://example.org",
        "creator": [{"@type": "sc:Organization", "name": "The shop"}],
    }  # fmt: skip


def test_a_field_has_its_type_its_role_and_where_it_is_read(contents):
    found = croissant(contents())
    assert field(found, "is_fraud") == {
        "@type": "cr:Field", "@id": "rows/is_fraud", "name": "is_fraud", "description": "the label (boolean).",
        "dataType": ["sc:Boolean", "cr:Label"],
        "source": {"fileSet": {"@id": "parquet"}, "extract": {"column": "is_fraud"}},
    }  # fmt: skip
    assert field(found, "photo")["dataType"] == ["sc:ImageObject"]
    assert field(found, "photo")["source"]["transform"] == {"jsonPath": "bytes"}
    assert field(found, "amount")["dataType"] == ["sc:Float"]
    assert (field(found, "_parents")["isArray"], field(found, "_parents")["arrayShape"]) == (True, "-1")
    assert field(found, "_split")["references"] == {"field": {"@id": "splits/name"}}


def test_only_splits_with_rows_are_named(contents):
    assert [split["splits/name"] for split in croissant(contents())["recordSet"][0]["data"]] == ["train", "test"]
