"""Tells collectors of lineage what tasks read and wrote, by Airflow's OpenLineage provider, if that is configured.

The provider's public API attaches it to the task that runs. Where no transport is configured nothing is imported,
read or said; and no fault of a collector is one of the task.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import connection as Connection

from include.core.errors import SluiceError
from include.core.refs import Candidate, Exported, VersionRef
from include.orchestration import places

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from include.publish.lineage import Described, Event, Where

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

# Facets that belong to what a task did with a dataset this time, and not to the dataset.
OF_INPUT, OF_OUTPUT = ("dataQualityAssertions",), ("outputStatistics",)


def wanted() -> bool:
    """Whether Airflow is configured to send lineage anywhere."""
    from airflow.providers.openlineage import conf

    return not conf.is_disabled()


def built(candidate: Candidate) -> Candidate:
    """Tell that the candidate was built, and of what; hand it on."""
    if wanted():
        from include.publish import lineage

        _tell(lineage.built(where(), candidate))
    return candidate


@contextmanager
def judging(dataset: str, run: str, stage: str) -> Iterator[None]:
    """Tell what the judgement within said, also when it was to reject."""
    try:
        yield
    finally:
        if wanted():
            from include.publish import lineage
            from include.warehouse.validations import recorded

            if found := _asked(lambda connection: recorded(connection, run, dataset, stage)):
                _tell(lineage.judged(where(), found))


def published(version: VersionRef) -> VersionRef:
    """Tell that the version was published, and of what; hand it on."""
    if wanted():
        from include.publish import lineage
        from include.warehouse.versions import manifest

        if found := _asked(lambda connection: manifest(connection, version.dataset, version.version)):
            _tell(lineage.published(where(), found, version))
    return version


def exported(export: Exported) -> Exported:
    """Tell that the version was written as files; hand it on."""
    if wanted():
        from include.publish import lineage

        _tell(lineage.exported(where(), export))
    return export


def where() -> "Where":
    """The warehouse's server and database, as OpenLineage names them."""
    from include.publish.lineage import Where

    url = urlsplit(places.warehouse_url())
    return Where(f"postgres://{url.hostname}:{url.port or 5432}", url.path.lstrip("/"))


def datasets(event: "Event", namespace: str) -> "tuple[list[InputDataset], list[OutputDataset]]":
    """The event's datasets as the client's own types, which know each facet's schema."""
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    inputs, outputs = [], []
    for told in event.inputs:
        facets, own = _facets(told["facets"], OF_INPUT)
        inputs.append(InputDataset(namespace=namespace, name=told["name"], facets=facets, inputFacets=own))
    for told in event.outputs:
        facets, own = _facets(told["facets"], OF_OUTPUT)
        place = told.get("namespace", namespace)
        outputs.append(OutputDataset(namespace=place, name=told["name"], facets=facets, outputFacets=own))
    return inputs, outputs


def _asked(question: Callable[[Connection], Answer]) -> Answer | None:
    """What the warehouse answers; None if it cannot be asked, for then the task has something else to fail of."""
    from include.warehouse.connection import transaction

    try:
        with transaction(places.warehouse_url()) as connection:
            return question(connection)
    except (SluiceError, psycopg2.Error) as error:
        log.warning("lineage could not be read from the warehouse: %s", error)
        return None


def _tell(event: "Event") -> None:
    from airflow.providers.openlineage.api import emit_dataset_lineage

    inputs, outputs = datasets(event, where().namespace)
    emit_dataset_lineage(inputs=list(inputs), outputs=list(outputs))


def _facets(told: "Described", own: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A dataset's facets: those of the dataset, and those of this use of it."""
    made = {name: _facet(name, fields) for name, fields in told.items()}
    return (
        {name: facet for name, facet in made.items() if name not in own},
        {name: facet for name, facet in made.items() if name in own},
    )


def _facet(name: str, fields: "Described") -> Any:
    from openlineage.client import facet_v2 as v2

    if name == "schema":
        columns = [v2.schema_dataset.SchemaDatasetFacetFields(**column) for column in fields["fields"]]
        return v2.schema_dataset.SchemaDatasetFacet(fields=columns)
    if name == "columnLineage":
        of = {
            column: v2.column_lineage_dataset.Fields(inputFields=_inputs(sources["inputFields"]))
            for column, sources in fields["fields"].items()
        }
        return v2.column_lineage_dataset.ColumnLineageDatasetFacet(fields=of, dataset=_inputs(fields["dataset"]))
    if name == "dataQualityAssertions":
        assertions = [v2.data_quality_assertions_dataset.Assertion(**one) for one in fields["assertions"]]
        return v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=assertions)
    plain = {
        "version": v2.dataset_version_dataset.DatasetVersionDatasetFacet,
        "datasetType": v2.dataset_type_dataset.DatasetTypeDatasetFacet,
        "outputStatistics": v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    }
    return plain[name](**fields)


def _inputs(sources: "list[Described]") -> list[Any]:
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    return [
        facet.InputField(
            namespace=source["namespace"],
            name=source["name"],
            field=source["field"],
            transformations=[facet.Transformation(**way) for way in source["transformations"]],
        )
        for source in sources
    ]
