import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.core.errors import FatalError
from include.label.formats import coco, cvat, voc
from include.label.formats.files import content, file_name, json_of, key_of, text, unzipped, xml_of, zipped

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>
<annotations><image name="&y;"/></annotations>"""
FETCH = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<annotations><image name="&x;"/></annotations>"""
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://example.com/a.dtd"><annotations/>'


@pytest.mark.parametrize("attack", [BOMB, FETCH, OUTSIDE])
def test_entities_and_document_types_are_refused(attack):
    for reader in (xml_of, cvat.read):
        with pytest.raises(FatalError, match="document type or an entity"):
            reader(attack)
    with pytest.raises(FatalError, match="document type or an entity"):
        voc.read(zipped({"Annotations/a.xml": attack}))


@pytest.mark.parametrize("encoding", ["tf-8", "utf-32", "idna"])
def test_xml_of_an_unknown_encoding_is_refused(encoding):
    with pytest.raises(FatalError, match="is no XML"):
        xml_of(f'<?xml version="1.0" encoding="{encoding}"?><annotations/>'.encode())


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked():
    packed = zipped({"labels/a.txt": b"\0" * 100_000})
    with pytest.raises(FatalError, match="unpacks to 100000 bytes; 5000 are the most"):
        unzipped(packed, most=5000)


def test_an_archive_that_lies_about_its_size_is_refused():
    packed = bytearray(zipped({"a.txt": b"\0" * 100_000}))
    entry = packed.rindex(b"PK\x01\x02")
    packed[entry + 24 : entry + 28] = struct.pack("<I", 10)
    with pytest.raises(FatalError, match="cannot be read"):
        unzipped(bytes(packed))


def test_names_in_an_archive_lead_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = b"<annotation><filename>../../up.jpg</filename></annotation>"
    (one,) = voc.read(zipped({"../../up.xml": document}))
    assert one.item.key == "../../up.jpg"
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 300), byte=st.integers(0, 255))
def test_a_damaged_archive_is_refused_or_read(place, byte):
    packed = bytearray(zipped({"Annotations/a.xml": b"<annotation><filename>a</filename></annotation>"}))
    packed[place % len(packed)] = byte
    try:
        unzipped(bytes(packed))
    except FatalError as error:
        assert error.fix


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_key_is_the_name_of_a_file_and_back(key):
    name = file_name(key)
    assert key_of(name) == key and "/" not in name and "\\" not in name


def test_an_archive_of_the_same_files_is_the_same_whatever_the_hour():
    assert zipped({"a": b"1", "b": b"2"}) == zipped({"b": b"2", "a": b"1"})
    assert zipfile.ZipFile(io.BytesIO(zipped({"a": b"1"}))).namelist() == ["a"]


def test_a_file_is_bounded_and_must_be_there(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert content(tmp_path / "a") == content(str(tmp_path / "a")) == b"12345"
    with pytest.raises(FatalError, match="5 bytes; 4 are the most"):
        content(tmp_path / "a", most=4)
    with pytest.raises(FatalError, match="cannot be read"):
        content(tmp_path / "b")


def test_a_file_that_is_not_utf_8_is_refused_by_its_byte():
    assert text(b"\xef\xbb\xbfa") == "a"
    with pytest.raises(FatalError, match="byte 2 is 0xe4"):
        text(b"ab\xe4c")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b'[{"a": 1}, {"b', "breaks off: it is half written"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b"[" * 100_000, "is no JSON|breaks off"),
        (b"{a: 1}        " + b" " * 20 + b"{}", "is no JSON"),
    ],
)
def test_json_that_is_none_is_refused_with_what_is_wrong(document, said):
    with pytest.raises(FatalError, match=said):
        json_of(document)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_that_is_none_of_a_coordinate_is_refused(number):
    file = '{"images":[{"id":1,"file_name":"a"}],"categories":[{"id":1,"name":"c"}],"annotations":[%s]}'
    with pytest.raises(FatalError, match="Annotation 1"):
        coco.read((file % f'{{"image_id":1,"category_id":1,"bbox":[{number},1,1,1]}}').encode())
