"""The dataset card, for people and for the Hub."""

import yaml

from include.publish.card import card
from include.specs import Export


def head(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_the_head_is_yaml_that_names_splits_features_and_size(contents):
    found = head(card(contents()))
    assert found == {
        "pretty_name": "fraud v3",
        "task_categories": ["image-classification"],
        "size_categories": ["n<1K"],
        "tags": ["sluice", "croissant"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "train/part-*.parquet"},
                    {"split": "test", "path": "test/part-*.parquet"},
                ],
            }
        ],
        "dataset_info": {
            "features": [
                {"name": "id", "dtype": "int32"}, {"name": "customer", "dtype": "int32"},
                {"name": "at", "dtype": "timestamp[us, tz=UTC]"}, {"name": "amount", "dtype": "decimal128(38, 2)"},
                {"name": "photo", "dtype": "image"}, {"name": "note", "dtype": "string"},
                {"name": "is_fraud", "dtype": "bool"}, {"name": "_split", "dtype": "string"},
                {"name": "_parents", "sequence": "string"},
            ],
            "splits": [{"name": "train", "num_examples": 8}, {"name": "test", "num_examples": 2}],
        },
    }  # fmt: skip


def test_a_licence_is_named_as_the_hub_names_it_or_by_its_address(contents):
    assert head(card(contents(Export(licence="CC-BY-4.0"))))["license"] == "cc-by-4.0"
    other = head(card(contents(Export(licence="https://example.org/terms"))))
    assert (other["license"], other["license_link"]) == ("other", "https://example.org/terms")


def test_text_of_the_data_is_no_markup_and_ends_no_column(contents):
    counts = [{"split": "train", "class": "a|b\n<script>", "origin": "real", "rows": 1}]
    assert r"| train | a\|b &lt;script> | real | 1 |" in card(contents(counts=counts))


def test_a_version_of_real_rows_alone_says_so(contents):
    counts = [{"split": "train", "class": "true", "origin": "real", "rows": 8}]
    assert "There are none: every row was observed." in card(contents(counts=counts))


def test_who_approved_a_held_run_is_told(contents):
    approval = {"by": "ada", "reason": "the mean moved with the season"}
    assert "approved by ada: the mean moved with the season" in card(contents(approval=approval))
