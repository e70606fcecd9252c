"""What an export says of where its rows come from, how they were made, and what to be careful about."""

from typing import Any

from include.publish.contents import Contents


def provenance(contents: Contents) -> dict[str, Any]:
    """The sources and what was done with their rows, in the words of PROV."""
    manifest = contents.manifest
    gate = manifest["gate"]
    done = [f"gate: {gate['passed']} of {gate['rows']} rows passed, {gate['quarantined']} quarantined"]
    done += [f"{manifest['method']}: {rows} rows of train made ({o})" for o, rows in contents.made.items()]
    if manifest["removed"]:
        done.append(f"{manifest['method']}: {manifest['removed']} rows of train left out")
    return {
        "prov:wasDerivedFrom": [
            {
                "@id": f"urn:sluice:source:{source['source']}:batch:{source['batch']}",
                "prov:label": f"{source['source']}, batch {source['batch']}, up to {source['position']}",
            }
            for source in manifest["sources"]
        ],
        "prov:wasGeneratedBy": [{"@type": "prov:Activity", "prov:label": label} for label in done],
    }


def responsible(contents: Contents) -> dict[str, Any]:
    """What Croissant's extension for responsible AI asks, as far as the version's manifest answers it."""
    manifest, declaration = contents.manifest, contents.declaration
    sources = ", ".join(source["source"] for source in manifest["sources"])
    group = declaration.get("group") or declaration["key"]
    known: dict[str, Any] = {
        "rai:dataCollection": f"Collected as changes from {sources}, and built as of the batches named in"
        " prov:wasDerivedFrom.",
        "rai:dataPreprocessingProtocol": [
            f"Built by SQL (its SHA-256: {manifest['sql_hash']}) and judged by a suite of Great Expectations (its"
            f" SHA-256: {manifest['gate']['suite_hash']}).",
            f"Split by a keyed hash of {group}: related rows are in one split.",
        ],
    }
    if contents.made:
        known["rai:dataManipulationProtocol"] = (
            f"{made_share(contents):.1%} of the rows of train are made by {manifest['method']}: their rows/_origin"
            " is not 'real', and rows/_parents, rows/_method, rows/_params and rows/_seed say how. Validation and"
            " test hold real rows alone."
        )
    if impute := (declaration.get("balance") or {}).get("impute"):
        known["rai:dataImputationProtocol"] = (
            f"Missing numeric features are filled by the {impute} of train before rows are made; real rows keep"
            " their gaps."
        )
    if limits := limitations(contents):
        known["rai:dataLimitations"] = limits
    if columns := sorted({c for c in declaration.get("subjects", {}).values() if c}):
        known["rai:personalSensitiveInformation"] = [
            f"Rows are about persons, whose keys are in {', '.join(columns)}. A version that holds a person who is"
            " erased is retired, and its export removed."
        ]
    return known


def limitations(contents: Contents) -> list[str]:
    """What a user of the version must know before trusting it."""
    gate, found = contents.manifest["gate"], []
    if contents.made:
        found.append(
            "Train is not distributed as the sources are: probabilities of a model that learns from it need to be"
            " calibrated on real rows."
        )
    if gate["quarantined"]:
        rules = ", ".join(sorted(gate["quarantined_by"]))
        found.append(f"{gate['quarantined']} rows were kept out by the gate: {rules}.")
    return found + [f"The gate passed with a warning: {warning}." for warning in gate["warnings"]]


def made_share(contents: Contents) -> float:
    """Made rows to all rows of train, the one split that has any."""
    return sum(contents.made.values()) / (contents.splits.get("train") or 1)
