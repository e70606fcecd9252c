import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.core.errors import FatalError
from include.label.functions import Model, apply, labeling_function
from include.specs.rules import Coded, Keyword, Regex, Sql

CLASSES = ("neg", "pos")
FRAME = pd.DataFrame({
    "id": ["a", "b", "c", "d"],
    "text": ["A great film", "greatly dull, not GREAT", None, "straße über alles"],
    "stars": [5, 1, 3, 2],
})  # fmt: skip


@labeling_function("stars", label="pos")
def many_stars(stars):
    return stars >= 4


@labeling_function("text", "stars")
def named(text, stars):
    return np.where(stars > 4, "pos", np.where(text.isna(), None, "neg"))


@labeling_function()
def placed(frame):
    return frame["stars"].map({5: 1, 1: 0}).fillna(-1).astype(int)


@labeling_function("stars")
def nullable(stars):
    return pd.Series([1, None, 0, None], dtype="Int8")


class Snorkelish:
    """The interface of a Snorkel LabelingFunction: a name, and a call with one row."""

    name = "snorkelish"

    def __call__(self, row):
        return 1 if row.stars > 2 and isinstance(row["text"], str) else -1


class Thermometer:
    classes_ = np.array(["neg", "pos"])

    def predict_proba(self, stars):
        warm = np.asarray(stars) / 5
        return np.column_stack([1 - warm, warm])


def votes(*rules, frame=FRAME, **options):
    return apply(rules, frame, CLASSES, key="id", **options).votes.T.tolist()


def test_plain_functions_vote_by_truth_by_name_and_by_place():
    assert votes(many_stars, named, placed) == [[1, -1, -1, -1], [1, 0, -1, 0], [1, 0, -1, -1]]
    assert votes(nullable) == [[1, -1, 0, -1]]


def test_a_pyarrow_table_gives_the_same_votes_as_a_pandas_frame():
    assert votes(many_stars, named, frame=pa.Table.from_pandas(FRAME)) == votes(many_stars, named)


def test_a_keyword_is_a_whole_word_in_any_case_and_no_text_has_none():
    whole = Keyword(name="good", label="pos", column="text", words=("great", "über"))
    assert votes(whole) == [[1, 1, -1, 1]]
    assert votes(whole.model_copy(update={"ignore_case": False, "words": ("great",)})) == [[1, -1, -1, -1]]
    assert votes(whole.model_copy(update={"words": ("dul", "gre", "ber")})) == [[-1, -1, -1, -1]]
    assert votes(whole.model_copy(update={"words": ("dul",), "inside": True})) == [[-1, 1, -1, -1]]


def test_a_keyword_is_taken_literally():
    frame = FRAME.assign(text=["worth 5/10 (sadly).", "worth 5a10", "5/10 sadly", "c++"])
    assert votes(Keyword(name="w", label="neg", column="text", words=("5/10 (sadly)", "c++")), frame=frame) == [
        [0, -1, -1, 0]
    ]


def test_a_regex_votes_where_it_is_found():
    assert votes(Regex(name="r", label="neg", column="text", pattern="dull|straße")) == [[-1, 0, -1, 0]]


def test_a_model_votes_for_its_likeliest_class_if_it_is_likely_enough():
    assert votes(Model("warm", Thermometer(), ("stars",), threshold=0.7)) == [[1, 0, -1, -1]]


def test_a_rule_of_snorkels_kind_runs_unchanged():
    assert votes(Snorkelish(), many_stars)[0] == [1, -1, -1, -1]


def test_a_coded_rule_is_found_by_its_name():
    assert votes(Coded(implementation=f"{__name__}:many_stars")) == [[1, -1, -1, -1]]
    with pytest.raises(FatalError, match=r"There is no labeling function 'include\.label\.functions:nobody'"):
        votes(Coded(implementation="include.label.functions:nobody"))
    with pytest.raises(FatalError, match="is no labeling function"):
        votes(Coded(implementation="include.label.functions:np"))


def test_a_rule_in_sql_takes_the_warehouse_at_its_word():
    rule = Sql(name="s", label="pos", where="stars > 3")
    assert votes(rule, matches={"s": np.array([True, False, False, True])}) == [[1, -1, -1, 1]]
    with pytest.raises(FatalError, match="'s' is in SQL and was not asked of the warehouse"):
        votes(rule)


@labeling_function("stars")
def breaks_at_three(stars):
    if (stars == 3).any():
        raise ValueError("three")
    return np.full(len(stars), -1)


@labeling_function("stars")
def breaks_in_company(stars):
    if len(stars) > 1:
        raise ValueError("too many")
    return np.full(len(stars), -1)


class BreaksByRow:
    name = "by row"

    def __call__(self, row):
        return {5: 1, 1: 0, 2: 7}[row.stars]


@labeling_function("stars")
def too_few(stars):
    return [1]


@labeling_function("stars")
def unknown_name(stars):
    return ["pos", "maybe", None, "neg"]


@labeling_function("stars")
def unknown_place(stars):
    return [1, 2, -1, 0]


@labeling_function("stars", label="pos")
def counts(stars):
    return stars


@labeling_function("stars", label="fine")
def other_class(stars):
    return stars > 0


@labeling_function("colour")
def no_column(colour):
    return colour


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (breaks_at_three, "'breaks_at_three' failed at row 'c': ValueError: three"),
        (breaks_in_company, "'breaks_in_company' failed: ValueError: too many"),
        (BreaksByRow(), "'by row' failed at row 'c': KeyError: 3"),
        (too_few, "'too_few' gave 1 answers for 4 rows"),
        (unknown_name, "'unknown_name' said 'maybe' of row 'b'"),
        (unknown_place, "'unknown_place' said 2 of row 'b'"),
        (counts, "'counts' votes 'pos', but answers int64"),
        (other_class, "'other_class' votes 'fine', which is none of neg, pos"),
        (no_column, "'no_column' reads the column 'colour'"),
        (Keyword(name="k", label="pos", column="stars", words=("x",)), "'k' cannot be matched"),
        (Regex(name="r", label="pos", column="text", pattern="(?<=a)b"), "'r' cannot be matched"),
        (3, "3 is no labeling function"),
    ],
)
def test_a_rule_out_of_order_is_an_error_that_names_it_and_the_row(rule, said):
    with pytest.raises(FatalError) as raised:
        votes(rule)
    assert said in str(raised.value)


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(FatalError, match="Two labeling functions are called 'many_stars'"):
        votes(many_stars, many_stars)


def test_no_rows_are_no_votes():
    assert votes(many_stars, Snorkelish(), frame=FRAME.iloc[:0]) == [[], []]
