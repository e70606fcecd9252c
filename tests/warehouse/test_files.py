"""Files named by rows are read from inside the object storage, and from nowhere else."""

import pytest

from include.core.errors import FatalError, RetriableError
from include.warehouse.files import fetch_image


def test_the_bytes_are_those_of_the_file(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"a picture")
    assert fetch_image(tmp_path, "images/a.png", "r1") == b"a picture"


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "images/../../x", "", "s3://other/x", "a\0.png"])
def test_a_path_that_leaves_the_storage_is_refused(tmp_path, path):
    with pytest.raises(FatalError, match=r"of row 'r1' leaves the object storage\. Fix: store paths relative"):
        fetch_image(tmp_path, path, "r1")


def test_a_missing_file_is_named_with_its_row(tmp_path):
    with pytest.raises(FatalError, match=r"The image a/b\.png of row 'r1' is not in the object storage"):
        fetch_image(tmp_path, "a/b.png", "r1")


def test_a_file_that_cannot_be_read_now_is_worth_another_try(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(RetriableError, match=r"The image a\.png of row 'r1' could not be read: .*Fix: check"):
        fetch_image(tmp_path, "a.png", "r1")
