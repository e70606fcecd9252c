import pytest
from pydantic import ValidationError

from include.core.annotations import Annotation, Choice, Item, Keypoint, Labelled, Other, Polygon, Rectangle


def test_an_annotation_reads_back_from_its_json_with_the_regions_own_kinds():
    box = Rectangle(labels=("cat",), x=1.5, y=2, width=3, height=4, image_width=10, image_height=20, rotation=30)
    whole = Labelled.model_validate(
        {"item": {"key": "1"}, "annotations": [{"item": "1", "annotator": "ann", "regions": [box.model_dump()]}]}
    )
    assert Labelled.model_validate_json(whole.model_dump_json()) == whole
    assert whole.annotations[0].regions == (box,)


def test_the_choice_is_the_one_class_that_answers_the_question():
    said = Annotation(
        item="1", annotator="ann", regions=(Choice(labels=("pos",)), Choice(name="b", labels=("x", "y")))
    )
    assert (said.choice(), said.choice("b"), said.choice("c")) == ("pos", None, None)


def test_what_no_kind_holds_is_kept_with_the_tools_own_word_for_it():
    odd = Other(type="relation", name="", extra={"from_id": "a", "to_id": "b"})
    said = Annotation(item="1", annotator="ann", regions=(odd, Polygon(labels=("a",), points=((0, 1.5), (2, 3)))))
    assert Annotation.model_validate_json(said.model_dump_json()) == said


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_place(number):
    with pytest.raises(ValidationError, match="finite"):
        Keypoint(labels=(), x=number, y=0)


def test_an_item_has_a_key():
    with pytest.raises(ValidationError, match="key"):
        Item(key="")


def test_a_region_of_an_unknown_kind_is_refused():
    with pytest.raises(ValidationError, match="kind"):
        Annotation.model_validate({"item": "1", "annotator": "ann", "regions": [{"kind": "blob"}]})
