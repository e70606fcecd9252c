"""Whether a finished crawl may be believed: pure functions of its figures and those of the crawl before."""

from collections.abc import Iterator, Mapping

from include.core.crawl import Figures
from include.specs import CrawlPolicy

# Shares are quotients: 1 - 0.7 is a little more than 0.3.
ROUNDING = 1e-9


def unread(policy: CrawlPolicy, now: Figures) -> str | None:
    """Why too much of the site could not be read; None if it is little enough."""
    failed = sum(now.unread.values())
    if failed <= policy.max_unread * now.visits:
        return None
    reasons = ", ".join(f"{reason} ({number})" for reason, number in _most(now.unread))
    return (
        f"{failed} of {now.visits} pages and files could not be read, more than max_unread = {policy.max_unread:g}"
        f" allows: {reasons}"
    )


def losses(policy: CrawlPolicy, now: Figures, before: Figures | None) -> list[str]:
    """Sentences that name everything the crawl lost against the one before, or against declared bounds."""
    found = [*_too_few(policy, now), *_broken(policy, now), *_uncovered(policy, now)]
    return found if before is None else [*found, *_lost(policy, now, before), *_emptied(policy, now, before)]


def _too_few(policy: CrawlPolicy, now: Figures) -> Iterator[str]:
    for table, least in sorted(policy.min_records.items()):
        if now.rows.get(table, 0) < least:
            yield f"{table} has {now.rows.get(table, 0)} records, fewer than min_records = {least}"


def _broken(policy: CrawlPolicy, now: Figures) -> Iterator[str]:
    for table, bad in sorted(now.rejected.items()):
        shown = bad + now.rows.get(table, 0)
        if bad > policy.max_rejected * shown:
            yield (
                f"{bad} of {shown} records of {table} break their model, more than max_rejected ="
                f" {policy.max_rejected:g} allows"
            )


def _uncovered(policy: CrawlPolicy, now: Figures) -> Iterator[str]:
    for name, least in sorted(policy.min_coverage.items()):
        table, _, column = name.partition(".")
        share = _coverage(now, table, column)
        if share is None:
            yield f"min_coverage names {name}, of which the crawl has no row"
        elif share < least:
            yield f"{name} is there in {share:.1%} of the rows, less than min_coverage = {least:.1%}"


def _lost(policy: CrawlPolicy, now: Figures, before: Figures) -> Iterator[str]:
    for table, had in sorted(before.rows.items()):
        has = now.rows.get(table, 0)
        if had - has > policy.max_loss * had:
            yield (
                f"{table} has {has} records, {had} before: it lost more than max_loss = {policy.max_loss:g} allows"
            )


def _emptied(policy: CrawlPolicy, now: Figures, before: Figures) -> Iterator[str]:
    for table, columns in sorted(before.filled.items()):
        for column in sorted(columns):
            had, has = _coverage(before, table, column), _coverage(now, table, column)
            if had is not None and has is not None and had - has > policy.max_loss + ROUNDING:
                yield (
                    f"{table}.{column} is there in {has:.1%} of the rows, {had:.1%} before: it lost more than"
                    f" max_loss = {policy.max_loss:g} allows"
                )


def _coverage(figures: Figures, table: str, column: str) -> float | None:
    """The share of a table's rows, as far as they were read, in which the column is not null."""
    read = figures.read.get(table, 0)
    filled = figures.filled.get(table, {}).get(column)
    return None if not read or filled is None else filled / read


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
