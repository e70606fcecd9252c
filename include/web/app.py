"""The web app: Datasets and Data Docs, server-rendered, without a script, for a logged-in user only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg2
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from include.core.errors import FatalError, SluiceError
from include.pipeline.compare import compare
from include.specs import Dataset
from include.warehouse import exports, pointer
from include.warehouse.retention import kept_for
from include.warehouse.versions import list_versions
from include.web import figures, labelling, lineage, queries
from include.web.export_files import blocks, export_file, media_type
from include.web.pages import PAGE_HEADERS, REPORT_HEADERS, render
from include.web.report_files import report_file

PAGE_SIZE = 50
VERSIONS_SHOWN = 10
MOVES_SHOWN = 50
# Disputed rows of a round: as many as people talk over at one table.
ROWS_SHOWN = 20
# A comparison reads both versions whole.
DIFF_SECONDS = 60

# Anonymous requests get 401, on every route: each one is declared below on an app that depends on it.
logged_in = requires_access_view(AccessView.PLUGINS)


def create_app(
    datasets: Sequence[Dataset], warehouse_url: Callable[[], str], reports: Path, storage: Callable[[], Any]
) -> FastAPI:
    """The pages over one warehouse, one catalog, one folder of reports and one object storage.

    `warehouse_url` and `storage` are called at each request, so that a connection changed in Airflow counts at
    once.
    """
    app = FastAPI(
        title="Sluice", dependencies=[Depends(logged_in)], docs_url=None, redoc_url=None, openapi_url=None
    )  # fmt: skip
    catalog = {dataset.name: dataset for dataset in datasets}
    _serve_labels(app, catalog, warehouse_url, storage)
    _serve_datasets(app, catalog, warehouse_url)
    _serve_exports(app, warehouse_url, storage)
    _serve_reports(app, catalog, warehouse_url, reports)
    _tell_errors(app)
    return app


def _serve_datasets(app: FastAPI, catalog: Mapping[str, Dataset], warehouse_url: Callable[[], str]) -> None:
    @app.get("/datasets")
    def show_datasets(request: Request) -> Response:
        with queries.reading(warehouse_url()) as connection:
            versions = list_versions(connection)
            judged = queries.judgements_of(connection, [figures.run_of(version) for version in versions])
            latest = queries.latest_judgements(connection)
            news = queries.quarantine_news(connection)
            past = queries.history(connection)
            asked = queries.last_words(connection, [(v.dataset, v.run) for v in latest.values()])
            tags = queries.tags_by_version(connection)
        cards = figures.cards(catalog, versions, judged, latest, VERSIONS_SHOWN, history=past, asked=asked)
        return render(request, "datasets.html", cards=cards, news=news, tags=tags, only="")

    @app.get("/datasets/{dataset}")
    def show_dataset(request: Request, dataset: str) -> Response:
        with queries.reading(warehouse_url()) as connection:
            versions = list_versions(connection, dataset)
            judged = queries.judgements_of(connection, [figures.run_of(version) for version in versions])
            latest = queries.validations(connection, dataset=dataset, limit=1)
            news = queries.quarantine_news(connection)
            past = queries.history(connection, dataset)
            asked = queries.last_words(connection, [(v.dataset, v.run) for v in latest])
            tags = queries.tags_by_version(connection, dataset)
            moves = pointer.moves(connection, dataset, most=MOVES_SHOWN)
            moved = queries.count_moves(connection, dataset)
        if dataset not in catalog and not versions and not latest:
            raise HTTPException(404, f"There is no dataset {dataset!r}.")
        declared = {name: spec for name, spec in catalog.items() if name == dataset}
        newest = {v.dataset: v for v in latest}
        cards = figures.cards(declared, versions, judged, newest, len(versions), history=past, asked=asked)
        view: dict[str, Any] = {"moves": moves, "older": moved - len(moves)}
        return render(request, "datasets.html", cards=cards, news=news, tags=tags, only=dataset, **view)

    @app.get("/datasets/{dataset}/diff")
    def show_diff(
        request: Request,
        dataset: str,
        before: int = Query(alias="from", ge=1),
        after: int = Query(alias="to", ge=1),
    ) -> Response:
        with queries.reading(warehouse_url(), seconds=DIFF_SECONDS) as connection:
            try:
                found = compare(connection, dataset, before, after)
            except FatalError as error:
                raise HTTPException(404, error.problem) from error
            others = figures.readable(list_versions(connection, dataset), but=after)
        return render(request, "diff.html", found=found, others=others)

    @app.get("/datasets/{dataset}/{version}")
    def show_version(request: Request, dataset: str, version: int) -> Response:
        with queries.reading(warehouse_url()) as connection:
            known = list_versions(connection, dataset)
            found = next((v for v in known if v.version == version), None)
            if found is None:
                raise HTTPException(404, f"Dataset {dataset!r} has no version {version}.")
            judged = queries.judgements_of(connection, [figures.run_of(found)])
            files = exports.recorded(connection, dataset, version)
            tags = queries.tags_by_version(connection, dataset).get((dataset, version), [])
            declared = catalog.get(dataset)
            retention = declared.retention if declared and found.retired_at is None else None
            held_by = kept_for(connection, dataset, version, retention.keep) if retention else None
        shown: dict[str, Any] = {
            "version": figures.shown(found, judged),
            "others": figures.readable(known, but=version)[:VERSIONS_SHOWN] if found.retired_at is None else [],
            "exports": files,
            "tags": tags,
            "retention": retention,
            "held_by": held_by,
            "traced": lineage.traced(found.manifest),
            "decided_by": lineage.rows_decided_by(found.manifest),
        }
        return render(request, "version.html", **shown)


def _serve_labels(
    app: FastAPI, catalog: Mapping[str, Dataset], warehouse_url: Callable[[], str], storage: Callable[[], Any]
) -> None:
    @app.get("/datasets/{dataset}/labels")
    def show_labels(request: Request, dataset: str, run: str = Query("", alias="round")) -> Response:
        declared = catalog[dataset].labelling if dataset in catalog else None
        with queries.reading(warehouse_url()) as connection:
            rounds = labelling.rounds(connection, dataset)
            found = labelling.divided(connection, dataset, declared, run or labelling.newest(rounds), ROWS_SHOWN)
        if declared is None and not rounds:
            raise HTTPException(404, f"Dataset {dataset!r} declares no labelling.")
        image = catalog[dataset].image if dataset in catalog else None
        shown: dict[str, Any] = {
            "declared": declared,
            "rounds": rounds,
            "divided": found,
            "image": image,
            "pictures": labelling.pictures(found, image, storage),
        }
        return render(request, "labels.html", dataset=dataset, **shown)

    @app.get("/datasets/{dataset}/labels/disagreements")
    def send_disagreements(
        dataset: str, run: str = Query("", alias="round"), most: int = Query(ROWS_SHOWN, ge=1, le=10_000)
    ) -> Response:
        """The page's rows that divide the annotators, as JSON."""
        declared = catalog[dataset].labelling if dataset in catalog else None
        with queries.reading(warehouse_url()) as connection:
            run = run or labelling.newest(labelling.rounds(connection, dataset))
            found = labelling.divided(connection, dataset, declared, run, most)
        if found is None:
            raise HTTPException(404, f"No round of {dataset!r} was settled.")
        return JSONResponse(asdict(found), headers=PAGE_HEADERS)


