"""Requests to a Label Studio: signed, timed out, tried again where that is safe, refused in words that help."""

import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from include.core.errors import FatalError, RetriableError, SluiceError

TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
# A large import or export is silent while the server works on it.
TIMEOUT = httpx.Timeout(600, connect=10, write=60)
RENEW = (
    "make a new token in Label Studio (Account & Settings) and put it into the connection; an expired or revoked "
    "one is never accepted again."
)


class Token(httpx.Auth):
    """Signs requests by a legacy token, or by a personal access token, which buys short-lived access tokens.

    An access token ends after some minutes, so it is bought anew when the server refuses the last one.
    """

    requires_response_body = True

    def __init__(self, server: str, token: str) -> None:
        self._server = server
        self._token = token
        self._personal = token.count(".") == 2  # a JSON Web Token (RFC 7519) has three parts
        self._access: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._personal:
            request.headers["Authorization"] = f"Token {self._token}"
            yield request
            return
        fresh = self._access is None
        if fresh:
            yield from self._buy()
        request.headers["Authorization"] = f"Bearer {self._access}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            yield from self._buy()
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request

    def _buy(self) -> Generator[httpx.Request, httpx.Response, None]:
        path = "/api/token/refresh/"
        answer = yield httpx.Request("POST", self._server + path, json={"refresh": self._token})
        refuse(self._server, "POST", path, answer)
        self._access = str(content(self._server, answer)["access"])


class Studio:
    """A Label Studio at `url`, spoken to as the user of `token`; a context manager that closes its connections.

    Every method raises FatalError where the server refuses, and RetriableError where it gives no usable answer.
    """

    def __init__(self, url: str, token: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.url = address(url)
        self._pause = pause
        self._client = _client(self.url, token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._again(lambda: self._once("GET", path, query))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Sets values, so doing it twice is doing it once."""
        return self._again(lambda: self._once("PATCH", path, None, body))

    def delete(self, path: str) -> None:
        """Also where it is gone already."""
        self._again(lambda: self._once("DELETE", path, gone=True))

    def post(self, path: str, body: Any) -> Any:
        """Once: a POST without an answer may have been carried out."""
        return self._once("POST", path, None, body)

    def download(self, path: str, query: Mapping[str, Any], to: Path) -> None:
        """Stream an answer into the file `to`, which is whole if this returns."""
        self._again(lambda: self._download(path, query, to))

    def _once(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, gone: bool = False
    ) -> Any:
        try:
            answer = self._client.request(method, path, params=query, json=body)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from None
        if gone and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        refuse(self.url, method, path, answer)
        return content(self.url, answer) if answer.content else None

    def _download(self, path: str, query: Mapping[str, Any], to: Path) -> None:
        try:
            with to.open("wb") as out, self._client.stream("GET", path, params=query) as answer:
                if not answer.is_success:
                    answer.read()
                    refuse(self.url, "GET", path, answer)
                for part in answer.iter_bytes():
                    out.write(part)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from None

    def _again(self, request: Callable[[], Any]) -> Any:
        for number in range(TRIES - 1):
            try:
                return request()
            except RetriableError as error:
                asked = error.pause if isinstance(error, Busy) else None
                self._pause(min(asked or FIRST_PAUSE_SECONDS * 2**number, LONGEST_PAUSE_SECONDS))
        return request()


class Busy(RetriableError):
    """The server asked to come again, after `pause` seconds if it said so."""

    pause: float | None = None


def _client(url: str, token: str) -> httpx.Client:
    if not token:
        raise FatalError(f"There is no token for Label Studio at {url}.", fix=RENEW)
    # A proxy of the environment must not be asked for a server on this machine.
    loopback = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    return httpx.Client(base_url=url, auth=Token(url, token), timeout=TIMEOUT, trust_env=not loopback)


def address(url: str) -> str:
    """The server's URL without a slash at the end. Raises FatalError if it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise FatalError(
            f"{parts.scheme}://{parts.hostname or ''} is no address of a Label Studio.",
            fix="write http://host:port or https://host, and the token apart from it.",
        )
    return url.rstrip("/")


def refuse(url: str, method: str, path: str, answer: httpx.Response) -> None:
    """Raise what an answer other than success means to the caller."""
    code = answer.status_code
    if answer.is_success:
        return
    said = f"Label Studio at {url} answered {code} to {method} {path}: {_reason(answer)}"
    if code == httpx.codes.TOO_MANY_REQUESTS or code >= 500:
        busy = Busy(said, fix="see its log; it is asked again later.")
        after = answer.headers.get("Retry-After", "")
        busy.pause = float(after) if after.isdigit() else None
        raise busy
    known = {
        401: RENEW,
        403: "give the token's user the right to it in Label Studio, or take another user's token.",
        404: "it was deleted in Label Studio, or belongs to an organization of other users.",
    }
    raise FatalError(said, fix=known.get(code, "correct what it complains about."))


def content(url: str, answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise FatalError(
            f"{url} answered no JSON but {answer.headers.get('Content-Type', 'something unnamed')}.",
            fix="check that it is the address of Label Studio, and not of a proxy or a login page before it.",
        ) from None


def unreachable(url: str, error: httpx.TransportError) -> SluiceError:
    return RetriableError(
        f"Label Studio at {url} gives no answer: {str(error) or type(error).__name__}.",
        fix="check that it runs (`make labelstudio` starts one here) and that this machine reaches it.",
    )


def _reason(answer: httpx.Response) -> str:
    """What it complains about; Label Studio's error pages in HTML say nothing more than the code."""
    try:
        body = answer.json()
    except ValueError:
        return answer.reason_phrase
    found = [body.get("detail"), body.get("validation_errors")] if isinstance(body, dict) else []
    return ": ".join(str(part) for part in found if part)[:500] or str(body)[:500]
