"""A name server may say what it likes, and another thing the next time: only public addresses are connected to."""

import pytest
from scrapy.resolver import dnscache
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from include.collect.spiders.guard import PublicResolver


@implementer(IHostnameResolver)
class NameServer:
    """One that the site's owner runs: it answers each question with the next of its answers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.nameResolver = self

    def resolveHostName(self, receiver, name, port=0, *_rest, **_named):
        receiver.resolutionBegan(None)
        for host in self.answers.pop(0):
            receiver.addressResolved((IPv6Address if ":" in host else IPv4Address)("TCP", host, port))
        receiver.resolutionComplete()
        return receiver


@implementer(IResolutionReceiver)
class Receiver:
    def __init__(self):
        self.addresses, self.complete = [], False

    def resolutionBegan(self, _resolution):
        self.addresses = []

    def addressResolved(self, address):
        self.addresses.append(address.host)

    def resolutionComplete(self):
        self.complete = True


def resolved(resolver, name):
    receiver = Receiver()
    resolver.resolveHostName(receiver, name, 80)
    assert receiver.complete
    return receiver.addresses


@pytest.fixture(autouse=True)
def no_memory():
    dnscache.clear()
    yield
    dnscache.clear()


@pytest.mark.parametrize("cache", [0, 100])
def test_a_name_that_turns_private_between_two_questions_is_not_followed(cache):
    server = NameServer(["93.184.216.34"], ["127.0.0.1", "::1", "169.254.169.254"], ["10.0.0.1", "93.184.216.34"])
    resolver = PublicResolver(server, cache, private=False, proxies=())
    found = []
    for _question in range(3):
        found.append(resolved(resolver, "shop.example"))
        dnscache.clear()
    assert found == [["93.184.216.34"], [], ["93.184.216.34"]]


def test_what_a_cache_kept_is_judged_again():
    resolver = PublicResolver(NameServer(["127.0.0.1"]), 100, private=False, proxies=())
    assert [resolved(resolver, "shop.example") for _question in range(2)] == [[], []]


def test_a_declared_site_and_a_proxy_may_be_private():
    answers = [["10.0.0.1"], ["10.0.0.2"]]
    assert resolved(PublicResolver(NameServer(*answers), 0, private=True, proxies=()), "wiki.corp") == ["10.0.0.1"]
    proxied = PublicResolver(NameServer(*answers), 0, private=False, proxies=("proxy.corp",))
    assert [resolved(proxied, name) for name in ("proxy.corp", "wiki.corp")] == [["10.0.0.1"], []]
