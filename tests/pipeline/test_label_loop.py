"""Rounds follow each other until the budget, the target or no gain: by a score on rows that no model has seen."""

import numpy as np
import pyarrow as pa
import pytest

from include.label.choose import UNLABELLED
from include.pipeline.pool import Features, Rows
from include.pipeline.score import score_of, validation_rows
from include.specs import Prelabel
from include.specs.rules import Keyword
from tests.pipeline.reviews import CLASSES, GOOD, REVIEWS, Reviews, contrary, declared, honest, meant


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return Reviews(warehouse_url, tmp_path)


def validated(shop, run):
    """The round's validation rows, as they are on record."""
    ((keys,),) = shop.rows("SELECT said->'validation' FROM sluice.label_rounds WHERE run = %s", (run,))
    return keys


def round_of(shop, run, dataset, says=honest):
    """A round, and the curation that its labels start."""
    asked = shop.ask(run, dataset)
    shop.answer(asked, ann=says, bob=says)
    result = shop.settle(asked, dataset)
    shop.curated(f"after_{run}", dataset)
    return asked, result


def test_validation_rows_take_half_of_a_round_until_all_have_a_label_and_are_never_chosen_again(shop):
    dataset = declared(validation=20, batch=24, choose="margin")
    shop.curated("run_1", dataset)
    first, result = round_of(shop, "label_1", dataset)
    assert len(validated(shop, "label_1")) == 12
    # A score of other rows than the next ones' would compare with none.
    assert (result.score, result.validation) == (None, 0)
    assert result.decision.warnings[-1] == "there is no score: 12 of 20 validation rows have a label"
    second, result = round_of(shop, "label_2", dataset)
    assert len(validated(shop, "label_2")) == 8
    assert (result.score, result.validation) == (1.0, 20)
    third, result = round_of(shop, "label_3", dataset)
    assert validated(shop, "label_3") == [] and (result.score, result.validation) == (1.0, 20)
    keys = [key for asked in (first, second, third) for key in shop.handed_out(asked)]
    assert len(keys) == len(set(keys)) == 72
    assert shop.rows("SELECT run, score, validation FROM sluice.label_results ORDER BY run") == [
        ("label_1", None, 0), ("label_2", 1.0, 20), ("label_3", 1.0, 20),
    ]  # fmt: skip


def test_the_score_is_of_people_s_word_on_rows_that_the_model_did_not_learn_from(shop):
    dataset = declared(validation=20, choose="margin", target=0.9, min_agreement=None)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    turned = set(validated(shop, "label_1"))
    assert len(turned) == 20 and {meant(key) for key in turned} == set(CLASSES)
    says = {key: contrary(key) if key in turned else meant(key) for key in shop.handed_out(asked)}
    shop.answer(asked, ann=says.__getitem__, bob=says.__getitem__)
    # A model that had learnt from these too would be right in some: the same few texts come again and again.
    assert shop.settle(asked, dataset).score == 0.0
    # A curation has the labels that were given here, too: they are no source's.
    shop.curated("run_2", dataset)
    again, result = round_of(shop, "label_2", dataset)
    assert validated(shop, "label_2") == [] and not turned & set(shop.handed_out(again))
    assert (again.items, result.score, result.validation) == (40, 0.0, 20)


def test_the_rounds_end_at_the_target_and_a_retry_says_so_again_whatever_changes(shop):
    dataset = declared(validation=20, target=0.95)
    shop.curated("run_1", dataset)
    round_of(shop, "label_1", dataset)
    ended = shop.ask("label_2", dataset)
    assert (ended.items, ended.ended, ended.waiting) == (0, "target", GOOD - 40)
    assert shop.ask("label_2", declared()) == ended
    assert shop.ask("label_3", declared()).items == 40
    assert shop.rows("SELECT run, reason, waiting FROM sluice.label_ends") == [("label_2", "target", GOOD - 40)]
    assert shop.rows("SELECT run FROM sluice.label_rounds ORDER BY 1") == [("label_1",), ("label_3",)]


