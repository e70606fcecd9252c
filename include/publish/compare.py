"""What two manifests differ in, and the texts that they name: pure, no database."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What differs between any two versions, or is compared row by row.
OWN = ("version", "fingerprint", "run", "counts", "columns", "rows", "gate.report", "audit.report")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a manifest, by its path such as `libraries.numpy`; None where one of the two does not have it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of a suite that only one of two has, and those that say another thing: (rule, before, after)."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Fact, ...] = ()


def facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Fact]:
    """Every fact that is not the same in both manifests, by name."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        Fact(name, old.get(name), new.get(name)) for name in sorted({*old, *new}) if old.get(name) != new.get(name)
    ]


def rules(before: str, after: str) -> Rules:
    """What two suites, as `sluice.texts` keeps them, differ in."""
    old, new = _rules(before), _rules(after)
    return Rules(
        added=tuple(sorted(set(new) - set(old))),
        removed=tuple(sorted(set(old) - set(new))),
        changed=tuple(
            Fact(name, old[name], new[name]) for name in sorted(set(old) & set(new)) if old[name] != new[name]
        ),
    )


def lines(before: str, after: str) -> tuple[str, ...]:
    """Two texts' unified diff, without its heading."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
    return tuple(line for line in found if not line.startswith(("---", "+++")))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if path in OWN:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif (
        isinstance(value, list)
        and value
        and all(isinstance(entry, Mapping) and "source" in entry for entry in value)
    ):
        for entry in value:
            yield from _leaves({k: v for k, v in entry.items() if k != "source"}, f"{path}.{entry['source']}")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _rules(suite: str) -> dict[str, str]:
    """What each rule says, by its name; of rules without one, by type and columns."""
    found = {}
    for entry in json.loads(suite):
        meta, kwargs = entry.get("meta") or {}, entry.get("kwargs") or {}
        name = meta.get("rule") or ": ".join(filter(None, (str(kwargs.get("column", "")), entry["type"])))
        found[name] = json.dumps(entry, ensure_ascii=False, sort_keys=True)
    return found
