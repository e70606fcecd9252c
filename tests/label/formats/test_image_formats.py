"""COCO, VOC, YOLO and CVAT: files as others write them."""

import io
import json
import math
import zipfile

import pytest

from include.core.annotations import Annotation, Item, Labelled, Mask, Polygon, Rectangle
from include.core.errors import FatalError
from include.label.formats import coco, cvat, voc, yolo
from include.label.formats.files import zipped

CVAT = b"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>4</id><name>segmentation</name><assignee><username>ann</username></assignee></task></meta>
  <image id="0" name="filename000.jpg" width="1600" height="1200" subset="train">
    <box label="car" source="manual" occluded="1" xtl="1.5" ytl="2.25" xbr="31.75" ybr="42.00" z_order="1">
      <attribute name="model">a</attribute>
      <attribute name="parked">true</attribute>
    </box>
    <polygon label="tree" occluded="0" points="1.00,2.00;3.50,4.00;5.00,6.25" z_order="2"/>
    <polyline label="lane" occluded="0" points="1.00,2.00;3.50,4.00"/>
    <points label="nose" points="30.10,11.29"/>
    <points label="eyes" points="30.10,11.29;5.00,6.00"/>
    <ellipse label="plate" cx="10.00" cy="20.00" rx="3.00" ry="4.00" rotation="30.00"/>
    <mask label="shade" rle="3, 5" left="707" top="888" width="4" height="2"/>
    <tag label="good_frame" source="manual"/>
    <cuboid label="van" xtl1="1.0" ytl1="2.0" occluded="0"/>
    <skeleton label="s"><points label="1" points="54.47,94.81" outside="0"/></skeleton>
  </image>
  <image id="1" name="empty.jpg" width="10" height="20"></image>
