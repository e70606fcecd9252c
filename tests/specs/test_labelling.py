import pytest
from pydantic import ValidationError

from include.specs import Dataset, Labelling

WELL = {"question": "Good?", "classes": ("no", "yes"), "show": ("body",)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ("yes",)}, "classes"),
        ({"classes": ("yes", "yes")}, "classes must be different: yes"),
        ({"overlap": 1}, "one annotator a row agrees with nobody"),
        ({"overlap": 1, "min_agreement": None}, "dawid_skene compares annotators"),
        ({"tool": "label_studio"}, "tool='label_studio' and connection, an Airflow connection, go together"),
        ({"choose": "stratified"}, "choose='stratified' and strata, a column, go together"),
        ({"tool": "form", "batch": 300}, "300 rows × 2 are more forms than 500"),
        ({"min_skill": 0.5}, "need gold items"),
        ({"consolidate": "gold"}, "need gold items"),
        ({"prelabel": {"by": "rules"}}, "prelabel by rules needs rules"),
        ({"target": 0.9}, "target and patience need a score: declare validation=200"),
        ({"patience": 3}, "target and patience need a score"),
        ({"validation": 50, "budget": 50}, "50 validation rows leave nothing of a budget of 50"),
        ({"validation": 50, "target": 1.1}, "target"),
        ({"show": ()}, "show"),
        ({"question": ""}, "question"),
    ],
)
def test_a_labelling_that_cannot_work_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        Labelling(**WELL | changes)


def test_annotators_are_shown_declared_columns_and_never_the_label():
    for column in ("stars", "sentiment"):
        with pytest.raises(ValidationError, match=f"other than the label: {column}"):
            Dataset(name="r", sources=("s",), key="id", text=("body",), label="sentiment",
                    labelling=Labelling(**WELL | {"show": ("body", column)}))  # fmt: skip
