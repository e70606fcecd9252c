"""Files of which one piece is something else: each is read, or refused with a reason."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.core.errors import FatalError
from include.label.formats.registry import read, write
from tests.label.formats.test_ground_truth import MANIFEST
from tests.label.formats.test_image_formats import COCO, CVAT
from tests.label.formats.test_label_studio import TASK
from tests.label.formats.test_labelbox import LABELBOX
from tests.label.formats.test_prodigy import PRODIGY
from tests.label.formats.test_scale import SCALE

SAMPLES = {
    "label_studio": ([TASK], lambda d: json.dumps(d).encode()),
    "coco": (COCO, lambda d: json.dumps(d).encode()),
    "labelbox": (LABELBOX, lambda d: json.dumps(d).encode()),
    "prodigy": (PRODIGY, lambda d: "\n".join(map(json.dumps, d)).encode()),
    "ground_truth": (MANIFEST, lambda d: "\n".join(map(json.dumps, d)).encode()),
    "scale": (SCALE, lambda d: json.dumps(d).encode()),
}
ODD = st.sampled_from([None, True, -1, 10**400, 1e308, "", "x", "\ud800", [], [[]], {}, {"a": 1}, [None], ["x"]])


def places(value, path=()):
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield from places(part, (*path, name))


@pytest.mark.parametrize("key", SAMPLES)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_file_with_something_else_in_one_place_is_read_or_refused_with_a_reason(key, data):
    sample, encoded = SAMPLES[key]
    changed = copy.deepcopy(sample)
    *way, last = data.draw(st.sampled_from([path for path in places(sample) if path]))
    inside = changed
    for name in way:
        inside = inside[name]
    if data.draw(st.booleans()):
        del inside[last]
    else:
        inside[last] = data.draw(ODD)
    try:
        found = read(key, encoded(changed))
    except FatalError as error:
        assert error.problem and error.fix
    else:
        write(key, found)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, len(CVAT) - 1), piece=st.binary(max_size=3))
def test_an_xml_file_with_other_bytes_in_one_place_is_read_or_refused_with_a_reason(place, piece):
    try:
        read("cvat", CVAT[:place] + piece + CVAT[place + 1 :])
    except FatalError as error:
        assert error.problem and error.fix
