"""Who is asked about what, and who is believed: strategies, gold items, models and rules, doubted labels."""

import pytest

from include.core.errors import FatalError, GateRejected
from include.label import features
from include.label.hand_over import Sheets
from include.specs import Prelabel
from include.specs.rules import Keyword, Regex, Sql
from tests.pipeline.reviews import (
    CLASSES,
    GOOD,
    LABELLING,
    REVIEWS,
    Reviews,
    contrary,
    declared,
    honest,
    meant,
    one_in_ten_wrong,
)  # fmt: skip


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return Reviews(warehouse_url, tmp_path)


def sure(by, **changes):
    prelabel = Prelabel(by=by, threshold=0.7, most=1.0, audit=0.2)
    return declared(prelabel=prelabel, batch=30, **changes)


def test_a_model_labels_what_it_is_sure_of_once_people_have_borne_it_out(shop):
    dataset = sure("model")
    shop.curated("run_1", dataset)
    first = shop.ask("label_1", dataset)
    assert first.prelabelled == 0  # Without labels there is no model.
    shop.answer(first, ann=honest, bob=honest)
    shop.settle(first, dataset)
    second = shop.ask("label_2", dataset)
    assert second.prelabelled > 40
    shop.answer(second, ann=honest, bob=honest)
    result = shop.settle(second, dataset)
    assert result.audit["right"] == result.audit["rows"] > 5 and not result.audit["overconfident"]
    labels = shop.rows(
        "SELECT key, label, origin, confidence >= 0.7 FROM landing.labels_reviews_labels WHERE _seq_to IS NULL"
    )
    assert [origin for *_, origin, _ in labels].count("model") == second.prelabelled
    assert all(label == meant(key) and likely for key, label, _, likely in labels)
    # Nobody is asked about what the model labelled; and a person's word would end the model's.
    assert shop.ask("label_3", dataset).waiting == GOOD - len(labels)


def test_a_model_that_claims_more_than_people_bear_out_labels_nothing(shop):
    dataset = sure("model", min_agreement=None)
    shop.curated("run_1", dataset)
    first = shop.ask("label_1", dataset)
    shop.answer(first, ann=honest, bob=honest)
    shop.settle(first, dataset)
    second = shop.ask("label_2", dataset)
    shop.answer(second, ann=contrary, bob=contrary)
    result = shop.settle(second, dataset)
    assert result.audit["overconfident"] and "were claimed" in result.decision.warnings[-1]
    assert shop.rows("SELECT count(*) FROM landing.labels_reviews_labels WHERE origin = 'model'") == [(0,)]


def test_rules_label_from_the_first_round_on_and_are_weighed_against_each_other(shop):
    rules = (
        Keyword(name="fine", label="pos", column="body", words=("fine",)),
        Keyword(name="poor", label="neg", column="body", words=("poor",)),
        Regex(name="shelf", label="pos", column="body", pattern="shelf$"),
        Sql(name="even", label="neg", where="id % 2 = 0 AND body LIKE '%poor%'"),
    )
    dataset = sure("rules", rules=rules)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    assert asked.prelabelled > 40
    shop.answer(asked, ann=honest, bob=honest)
    shop.settle(asked, dataset)
    labels = shop.rows("SELECT key, label FROM landing.labels_reviews_labels WHERE origin = 'rule'")
    assert len(labels) == asked.prelabelled
    assert sum(label == meant(key) for key, label in labels) > 0.9 * len(labels)
    ((told,),) = shop.rows("SELECT said->'rules' FROM sluice.label_rounds")
    assert [(rule["name"], rule["accuracy"]) for rule in told] == [(rule.name, None) for rule in rules]