</annotations>"""


def test_an_export_of_cvat_is_read_with_every_figure():
    one, empty = cvat.read(CVAT)
    (said,) = one.annotations
    assert (one.item.key, said.annotator, one.item.extra) == ("filename000.jpg", "ann", {"subset": "train"})
    assert (empty.item.key, empty.annotations) == ("empty.jpg", ())
    box = said.regions[0]
    assert (box.x, box.y, box.width, box.height, box.image_width) == (1.5, 2.25, 30.25, 39.75, 1600)
    assert box.extra["attributes"] == {"model": "a", "parked": "true"} and box.extra["occluded"] == "1"
    kinds = [region.kind for region in said.regions]
    assert kinds == [
        "rectangle", "polygon", "polyline", "keypoint", "other", "ellipse", "mask", "choice", "other", "other",
    ]  # fmt: skip
    assert said.regions[6].runs == (3, 5)


def test_an_export_of_cvat_goes_through_without_a_loss():
    found = cvat.read(CVAT)
    made = cvat.write(found)
    assert (made.losses, cvat.read(made.data)) == ((), found)


def test_a_turned_box_is_where_it_was_though_cvat_turns_it_around_its_centre():
    box = Rectangle(
        labels=("a",), x=100, y=50, width=40, height=20, rotation=90, image_width=640, image_height=480
    )
    said = [Labelled(item=Item(key="k"), annotations=(Annotation(item="k", annotator="", regions=(box,)),))]
    made = cvat.write(said)
    # Turned by 90° around its upper left corner, the box spans x from 80 to 100, y from 50 to 90: centre (90, 70).
    import xml.etree.ElementTree as Tree

    (drawn,) = Tree.fromstring(made.data).iter("box")  # noqa: S314
    left, top = float(drawn.get("xtl")), float(drawn.get("ytl"))
    assert math.isclose(left + 20, 90) and math.isclose(top + 10, 70)
    assert (made.losses, cvat.read(made.data)) == ((), said)


def test_videos_of_cvat_are_refused():
    with pytest.raises(FatalError, match="not CVAT's XML for images"):
        cvat.read(b"<annotations><track id='0'/></annotations>")


def test_a_half_written_export_of_cvat_is_refused():
    with pytest.raises(FatalError, match="half written"):
        cvat.read(CVAT[:-20])


def test_a_control_character_does_not_get_into_xml():
    one = Labelled(item=Item(key="a\x00b"))
    with pytest.raises(FatalError, match="control character"):
        cvat.write([one])


COCO = {
    "info": {"year": 2026},
    "images": [{"id": 397133, "file_name": "a.jpg", "width": 640, "height": 427, "coco_url": "http://x/a.jpg"}],
    "categories": [{"id": 44, "name": "bottle", "supercategory": "kitchen"}],
    "annotations": [
        {"id": 82445, "image_id": 397133, "category_id": 44, "bbox": [217.62, 240.54, 38.99, 57.75],
         "area": 1481.38, "iscrowd": 0, "segmentation": [[224.24, 297.18, 228.29, 297.18, 234.91, 298.29]]},
        {"id": 2, "image_id": 397133, "category_id": 44, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0,
         "segmentation": [], "attributes": {"occluded": True}},
        {"id": 3, "image_id": 397133, "category_id": 44, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 1,
         "segmentation": {"counts": [272, 2, 4], "size": [427, 640]}},
        {"id": 4, "image_id": 397133, "category_id": 44,
         "segmentation": [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]], "bbox": [1, 2, 10, 10], "area": 9},
    ],
}  # fmt: skip


def test_a_coco_file_goes_through_with_its_numbers_areas_and_odd_segments():
    found = coco.read(json.dumps(COCO).encode())
    assert [region.kind for region in found[0].annotations[0].regions] == [
        "polygon",
        "rectangle",
        "other",
        "other",
    ]
    made = coco.write(found)
    assert (made.losses, coco.read(made.data)) == ((), found)
    file = json.loads(made.data)
    for before, after in zip(COCO["annotations"], file["annotations"], strict=True):
        assert {**after, "category_id": 44} | before == {**after, "category_id": 44}


def test_annotators_of_a_coco_file_are_one_and_that_is_told():
    box = Rectangle(labels=("a",), x=1, y=2, width=3, height=4, image_width=64, image_height=48)
    said = [Annotation(item="k", annotator=who, regions=(box,)) for who in ("ann", "bob")]
    losses = {
        loss.what: loss.count for loss in coco.write([Labelled(item=Item(key="k"), annotations=said)]).losses
    }
    assert losses == {"annotation": 1, "annotation.annotator": 2, "region.annotator": 2}


def test_a_figure_of_an_image_that_is_not_there_is_refused():
    with pytest.raises(FatalError, match="Annotation 1"):
        coco.read(json.dumps({**COCO, "images": []}).encode())


def test_a_voc_file_of_others_is_read():
    document = b"""<annotation><folder>VOC2007</folder><filename>000001.jpg</filename>
      <size><width>353</width><height>500</height><depth>3</depth></size><segmented>0</segmented>
      <object><name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
        <bndbox><xmin>48</xmin><ymin>240</ymin><xmax>195</xmax><ymax>371</ymax></bndbox></object></annotation>"""
    (one,) = voc.read(zipped({"Annotations/000001.xml": document}))
    (box,) = one.annotations[0].regions
    assert (one.item.key, box.labels, box.x, box.width, box.image_height) == ("000001.jpg", ("dog",), 48, 147, 500)
    assert box.extra == {"pose": "Left", "truncated": "1", "difficult": "0"}
    assert one.item.extra == {"folder": "VOC2007", "segmented": "0"}
    assert voc.read(voc.write([one]).data) == [one]
    (kit,) = voc.read(zipped({"Annotations/000001.xml": document}), first=1)
    assert kit.annotations[0].regions[0].x == 47
    assert voc.read(voc.write([kit], first=1).data, first=1) == [kit]


def test_yolo_files_of_others_need_the_images_sizes():
    files = {"classes.txt": b"cat\ndog\n", "labels/a.txt": b"1 0.5 0.5 0.25 0.5\n0 0 0 1 0 1 1\n"}
    with pytest.raises(FatalError, match=r"How large is 'a'\?"):
        yolo.read(zipped(files))
    (one,) = yolo.read(zipped(files), sizes={"a": (640, 480)})
    box, polygon = one.annotations[0].regions
    assert (box.labels, box.x, box.y, box.width, box.height) == (("dog",), 240, 120, 160, 240)
    assert polygon.points == ((0, 0), (640, 0), (640, 480))


def test_a_models_box_of_yolo_has_its_confidence():
    files = {"classes.txt": b"cat\n", "labels/a.txt": b"0 0.5 0.5 0.25 0.5 0.875\n"}
    (one,) = yolo.read(zipped(files), sizes={"a": (640, 480)})
    assert one.annotations[0].regions[0].score == 0.875


def test_yolo_classes_are_known_by_the_numbers_that_the_notes_give_them():
    notes = {"categories": [{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}]}
    files = {"notes.json": json.dumps(notes).encode(), "labels/a.txt": b"0 0.5 0.5 0.25 0.5\n"}
    (one,) = yolo.read(zipped(files), sizes={"a": (640, 480)})
    assert one.annotations[0].regions[0].labels == ("cat",)


@pytest.mark.parametrize(
    "line", [b"-1 0.5 0.5 0.1 0.1", b"7 0.5 0.5 0.1 0.1", b"0 0.5 x 0.1 0.1", b"0 0.5 0.5", b"0 1e999999999 0 1 1"]
)
def test_a_bad_line_of_yolo_is_refused_with_its_file(line):
    with pytest.raises(FatalError, match=r"labels/a\.txt"):
        yolo.read(zipped({"classes.txt": b"cat\n", "labels/a.txt": line}), sizes={"a": (640, 480)})


def test_yolo_writes_few_digits_where_few_do():
    box = Rectangle(labels=("cat",), x=240, y=120, width=160, height=240, image_width=640, image_height=480)
    said = Annotation(item="k", annotator="", regions=(box,))
    made = yolo.write([Labelled(item=Item(key="k"), annotations=(said,))])
    files = zipfile.ZipFile(io.BytesIO(made.data))
    assert files.read("labels/k.txt") == b"0 0.5 0.5 0.25 0.5\n"
    assert files.read("classes.txt") == b"cat\n"


def test_figures_that_a_format_does_not_draw_are_told_with_an_example():
    mask = Mask(labels=("a",), left=0, top=0, width=2, height=2, runs=(1, 3))
    flat = Polygon(labels=("a",), points=((1, 2), (3, 4)), image_width=9, image_height=9)
    said = [Labelled(item=Item(key="k"), annotations=(Annotation(item="k", annotator="", regions=(mask, flat)),))]
    told = {loss.what: (loss.count, loss.example) for loss in yolo.write(said).losses}
    assert told["mask"] == (1, "k, a") and told["polygon"] == (1, "k, a")
