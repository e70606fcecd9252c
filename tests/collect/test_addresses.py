"""Where a crawl may go: a table of addresses."""

import pytest

from include.collect.addresses import Site, is_public


@pytest.mark.parametrize(
    ("base", "url", "path"),
    [
        ("http://shop.example/", "http://shop.example/a?b=1#c", "/a?b=1"),
        ("http://shop.example/", "http://SHOP.example:80", "/"),
        ("http://shop.example/", "https://shop.example/a", "/a"),
        ("https://shop.example/", "http://shop.example/a", "/a"),
        ("http://shop.example/", "http://me:secret@shop.example/a", "/a"),
        ("http://shop.example/", "//shop.example/a", "/a"),
        ("http://shop.example/", "../../a", "/a"),
        ("http://shop.example/", "http://shop.example:8080/a", None),
        ("http://shop.example:8080/", "http://shop.example/a", None),
        ("http://shop.example:8080/", "https://shop.example:8080/a", None),
        ("http://shop.example/", "http://www.shop.example/a", None),
        ("http://shop.example/", "http://shop.example.evil.example/a", None),
        ("http://shop.example/", "http://shop.example@evil.example/a", None),
        ("http://shop.example/", "//evil.example/a", None),
        ("http://shop.example/", "http://127.0.0.1/a", None),
        ("http://shop.example/", "ftp://shop.example/a", None),
        ("http://shop.example/", "javascript:alert(1)", None),
    ],
)
def test_an_address_is_the_sites_own_or_another_ones(base, url, path):
    assert Site.of(base).path(url, f"{base}folder/page") == path


@pytest.mark.parametrize("url", ["http://[", "http://shop.example:99999999/", "http://[::g]/"])
def test_what_is_no_address_is_said_to_be_none(url):
    with pytest.raises(ValueError, match=r"."):
        Site.of("http://shop.example/").path(url)


def test_an_origin_names_its_port_only_where_it_is_unusual():
    urls = ("http://a.example:80/x", "https://a.example/", "http://a.example:8080/", "http://[::1]:80/")
    assert [Site.of(url).origin for url in urls] == [
        "http://a.example", "https://a.example", "http://a.example:8080", "http://[::1]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("::ffff:93.184.216.34", True),
        ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.1", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1", False), ("fe80::1%eth0", False),
        ("fc00::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False), ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


def test_a_root_that_is_a_private_address_is_meant():
    urls = ("http://127.0.0.1:80", "http://localhost", "http://[::1]", "http://10.0.0.1", "http://example.org",
            "http://93.184.216.34")  # fmt: skip
    assert [Site.of(url).names_a_private_address for url in urls] == [True, True, True, True, False, False]


def test_this_machine_is_known_by_its_names():
    hosts = ("127.0.0.1:80", "localhost", "[::1]:80", "example.org")
    assert [Site.of(f"http://{host}/").is_loopback for host in hosts] == [True, True, True, False]