def test_annotators_see_what_is_said_but_of_the_rows_that_are_to_check_it(shop):
    class Seen(Sheets):
        def send(self, place, items, declared):
            self.items = items
            super().send(place, items, declared)

    shop.tool = Seen(shop.folder)
    rule = Keyword(name="fine", label="pos", column="body", words=("fine",))
    other = Keyword(name="poor", label="neg", column="body", words=("poor",))
    dataset = declared(rules=(rule, other), prelabel=Prelabel(by="rules", threshold=0.7, most=0.2, audit=0.3))
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    ((said,),) = shop.rows("SELECT said FROM sluice.label_rounds")
    shown = {item.key for item in shop.tool.items if item.predictions}
    assert said["audited"] and not shown & said["audited"].keys()
    assert shown == set(shop.handed_out(asked)) - said["audited"].keys()


def with_known(shop):
    """Of every fourth review the shop itself knows what it means."""
    query = (shop.folder / "reviews.sql").read_text()
    known = "coalesce(l.label, CASE WHEN r.id % 4 = 1 THEN CASE WHEN r.id % 3 > 0 THEN 'pos' ELSE 'neg' END END)"
    (shop.folder / "reviews.sql").write_text(query.replace("l.label AS", f"{known} AS"))


def test_gold_items_tell_how_right_annotators_are_and_who_is_surely_poor_has_no_say(shop):
    with_known(shop)
    dataset = declared(gold=0.3, min_skill=0.6, consolidate="gold", min_agreement=None, batch=35)
    first = shop.curated("run_1", dataset)
    assert first.passed == 30  # Those go on at once.
    asked = shop.ask("label_1", dataset)
    gold = {key for key in shop.handed_out(asked) if int(key) % 4 == 1}
    assert (asked.items, len(gold), asked.waiting) == (50, 15, GOOD - 30)
    shop.answer(asked, ann=honest, bob=one_in_ten_wrong, eve=contrary, mal=contrary)
    result = shop.settle(asked, dataset)
    assert (result.skill["ann"]["accuracy"], result.skill["eve"]["accuracy"]) == (1, 0)
    assert result.skill["ann"]["low"] > 0.7 and result.skill["eve"]["high"] < 0.3
    assert [warning.split()[0] for warning in result.decision.warnings[-2:]] == ["eve", "mal"]
    labels = dict(shop.rows("SELECT key, label FROM landing.labels_reviews_labels"))
    assert labels.keys() == set(shop.handed_out(asked)) - gold
    assert all(labels[key] == meant(key) for key in labels if one_in_ten_wrong(key) == meant(key))


def test_as_many_gold_items_are_mixed_in_as_there_are(shop):
    dataset = declared(gold=0.3)
    shop.curated("run_1", dataset)
    assert shop.ask("label_1", dataset).items == 40


def test_crowdlab_weighs_annotators_by_a_model_of_the_rows(shop):
    dataset = declared(consolidate="crowdlab", min_agreement=None, batch=60)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    # Where the two differ, the texts tell who is right.
    shop.answer(asked, ann=honest, bob=one_in_ten_wrong)
    shop.settle(asked, dataset)
    labels = dict(shop.rows("SELECT key, label FROM landing.labels_reviews_labels"))
    assert labels == {key: meant(key) for key in shop.handed_out(asked)}


def test_labels_that_a_model_doubts_are_asked_about_again_and_mended(shop):
    dataset = declared(relabel=0.2, batch=40, min_agreement=None)
    shop.curated("run_1", dataset)
    first = shop.ask("label_1", dataset)
    shop.answer(first, ann=one_in_ten_wrong, bob=one_in_ten_wrong)
    shop.settle(first, dataset)
    again = shop.ask("label_2", dataset)
    asked_again = set(shop.handed_out(first)) & set(shop.handed_out(again))
    assert 0 < len(asked_again) <= 8 and again.items == 40
    assert any(one_in_ten_wrong(key) != meant(key) for key in asked_again)
    shop.answer(again, ann=honest, bob=honest)
    shop.settle(again, dataset)
    labels = dict(shop.rows("SELECT key, label FROM landing.labels_reviews_labels WHERE _seq_to IS NULL"))
    assert all(labels[key] == meant(key) for key in asked_again)
    assert shop.rows("SELECT count(*) FROM landing.labels_reviews_answers WHERE _seq_to IS NOT NULL")[0][0] > 0


