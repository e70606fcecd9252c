"""The page of one validation: the decision first, then a sample of rejected rows, then Great Expectations' own.

It stands alone: one file without scripts, nothing from the network, every text of the data escaped.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from include.core.dimensions import courses, percent
from include.core.failpoints import failpoint
from include.core.refs import Outcome
from include.validate.clean_html import clean_html
from include.validate.drift_section import drift_section
from include.validate.quiet import quiet
from include.warehouse.quarantine import QuarantinedRow
from include.warehouse.staging import slug
from include.warehouse.validations import Validation

LONGEST_VALUE = 120
_BESIDE = frozenset({"column", "column_A", "column_B", "column_list", "batch_id"})


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows: the judgement, some of the rejected rows, the checkpoint's result as JSON.

    `max_rejected` is the share that the gate allows; None where no rows are taken out (an audit). `before` are
    the dataset's judgements of the same stage up to then, oldest first.
    """

    validation: Validation
    sample: tuple[QuarantinedRow, ...]
    raw: dict[str, Any]
    max_rejected: float | None = None
    before: tuple[Validation, ...] = ()


def report_path(dataset: str, run: str, stage: str) -> str:
    """Where a validation's page lies, below the folder of the reports."""
    return f"{dataset}/{slug(run)}/{stage}.html"


def write_report(folder: Path, report: Report) -> Path:
    """Write the page and return its path. A reader sees the old page whole or the new one whole."""
    v = report.validation
    path = folder / report_path(v.dataset, v.run, v.stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    # What a killed try left; one that is only thought dead fails, and decides nothing.
    for left in path.parent.glob(f"{path.name}.*.tmp"):
        left.unlink(missing_ok=True)
    return _place(_draft(path, report), path)


@failpoint("report.draft")
def _draft(path: Path, report: Report) -> Path:
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f"{path.name}.", suffix=".tmp", delete=False
    ) as draft:
        try:
            draft.write(render_report(report))
        except BaseException:
            Path(draft.name).unlink()
            raise
    return Path(draft.name)


@failpoint("report.place")
def _place(draft: Path, path: Path) -> Path:
    # Temporary files are for their owner alone; the API server may be another user.
    draft.chmod(0o644)
    return draft.replace(path)


def remove_report(folder: Path, path: str) -> None:
    """Remove a validation's page, if it is there; its judgement stays in the warehouse."""
    page, root = (folder / path).resolve(), folder.resolve()
    if page.is_relative_to(root) and page.suffix == ".html":
        page.unlink(missing_ok=True)


def render_report(report: Report) -> str:
    """The page as HTML."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["value"] = _value
    columns = {o.rule: (o.column or "").split(", ") for o in report.validation.outcomes}
    environment.filters["columns_of"] = lambda rule: columns.get(rule, [])
    environment.filters["percent"] = percent
    environment.filters["share"] = lambda part, whole: f"{part / whole:.2%}" if whole else "–"
    template = environment.from_string(
        resources.files("include.validate").joinpath("report.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        v=report.validation,
        sample=report.sample,
        max_rejected=report.max_rejected,
        failed=sorted((o for o in report.validation.outcomes if not o.success), key=_rank),
        held=[o for o in report.validation.outcomes if o.success],
        expected=_expected(report.raw),
        drift=drift_section(environment, report.validation.evidence),
        courses=courses([(v.outcomes, v.rows) for v in (*report.before, report.validation)]),
        details=clean_html(data_docs(report.raw)),
    )


@quiet()
def data_docs(raw: dict[str, Any]) -> str:
    """The sections of Great Expectations' Data Docs page for a checkpoint's result, as HTML to be cleaned."""
    from great_expectations.core import expectationSuiteValidationResultSchema
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    result = expectationSuiteValidationResultSchema.load(raw)
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(result)
    return str(DefaultJinjaPageView().render(document))


def _expected(raw: dict[str, Any]) -> dict[str, str]:
    """The arguments of each rule, but for the columns, which stand beside it."""
    configs = [result["expectation_config"] for result in raw["results"]]
    return {
        config["meta"]["rule"]: ", ".join(
            f"{name} {value}" for name, value in config["kwargs"].items() if name not in _BESIDE
        )
        for config in configs
    }


def _rank(outcome: Outcome) -> tuple[bool, int, str]:
    """Worst first: what could not be judged, then by severity."""
    return outcome.exception is None, ("critical", "warning", "info").index(outcome.severity), outcome.rule


def _value(value: Any) -> str:
    if value is None:
        return "null"
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
