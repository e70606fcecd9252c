"""An image that is named by its content is held against its name."""

from hashlib import sha256

import pytest

from include.core.errors import FatalError
from include.publish.pictures import genuine


def test_an_image_that_is_what_its_name_says_is_handed_on():
    assert genuine(f"images/{sha256(b'png').hexdigest()}.png", b"png") == b"png"
    assert genuine("images/of-another-kind.png", b"png") == b"png"


def test_an_image_that_was_changed_is_told():
    with pytest.raises(FatalError, match="another content than its name says"):
        genuine(f"images/{sha256(b'png').hexdigest()}.png", b"PNG")
