"""Names are resolved to public addresses alone, whatever a name server says and how often it changes its mind."""

from collections.abc import Sequence
from typing import Any, Self

from scrapy.crawler import Crawler
from scrapy.resolver import CachingHostnameResolver
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from include.collect.addresses import is_public


@implementer(IHostnameResolver)
class PublicResolver(CachingHostnameResolver):
    """Scrapy's resolver, but that it passes on no private address unless PRIVATE_ADDRESSES allows them.

    Twisted connects to the very addresses that a resolver hands it, so a name that leads to another address
    the second time (DNS rebinding) is judged each time, and no address is looked up behind our back. A proxy
    in PROXY_HOSTS may be anywhere: it is the operator's own.
    """

    def __init__(self, reactor: Any, cache_size: int, *, private: bool, proxies: Sequence[str]) -> None:
        super().__init__(reactor, cache_size)
        self._private, self._proxies = private, frozenset(proxies)

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: Any) -> Self:
        settings = crawler.settings
        return cls(
            reactor, settings.getint("DNSCACHE_SIZE"), private=settings.getbool("PRIVATE_ADDRESSES"),
            proxies=settings.getlist("PROXY_HOSTS"),
        )  # fmt: skip

    def resolveHostName(
        self, resolutionReceiver: IResolutionReceiver, hostName: str, *rest: Any, **named: Any
    ) -> IHostResolution:
        free = self._private or hostName in self._proxies
        receiver: Any = resolutionReceiver if free else _PublicAlone(resolutionReceiver)
        return super().resolveHostName(receiver, hostName, *rest, **named)


@implementer(IResolutionReceiver)
class _PublicAlone:
    """Hands on public addresses; a name that has no other cannot be resolved."""

    def __init__(self, receiver: Any) -> None:
        self._receiver = receiver

    def resolutionBegan(self, resolution: Any) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:
        if is_public(address.host):
            self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()
