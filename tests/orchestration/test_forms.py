"""Airflow's own form as an annotation tool: what it shows, what becomes of each event that it is resumed with."""

from datetime import UTC, datetime

import pytest

from include import catalog
from include.pipeline.questions import questions
from tests.pipeline.reviews import LABELLING, REVIEWS, Reviews, meant

DATASET = REVIEWS.model_copy(
    update={"labelling": LABELLING.model_copy(update={"tool": "form", "batch": 6, "guideline": "Read it twice."})}
)


@pytest.fixture
def shop(airflow_home, warehouse_url, tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICE_STORAGE", f"file://{tmp_path}")
    monkeypatch.setattr(catalog, "DATASETS", (DATASET,))
    found = Reviews(warehouse_url, tmp_path)
    found.curated("run_1", DATASET)
    return found


def form(question):
    from include.orchestration.forms import SKIP, Form

    return Form(task_id="form", name="reviews", question=question, options=[*DATASET.labelling.classes, SKIP])


def event(option, user="ada"):
    """What Airflow resumes a parked task with (models/hitl.py: as_resume_event_payload)."""
    return {
        "chosen_options": [option], "params_input": {}, "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": f"{user}_id", "name": user}, "timedout": False,
    }  # fmt: skip


def test_each_row_is_asked_as_often_as_it_is_to_be_answered_and_its_text_is_no_markup(shop):
    asked = shop.ask("label_1", DATASET)
    found = questions(DATASET, asked, shop.folder)
    assert len(found) == 12 and {q["number"] for q in found} == {1, 2}
    assert found[0]["subject"] == f"Is the review favourable? (reviews {found[0]['key']})"
    assert found[0]["body"].startswith("Read it twice.\n\n**body**\n\n    a ")


def test_text_that_looks_like_a_template_or_like_markup_is_shown_as_it_is(shop):
    shop.rows("UPDATE staging._label__reviews SET body = '# {{ 7 * 7 }}\n<b>' RETURNING 1")
    (question, *_) = questions(DATASET, shop.ask("label_1", DATASET), shop.folder)
    assert question["body"].endswith("    # {{ 7 * 7 }}\n    <b>")
    asking = form(question)
    assert not {"subject", "body", "question"} & set(asking.template_fields)


def test_answers_in_forms_are_landed_with_who_gave_them(shop):
    asked = shop.ask("label_1", DATASET)
    for question in questions(DATASET, asked, shop.folder):
        user = ("ada", "bob")[question["number"] - 1]
        form(question).execute_complete({}, event(meant(question["key"]), user))
    result = shop.settle(asked, DATASET)
    assert (result.answers, result.annotators, result.labels) == (12, 2, 6)


def test_what_is_skipped_or_not_answered_in_time_is_short_of_an_answer_and_fails_nothing(shop):
    from include.orchestration.forms import SKIP

    asked = shop.ask("label_1", DATASET)
    one, other, *_ = questions(DATASET, asked, shop.folder)
    form(one).execute_complete({}, event(SKIP))
    lapsed = {"error": "The Human-in-the-loop response timeout has passed.", "error_type": "timeout"}
    assert form(other).execute_complete({}, lapsed) is None
    assert [path.name for path in (shop.folder / asked.place).iterdir()] == ["items.csv"]


def test_a_round_of_forms_is_a_task_a_question(shop):
    import runpy
    from pathlib import Path

    dags = Path(__file__).resolve().parents[2] / "dags"
    label = runpy.run_path(str(dags / "label.py"))["asked"].operator.dag
    assert [task.task_id for task in label.topological_sort()] == ["ask", "questions", "form", "settle"]
    assert label.get_task("form").is_mapped