def test_the_rounds_end_where_a_model_learns_nothing_more(shop):
    dataset = declared(validation=10, batch=30, patience=2)
    shop.curated("run_1", dataset)
    for run in ("label_1", "label_2", "label_3"):
        assert round_of(shop, run, dataset)[1].score == 1.0
    assert shop.ask("label_4", dataset).ended == "no gain"
    patient = declared(validation=10, batch=20, patience=2, gain=0.0)
    assert shop.ask("label_5", patient).items == 20


def test_the_rounds_end_with_the_budget_and_with_the_rows(shop):
    dataset = declared(batch=GOOD, budget=GOOD)
    shop.curated("run_1", dataset)
    assert shop.ask("label_0", declared(batch=GOOD, budget=GOOD)).items == GOOD
    assert shop.ask("label_1", dataset).ended == "budget"
    round_of(shop, "label_2", declared(batch=GOOD))
    assert (shop.ask("label_3", declared()).ended, shop.ask("label_3", declared()).waiting) == ("nothing left", 0)


def test_without_a_bound_a_score_ends_nothing_and_without_validation_there_is_none(shop):
    shop.curated("run_1")
    _, result = round_of(shop, "label_1", REVIEWS)
    assert (result.score, result.validation, result.decision.warnings) == (None, 0, ())
    dataset = declared(validation=10)
    for run in ("label_2", "label_3"):
        assert round_of(shop, run, dataset)[1].score == 1.0
    assert shop.ask("label_4", dataset).ended == "nothing left"


def test_validation_rows_that_nobody_answered_are_asked_about_again_and_end_nothing_meanwhile(shop):
    dataset = declared(validation=20, target=0.5)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    drawn = validated(shop, "label_1")
    rest = [key for key in shop.handed_out(asked) if key not in drawn]
    shop.answer(asked, of=rest, ann=honest, bob=honest)
    assert "0 of 20 validation rows" in shop.settle(asked, dataset).decision.warnings[-1]
    again = shop.ask("label_2", dataset)
    assert validated(shop, "label_2") == drawn and set(drawn) < set(shop.handed_out(again))


def test_a_model_of_one_class_has_no_score(shop):
    dataset = declared(validation=20, min_agreement=None)
    shop.curated("run_1", dataset)
    _, result = round_of(shop, "label_1", dataset, says=lambda key: "pos")
    assert result.score is None
    assert result.decision.warnings[-1] == "there is no score: all labels to learn from are of one class"


def test_a_refused_round_has_no_score(shop):
    dataset = declared(validation=20, target=0.1)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    shop.answer(asked, ann=honest, bob=lambda key: CLASSES[int(key) % 2])
    with pytest.raises(Exception, match="reaches no version"):
        shop.settle(asked, dataset)
    assert shop.rows("SELECT score, validation FROM sluice.label_results") == [(None, 0)]
    assert shop.ask("label_2", dataset).items == 40


def test_neither_model_nor_rules_have_a_say_on_validation_rows(shop):
    rules = (
        Keyword(name="fine", label="pos", column="body", words=("fine",)),
        Keyword(name="poor", label="neg", column="body", words=("poor",)),
    )
    prelabel = Prelabel(by="rules", threshold=0.7, most=0.5, audit=0.2)
    without = declared(rules=rules, prelabel=prelabel, batch=30)
    shop.curated("run_1", without)
    _, result = round_of(shop, "label_1", without)
    assert {one["origin"] for one in result.given} == {"person", "rule"}
    by_rules = {key for (key,) in shop.rows("SELECT key FROM landing.labels_reviews_labels WHERE origin = 'rule'")}
    # Validation that is declared later: what rules labelled is asked of people, who see nothing of it.
    dataset = declared(rules=rules, prelabel=prelabel, batch=30, validation=20)
    asked, result = round_of(shop, "label_2", dataset)
    drawn = set(validated(shop, "label_2"))
    assert drawn & by_rules and drawn <= set(shop.handed_out(asked))
    ((said,),) = shop.rows("SELECT said FROM sluice.label_rounds WHERE run = 'label_2'")
    assert not drawn & (said["labelled"].keys() | said["audited"].keys() | said["shown"].keys())
    origins = dict(shop.rows("SELECT key, origin FROM landing.labels_reviews_labels WHERE _seq_to IS NULL"))
    assert {origins[key] for key in drawn} == {"person"}