@pytest.mark.parametrize("strategy", ["margin", "entropy", "k_center", "snowball", "activelab"])
def test_a_strategy_that_learns_begins_at_random_and_goes_on_by_what_was_labelled(shop, strategy):
    dataset = declared(choose=strategy, batch=10)
    shop.curated("run_1", dataset)
    first = shop.ask("label_1", dataset)
    assert shop.handed_out(first) == shop.handed_out(shop.ask("label_0", declared(choose="random", batch=10)))
    shop.answer(first, ann=honest, bob=honest)
    shop.settle(first, dataset)
    chosen = shop.handed_out(shop.ask("label_2", dataset))
    assert len(chosen) == 10 and not set(chosen) & set(shop.handed_out(first))
    assert chosen != shop.handed_out(shop.ask("label_3", declared(choose="random", batch=10)))
    if strategy == "snowball":
        seen = [meant(key) for key in shop.handed_out(first)]
        rare = min(CLASSES, key=seen.count)
        assert [meant(key) for key in chosen].count(rare) > 7  # Their texts share a word.


def test_strata_are_asked_about_in_their_shares(shop):
    dataset = REVIEWS.model_copy(update={
        "passthrough": ("kind",),
        "labelling": LABELLING.model_copy(update={"choose": "stratified", "strata": "kind", "batch": 38}),
    })  # fmt: skip
    query = (shop.folder / "reviews.sql").read_text()
    (shop.folder / "reviews.sql").write_text(query.replace("r.body,", "r.body, r.id % 3 AS kind,"))
    shop.curated("run_1", dataset)
    kinds = [int(key) % 3 for key in shop.handed_out(shop.ask("label_1", dataset))]
    assert sorted(kinds.count(kind) for kind in range(3)) == [12, 13, 13]


def test_an_unknown_strategy_is_refused_with_those_that_there_are(shop):
    shop.curated("run_1")
    with pytest.raises(FatalError, match=r"(?s)tea_leaves.*random"):
        shop.ask("label_1", declared(choose="tea_leaves"))


def test_a_refused_round_tells_who_was_wrong_on_its_gold_items(shop):
    with_known(shop)
    dataset = declared(gold=0.3, batch=35)
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    shop.answer(asked, ann=honest, eve=contrary)
    with pytest.raises(GateRejected):
        shop.settle(asked, dataset)
    ((skill, agreement),) = shop.rows("SELECT skill, agreement FROM sluice.label_results")
    assert {who: (one["right"], one["answered"]) for who, one in skill.items()} == {
        "ann": (15, 15),
        "eve": (0, 15),
    }
    assert agreement["pairs"][0]["pair"] == ["ann", "eve"] and agreement["pairs"][0]["words"] == "poor"
    assert agreement["classes"].keys() == set(CLASSES)


def test_features_are_reckoned_once_a_round_whoever_asks_for_them(shop, monkeypatch):
    reckoned, reckon = [], features.text
    monkeypatch.setattr(
        features, "text", lambda texts, **named: (reckoned.append(len(texts)), reckon(texts, **named))[1]
    )
    prelabel = {"by": "model", "threshold": 0.7, "most": 0.3, "audit": 0.2}
    labelling = LABELLING.model_validate(
        LABELLING.model_dump() | {"prelabel": prelabel, "relabel": 0.2, "choose": "diverse_margin", "batch": 30}
    )
    dataset = REVIEWS.model_copy(update={"labelling": labelling})
    shop.curated("run_1", dataset)
    asked = shop.ask("label_1", dataset)
    assert reckoned == []
    shop.answer(asked, ann=honest, bob=honest)
    shop.settle(asked, dataset)
    assert reckoned == []
    asked = shop.ask("label_2", dataset)
    # What a model is sure of, what is doubted, and what teaches most: of one matrix of all rows.
    assert asked.prelabelled > 10 and reckoned == [GOOD]
    assert len(shop.handed_out(asked)) == 30 and {meant(key) for key in shop.handed_out(asked)} == {"neg", "pos"}
