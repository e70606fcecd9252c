from datetime import UTC, datetime

from include.core.annotations import Annotation, Choice, Item, Labelled, Rectangle
from include.label.formats.report import Loss, losses

BOX = Rectangle(labels=("cat",), x=1, y=2, width=3, height=4, id="b1", rotation=5)


def one(*annotations, **item):
    return [Labelled(item=Item(key="k", **item), annotations=annotations)]


def test_what_is_the_same_in_another_order_has_lost_nothing():
    ann, bob = (Annotation(item="k", annotator=who, regions=(BOX,)) for who in ("ann", "bob"))
    assert losses(one(ann, bob), one(bob, ann)) == ()


def test_each_piece_that_is_missing_is_told_by_its_sort_with_an_example():
    at = datetime(2026, 1, 2, tzinfo=UTC)
    full = Annotation(item="k", annotator="ann", regions=(BOX, Choice(labels=("a", "b"))), at=at, seconds=2.5)
    bare = Annotation(item="k", annotator="ann", regions=(BOX.model_copy(update={"id": "", "rotation": 0}),))
    assert losses(one(full, data={"x": 1}), one(bare, data={"x": "1"})) == (
        Loss("annotation.at", 1, f"k, ann, {at.timestamp()}"),
        Loss("annotation.seconds", 1, "k, ann, 2.5"),
        Loss("choice", 2, "k, a"),
        Loss("item.data", 1, "k, x, 1"),
        Loss("region.annotator", 1, "k, ann, choice, a"),
        Loss("region.id", 1, "k, rectangle, cat, b1"),
        Loss("region.rotation", 1, "k, rectangle, cat, 5.0"),
    )


def test_two_alike_of_which_one_is_left_are_one_loss():
    twice = Annotation(item="k", annotator="", regions=(BOX, BOX))
    once = Annotation(item="k", annotator="", regions=(BOX,))
    assert {loss.what: loss.count for loss in losses(one(twice), one(once))} == {
        "rectangle": 1, "rectangle.place": 1, "region.id": 1, "region.rotation": 1,
    }  # fmt: skip


def test_a_bit_of_a_number_is_not_lost_unseen():
    moved = BOX.model_copy(update={"x": 1 + 2**-52})
    said, read = (one(Annotation(item="k", annotator="", regions=(box,))) for box in (BOX, moved))
    assert [loss.what for loss in losses(said, read)] == ["rectangle.place"]


def test_classes_that_changed_places_are_a_loss():
    dog = BOX.model_copy(update={"labels": ("dog",), "x": 9.0, "id": ""})
    swapped = (BOX.model_copy(update={"labels": ("dog",)}), dog.model_copy(update={"labels": ("cat",)}))
    said, read = (one(Annotation(item="k", annotator="", regions=some)) for some in ((BOX, dog), swapped))
    assert {loss.what: loss.count for loss in losses(said, read)} == {
        "rectangle.place": 2, "region.id": 1,
    }  # fmt: skip
