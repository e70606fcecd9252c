"""An export in the words of MLCommons Croissant 1.1, so that other tools can find, check and load it."""

from collections.abc import Iterator
from typing import Any

from include.publish.contents import Column, Contents, File
from include.publish.responsible import provenance, responsible

CROISSANT = "http://mlcommons.org/croissant/1.1"
RAI = "http://mlcommons.org/croissant/RAI/1.0"

# The context of the specification's first appendix, and two vocabularies more.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
    "value": "cr:value",
}
DATA_TYPES = {
    "bool": "sc:Boolean",
    "int16": "cr:Int16",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float": "cr:Float32",
    "double": "cr:Float64",
    "date32": "sc:Date",
    "timestamp[us]": "sc:DateTime",
    "timestamp[us, tz=UTC]": "sc:DateTime",
}
SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
PARQUET = "application/x-parquet"


def croissant(contents: Contents) -> dict[str, Any]:
    """The JSON-LD of an export; addresses of files are relative to its own.

    One record set, `rows`, holds every row; its field `rows/_split` refers to the record set `splits`. What a
    dataset does not declare (licence, citation, creators, address) is left out.
    """
    declared = contents.declared
    stated = {
        "license": licence_url(declared.licence) if declared.licence else None,
        "citeAs": declared.citation,
        "url": declared.url,
        "creator": [{"@type": "sc:Organization", "name": name} for name in declared.creators] or None,
    }
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT, RAI],
        "name": contents.dataset,
        "description": declared.description or f"Version {contents.version} of {contents.dataset}.",
        "version": f"{contents.version}.0.0",
        "datePublished": contents.published_at.isoformat(),
        **{name: value for name, value in stated.items() if value},
        "isLiveDataset": False,
        "keywords": ["sluice", contents.fingerprint],
        **provenance(contents),
        **responsible(contents),
        "distribution": [*map(_file_object, contents.files), _file_set()],
        "recordSet": [_splits(contents), _rows(contents)],
    }


def licence_url(licence: str) -> str:
    """The address of a licence that is named by its identifier of SPDX."""
    return licence if "://" in licence else f"https://spdx.org/licenses/{licence}.html"


def _file_object(file: File) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "description": f"{file.rows} rows of {file.split}.",
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": PARQUET,
        "sha256": file.sha256,
    }


def _file_set() -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": "parquet",
        "name": "parquet",
        "description": "All Parquet files, one folder a split.",
        "encodingFormat": PARQUET,
        "includes": [f"{split}/part-*.parquet" for split in SPLITS],
    }


def _splits(contents: Contents) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": "sc:URL"},
        ],
        "data": [{"splits/name": split, "splits/url": SPLITS[split]} for split in contents.splits],
    }


def _rows(contents: Contents) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "description": f"The {contents.rows} rows of version {contents.version}, by split and _id.",
        "key": {"@id": "rows/_id"},
        "field": [_field(contents, column) for column in contents.columns],
    }


def _field(contents: Contents, column: Column) -> dict[str, Any]:
    extract: dict[str, Any] = {"fileSet": {"@id": "parquet"}, "extract": {"column": column.name}}
    if column.name == contents.image:
        extract["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"rows/{column.name}",
        "name": column.name,
        "description": f"{contents.role(column.name)} ({column.type}).",
        "dataType": list(_data_types(contents, column)),
        **({"isArray": True, "arrayShape": "-1"} if column.element else {}),
        **({"references": {"field": {"@id": "splits/name"}}} if column.name == "_split" else {}),
        "source": extract,
    }


def _data_types(contents: Contents, column: Column) -> Iterator[str]:
    kind = column.element or column.arrow
    if column.name == contents.image:
        yield "sc:ImageObject"
    elif kind.startswith("decimal"):
        yield "sc:Float"
    else:
        yield DATA_TYPES.get(kind, "sc:Text")
    if column.name == contents.declaration.get("label"):
        yield "cr:Label"
