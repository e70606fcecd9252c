"""Ask a site before a crawl what its robots.txt allows, and how long to wait between two requests."""

import urllib.error
import urllib.request
from urllib.parse import urlsplit

from include.core.errors import FatalError, RetriableError

TIMEOUT = 20
LARGEST = 512_000


def crawl_delay(base_url: str, user_agent: str) -> float:
    """The site's own wish for seconds between two requests, 0 if it has none.

    A robots.txt that is not there allows everything (RFC 9309, section 2.3.1). Raises RetriableError for a
    site that cannot be reached or answers with a server error, and FatalError if its root is forbidden.
    """
    from protego import Protego

    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise FatalError(
            f"A site's root URL begins with http:// or https:// and names a host; this one is {base_url!r}.",
            fix="correct host and schema of the Airflow connection.",
        )
    rules = Protego.parse(_robots(f"{parts.scheme}://{parts.netloc}/robots.txt", user_agent))
    if not rules.can_fetch(base_url, user_agent):
        raise FatalError(
            f"The robots.txt of {base_url} forbids {user_agent.partition('/')[0]} to read it.",
            fix="ask the site's owner, or take the source out of catalog/sources.py.",
        )
    return float(rules.crawl_delay(user_agent) or 0)


def _robots(url: str, user_agent: str) -> str:
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if is_loopback(url) else []))
    request = urllib.request.Request(url, headers={"User-Agent": user_agent})  # noqa: S310
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return str(response.read(LARGEST).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        if error.code < 500:
            return ""
        problem = f"The site answers {url} with status {error.code}."
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        problem = f"The site cannot be reached at {url}: {reason}."
    raise RetriableError(problem, fix="check the host of the Airflow connection, and that the site is up.")


def is_loopback(url: str) -> bool:
    """Whether the site is on this machine, where no proxy could reach it."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