def test_rows_whose_label_the_source_knows_are_for_training_alone(shop):
    query = (shop.folder / "reviews.sql").read_text()
    known = "coalesce(l.label, CASE WHEN r.id % 4 = 1 THEN CASE WHEN r.id % 3 > 0 THEN 'pos' ELSE 'neg' END END)"
    (shop.folder / "reviews.sql").write_text(query.replace("l.label AS", f"{known} AS"))
    dataset = declared(validation=20, batch=20, choose="margin")
    shop.curated("run_1", dataset)
    _, result = round_of(shop, "label_1", dataset)
    assert result.score is None and len(validated(shop, "label_1")) == 10
    _, result = round_of(shop, "label_2", dataset)
    assert (result.score, result.validation) == (1.0, 20)
    assert not [key for run in ("label_1", "label_2") for key in validated(shop, run) if int(key) % 4 == 1]


def rows_of(keys, labels=()):
    """Rows of one number, 1 for `pos`; `labels` is what the source knows."""
    known = dict(labels)
    table = pa.table({
        "_id": pa.array(keys, pa.string()),
        "_label": pa.array([known.get(key) for key in keys], pa.string()),
        "size": pa.array([float(meant(key) == "pos") for key in keys], pa.float64()),
    })  # fmt: skip
    dataset = REVIEWS.model_copy(update={"text": (), "numeric": ("size",)})
    reckoned = Features(dataset, keys, table, None, 0)
    rows = Rows(tuple(keys), np.full(len(keys), UNLABELLED), table, np.arange(len(keys)), reckoned)
    return rows.knowing({}, CLASSES)


def test_validation_rows_are_a_sample_by_key_that_grows_with_the_table_and_never_half_of_it():
    labelling = declared(validation=30).labelling
    keys = [str(number) for number in range(1000)]
    whole = validation_rows(REVIEWS, labelling, rows_of(keys))
    assert len(whole) == 30 and validation_rows(REVIEWS, labelling, rows_of(keys[::-1])) == whole
    half = validation_rows(REVIEWS, labelling, rows_of(keys[::2]))
    # Of the larger table's those that were there before were drawn before.
    assert set(whole) & set(keys[::2]) <= set(half) and set(whole) - set(half)
    assert len(validation_rows(REVIEWS, labelling, rows_of(keys[:40]))) == 20
    other = declared(validation=30, seed=1).labelling
    assert set(validation_rows(REVIEWS, other, rows_of(keys))) != set(whole)
    # Drawn evenly: the mean of 30 of 1,000 is within four standard errors of the whole's.
    assert abs(np.mean([int(key) for key in whole]) - 499.5) < 4 * 289 / 30**0.5


def test_nine_validation_rows_in_ten_must_have_a_label():
    labelling = declared(validation=20).labelling
    keys = [str(number) for number in range(100)]
    rows = rows_of(keys)
    drawn = validation_rows(REVIEWS, labelling, rows)
    known = rows.knowing({key: meant(key) for key in keys if key not in drawn}, CLASSES)
    people = {key: meant(key) for key in drawn}
    assert score_of(REVIEWS, labelling, known, {key: people[key] for key in drawn[:17]}).value is None
    found = score_of(REVIEWS, labelling, known, {key: people[key] for key in drawn[:18]})
    assert (found.value, found.rows) == (1.0, 18)
    wrong = people | {key: contrary(key) for key in drawn[:5]}
    assert score_of(REVIEWS, labelling, known, wrong).value == 0.75
