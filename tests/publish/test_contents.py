"""What an export holds: its splits, its made rows, what each column is for."""

from include.specs import Export


def test_rows_are_counted_by_split_and_made_rows_by_origin(contents):
    found = contents()
    assert (found.rows, found.splits, found.made) == (10, {"train": 8, "test": 2}, {"smote": 2})


def test_every_column_has_a_role_in_words(contents):
    found = contents()
    assert {column.name: found.role(column.name) for column in found.columns if column.name[0] != "_"} == {
        "id": "names a real row", "customer": "rows that share it are in one split", "at": "when the row was true",
        "amount": "a numeric feature", "photo": "an image", "note": "kept beside the features, null in made rows",
        "is_fraud": "the label",
    }  # fmt: skip
    assert found.role("_parents").startswith("the real rows of train")


def test_the_image_column_holds_images_unless_they_stay_where_they_are(contents):
    assert contents().image == "photo"
    assert contents(Export(images="reference")).image is None
