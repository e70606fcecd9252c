"""Ask a site before a crawl what its robots.txt allows, and how long to wait between two requests."""

import http.client
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from include.collect.addresses import Site, is_public
from include.core.errors import FatalError, RetriableError

TIMEOUT = 20
# RFC 9309, section 2.5: at least 500 KiB have to be understood.
LARGEST = 512_000
# The name that robots.txt calls us by, and the first word of our User-Agent.
NAME = "Sluice"
UNREACHABLE = "check the host of the Airflow connection, and that the site is up."


@dataclass(frozen=True, slots=True)
class Robots:
    """A site's robots.txt: its text, and the seconds between two requests that it asks for (0 if it does not)."""

    text: str
    delay: float


def ask(base_url: str, user_agent: str, *, private: bool = False) -> Robots:
    """The rules of a site whose root they allow us to read.

    A robots.txt that is not there allows everything (RFC 9309, section 2.3.1). Of a longer one the first 500 KiB
    count. `private` allows the site to have a private address. Raises RetriableError for a site that cannot be
    reached, answers with a server error or has too much to do, and FatalError if its root is forbidden or its
    robots.txt lies elsewhere.
    """
    from protego import Protego

    site = Site.of(base_url)
    text = _fetch(site, user_agent, private=private or site.names_a_private_address)
    rules = Protego.parse(text)
    if not rules.can_fetch(base_url, user_agent):
        raise FatalError(
            f"The robots.txt of {base_url} forbids {user_agent.partition('/')[0]} to read it.",
            fix="ask the site's owner, or take the source out of catalog/sources.py.",
        )
    return Robots(text, float(rules.crawl_delay(user_agent) or 0))


def _fetch(site: Site, user_agent: str, *, private: bool) -> str:
    url = f"{site.origin}/robots.txt"
    handlers: list[urllib.request.BaseHandler] = [_StayOnSite(site)]
    # A proxy resolves the site's name itself, and has a private address by right.
    proxied = site.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(site.host)
    proxied = proxied and not site.is_loopback
    if not proxied:
        handlers.append(urllib.request.ProxyHandler({}))
        if not private:
            handlers += [_PublicHTTP(), _PublicHTTPS()]
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, headers={"User-Agent": user_agent})  # noqa: S310
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return _read(response).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        # 429 says nothing about the rules: RFC 9309 wants it treated as a server's failure.
        if error.code < 500 and error.code != 429:
            return ""
        problem = f"The site answers {url} with status {error.code}."
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        problem = f"The site cannot be reached at {url}: {reason}."
    raise RetriableError(problem, fix=UNREACHABLE)


def _read(response: Any) -> bytes:
    """What comes in time, up to LARGEST: neither an endless file nor one that drips may hold us up."""
    data, deadline = b"", time.monotonic() + TIMEOUT
    while len(data) < LARGEST and (piece := response.read1(LARGEST - len(data))):
        data += piece
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not arrive within {TIMEOUT} seconds")
    return data


class _StayOnSite(urllib.request.HTTPRedirectHandler):
    """Follows redirects on the site's own host alone, at most five (RFC 9309, section 2.3.1.2)."""

    max_redirections = 5

    def __init__(self, site: Site) -> None:
        self.site = site

    def redirect_request(self, *answer: Any) -> Any:
        newurl = answer[-1]
        if self.site.host != urlsplit(newurl).hostname:
            raise FatalError(
                f"The robots.txt of {self.site.origin} is redirected off the site, to {newurl[:200]}.",
                fix="give the Airflow connection the host at which the site really is.",
            )
        return super().redirect_request(*answer)


def _connect_publicly(connection: Any, connect: Any) -> None:
    """Connect, and hang up before anything is sent if the other end has no public address."""
    connect(connection)
    peer = connection.sock.getpeername()[0]
    if not is_public(peer):
        connection.close()
        raise FatalError(
            f"{connection.host} leads to {peer}, which is no public address.",
            fix="correct the host of the Airflow connection, or declare the source with private=True.",
        )


class _PublicHTTPConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        _connect_publicly(self, http.client.HTTPConnection.connect)


class _PublicHTTPSConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        _connect_publicly(self, http.client.HTTPSConnection.connect)


class _PublicHTTP(urllib.request.HTTPHandler):
    def http_open(self, req: Any) -> Any:
        return self.do_open(_PublicHTTPConnection, req)


class _PublicHTTPS(urllib.request.HTTPSHandler):
    def https_open(self, req: Any) -> Any:
        return self.do_open(partial(_PublicHTTPSConnection, context=self._context), req)  # type: ignore[attr-defined]
