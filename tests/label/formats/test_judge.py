from include.core.annotations import Annotation, Choice, Item, Labelled
from include.label.formats.judge import judge


def said(key, *answers):
    annotations = [
        Annotation(item=key, annotator=who, regions=(Choice(labels=(label,)),), id=number)
        for number, who, label in answers
    ]
    return Labelled(item=Item(key=key), annotations=tuple(annotations))


def test_an_unknown_class_an_unknown_key_and_a_second_answer_are_taken_out_with_every_reason():
    labelled = [
        said("1", ("a", "ann", "pos"), ("b", "ann", "maybe"), ("c", "bob", "neg")),
        said("9", ("d", "ann", "no")),
    ]
    judged = judge(labelled, classes=("neg", "pos"), keys=("1", "2"))
    assert [(fault.where, fault.key) for fault in judged.faults] == [
        ("annotation b of item '1'", "1"),
        ("annotation d of item '9'", "9"),
    ]
    assert judged.faults[0].reasons == (
        "'maybe' is none of the classes neg, pos",
        "the annotator has answered for this item already: 'pos', then 'maybe'",
    )
    assert judged.faults[1].reasons == ("no item '9' was asked for", "'no' is none of the classes neg, pos")
    assert [one.item.key for one in judged.labelled] == ["1"]
    assert [a.id for a in judged.labelled[0].annotations] == ["a", "c"]


def test_an_item_that_is_there_twice_is_not_answered_twice_unseen():
    judged = judge([said("1", ("a", "ann", "pos")), said("1", ("b", "ann", "pos"))])
    assert [fault.where for fault in judged.faults] == ["annotation b of item '1'"]


def test_a_skipped_item_may_be_answered_later():
    skipped = Annotation(item="1", annotator="ann", skipped=True)
    one = said("1", ("a", "ann", "pos"))
    assert judge([one.model_copy(update={"annotations": (skipped, *one.annotations)})]).faults == ()


def test_nothing_is_asked_of_what_nothing_is_known_of():
    labelled = [said("1", ("a", "ann", "anything"))]
    assert judge(labelled).labelled == tuple(labelled)
