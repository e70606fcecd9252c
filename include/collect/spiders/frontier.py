"""Which links a crawl follows: those of the site that robots.txt allows, each once, within the declared bounds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from protego import Protego
from w3lib.url import safe_url_string

from include.collect.addresses import Site
from include.core.crawl import Link, Remembered

LONGEST_PATH = 2_000
# A path that names one folder over and over is what a wrong relative link makes of itself.
MOST_REPEATS = 4
MOST_HOPS = 5
NO_ADDRESS = ("data:", "javascript:", "mailto:", "tel:", "#")
ROBOTS = "robots"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a crawl goes. `variants` is how many addresses may differ in nothing but their query."""

    pages: int
    depth: int
    variants: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A link of the site that is not followed, and why: it goes to quarantine, so that nothing ends unseen."""

    path: str
    reason: str


class Frontier:
    """Knows every link that was seen. `overfull` says that there are more than `bounds.pages`."""

    def __init__(self, site: Site, robots: str, user_agent: str, bounds: Bounds) -> None:
        self.site, self.bounds = site, bounds
        self._rules, self._user_agent = Protego.parse(robots), user_agent
        self._seen: set[str] = set()
        self._judged: dict[str, str | None] = {}
        self._variants: Counter[str] = Counter()

    @property
    def overfull(self) -> bool:
        return len(self._seen) > self.bounds.pages

    def link(
        self, address: str, base: str, *, depth: int, hops: int = 0, use: str | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> Link | Refused | None:  # fmt: skip
        """The link that an address on a page means; None if it leads elsewhere, or robots.txt forbids it."""
        if address.startswith(NO_ADDRESS):
            return None
        try:
            path = self.site.path(safe_url_string(address.strip()), base)
        except ValueError:
            return Refused(address[:LONGEST_PATH], "address: malformed")
        if path is None:
            return None
        link = Link(path, use, arguments or {}, depth, hops)
        if link.visit in self._seen:
            return link
        reason = self._judge(path) or ("address: too_deep" if depth > self.bounds.depth else None)
        if reason is None:
            return link
        return None if reason == ROBOTS else Refused(path[:LONGEST_PATH], reason)

    def fresh(self, links: Iterable[Link]) -> list[Link]:
        """Those that were not seen before, and may be followed; from now on they are seen."""
        new = []
        for link in links:
            # What an earlier run or crawl linked is judged by today's rules and bounds.
            if link.visit not in self._seen and link.depth <= self.bounds.depth and self._judge(link.path) is None:
                self._seen.add(link.visit)
                new.append(link)
        return new

    def resume(self, visits: Iterable[Remembered]) -> list[Link]:
        """Take note of what a crawl visited before it broke off; returns the links it had yet to visit."""
        visits = list(visits)
        for visit in visits:
            self._seen.add(visit.visit)
            self._judge(visit.visit.partition(" ")[0])  # It counts among the variants of its path.
        return self.fresh(sorted((link for v in visits for link in v.following()), key=lambda link: link.depth))

    def _judge(self, path: str) -> str | None:
        """Why a path of the site is not followed, thought about once."""
        if path not in self._judged:
            self._judged[path] = self._reason(path)
        return self._judged[path]

    def _reason(self, path: str) -> str | None:
        if len(path) > LONGEST_PATH:
            return "address: too_long"
        bare, _, query = path.partition("?")
        if max(Counter(bare.strip("/").split("/")).values()) > MOST_REPEATS:
            return "address: repeats_itself"
        if not self._rules.can_fetch(self.site.origin + path, self._user_agent):
            return ROBOTS
        if query:
            self._variants[bare] += 1
            if self._variants[bare] > self.bounds.variants:
                return "address: too_many_variants"
        return None
