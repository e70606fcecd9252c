"""Images are read from below the object storage alone, and are what their names say."""

from hashlib import sha256

import pytest

from include.core.errors import FatalError
from include.publish.pictures import fetch_from


def test_an_image_is_read_by_its_path(tmp_path):
    name = f"{sha256(b'png').hexdigest()}.png"
    (tmp_path / name).write_bytes(b"png")
    assert fetch_from(tmp_path)(name) == b"png"


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.png", "a/../../b.png", "", "s3://other/a.png"])
def test_a_path_that_leaves_the_storage_is_refused(tmp_path, path):
    with pytest.raises(FatalError, match="leaves the object storage"):
        fetch_from(tmp_path)(path)


def test_an_image_that_is_gone_or_changed_is_told(tmp_path):
    name = f"{sha256(b'png').hexdigest()}.png"
    with pytest.raises(FatalError, match="is not in the object storage"):
        fetch_from(tmp_path)(name)
    (tmp_path / name).write_bytes(b"PNG")
    with pytest.raises(FatalError, match="another content than its name says"):
        fetch_from(tmp_path)(name)