def _serve_exports(app: FastAPI, warehouse_url: Callable[[], str], storage: Callable[[], Any]) -> None:
    @app.get("/exports/{dataset}/{version}/{path:path}")
    def send_export(dataset: str, version: int, path: str) -> Response:
        with queries.reading(warehouse_url()) as connection:
            known = exports.recorded(connection, dataset, version)
        if (file := export_file(storage(), dataset, version, path, known)) is None:
            raise HTTPException(404, "There is no such file: it was never exported, or has been removed.")
        return StreamingResponse(blocks(file), media_type=media_type(path), headers=REPORT_HEADERS)


def _serve_reports(
    app: FastAPI, catalog: Mapping[str, Dataset], warehouse_url: Callable[[], str], reports: Path
) -> None:
    @app.get("/data-docs")
    def list_reports(request: Request, page: int = Query(1, ge=1, le=100_000), dataset: str = "") -> Response:
        with queries.reading(warehouse_url()) as connection:
            total = queries.count_validations(connection, dataset or None)
            found = queries.validations(
                connection, dataset=dataset or None, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
            )
            names = sorted({*catalog, *queries.latest_judgements(connection)})
        listed: dict[str, Any] = {
            "validations": found,
            "total": total,
            "page": page,
            "pages": max(1, -(-total // PAGE_SIZE)),
        }
        return render(request, "data_docs.html", names=names, only=dataset, **listed)

    @app.get("/data-docs/{path:path}")
    def show_report(request: Request, path: str) -> Response:
        if report_file(reports, path) is None:
            raise HTTPException(404, "There is no such report: it was never written, or has been cleared away.")
        return render(request, "report.html", path=path)

    @app.get("/reports/{path:path}")
    def send_report(path: str) -> Response:
        if (file := report_file(reports, path)) is None:
            raise HTTPException(404, "There is no such report.")
        return Response(file.read_bytes(), media_type="text/html; charset=utf-8", headers=REPORT_HEADERS)


def _tell_errors(app: FastAPI) -> None:
    """Every error is a page that says what is wrong and what to do: most often the warehouse is away."""

    def page(request: Request, status: int, title: str, text: str, fix: str = "") -> Response:
        return render(request, "trouble.html", status=status, code=status, title=title, text=text, fix=fix)

    @app.exception_handler(StarletteHTTPException)
    def refused(request: Request, error: Any) -> Response:
        titles = {401: "Not logged in", 403: "Not allowed", 404: "Not found"}
        fix = "log in to Airflow and reload this page." if error.status_code == 401 else ""
        title = titles.get(error.status_code, "This did not work")
        return page(request, error.status_code, title, str(error.detail), fix)

    @app.exception_handler(RequestValidationError)
    def misread(request: Request, error: Any) -> Response:
        return page(request, 422, "Not an address of these pages", "A page or a version is a positive number.")

    @app.exception_handler(SluiceError)
    def told(request: Request, error: Any) -> Response:
        return page(request, 503, "The warehouse cannot be read", error.problem, error.fix)

    @app.exception_handler(psycopg2.Error)
    def unprepared(request: Request, error: Any) -> Response:
        reason = str(error).strip().splitlines()[0]
        fix = "prepare the warehouse (docs/operate.md), or reload if it is busy."
        return page(request, 503, "The warehouse cannot be read", f"It answered: {reason}.", fix)
