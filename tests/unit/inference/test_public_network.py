"""Which addresses a stranger's URL may lead to, and for how long."""

import ipaddress
import socket
from collections.abc import Iterator, Sequence

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.errors import ModelError
from oracle.inference.public_network import PublicNetwork, is_public

PUBLIC = "93.184.216.34"
LOCAL = [
    "0.0.0.0",  # noqa: S104  (an address to refuse)
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2002:7f00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", LOCAL)
def test_attack_52_an_address_that_is_not_public_is_told(address: str) -> None:
    """Behind each of these is something that a stranger's URL must not reach: this machine, a router, metadata."""
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::5db8:d822", "::ffff:1.1.1.1"])
def test_public_addresses_are_told(address: str) -> None:
    """A rule that refuses everything would pass the test above."""
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_attack_52_an_ipv4_address_in_ipv6_clothes_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    """Mapped and translated forms reach the same machine."""
    number = int(address)
    mapped, translated = (str(ipaddress.IPv6Address(start + number)) for start in (0xFFFF << 32, 0x64FF9B << 96))
    assert is_public(str(address)) == is_public(mapped) == is_public(translated)


class Network(httpcore.MockBackend):
    """Remembers where it was asked to connect; `refuse` do not take connections."""

    def __init__(self, *refuse: str) -> None:
        super().__init__([b"HTTP/1.1 200 OK\r\n\r\n"])
        self.refuse = refuse
        self.connected: list[str] = []

    def connect_tcp(self, host: str, *args: object, **kwargs: object) -> httpcore.NetworkStream:
        self.connected.append(host)
        if host in self.refuse:
            raise httpcore.ConnectError("refused")
        return super().connect_tcp(host, *args, **kwargs)  # type: ignore[arg-type]


def guarded(network: Network, *answers: Sequence[str], **options: object) -> PublicNetwork:
    """A network whose resolver gives one of `answers` after the other."""
    left: Iterator[Sequence[str]] = iter(answers)
    return PublicNetwork(
        10.0,
        resolver=lambda _host, _port: next(left),
        network=network,
        clock=options.pop("clock", lambda: 0.0),  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )


def test_attack_52_a_name_is_resolved_once_and_its_address_is_what_is_connected_to() -> None:
    """DNS rebinding: a second question would get 127.0.0.1, so it is never asked."""
    network = Network()
    guarded(network, [PUBLIC], ["127.0.0.1"]).connect_tcp("mirror.example", 80)
    assert network.connected == [PUBLIC]


def test_attack_52_one_local_address_among_public_ones_is_enough_to_refuse() -> None:
    """Else a failing first address would lead to the second."""
    network = Network(PUBLIC)
    with pytest.raises(ModelError, match=r"mirror\.example is 127\.0\.0\.1, which is no address of the public"):
        guarded(network, [PUBLIC, "127.0.0.1"]).connect_tcp("mirror.example", 80)
    assert network.connected == []


def test_local_addresses_can_be_allowed() -> None:
    """Whoever runs its own mirror at home says so."""
    network = Network()
    guarded(network, ["192.168.1.1"], allow_local=True).connect_tcp("nas", 80)
    assert network.connected == ["192.168.1.1"]


def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    """A host whose IPv6 is broken is still there by IPv4."""
    network = Network("2606:4700::1111")
    guarded(network, ["2606:4700::1111", PUBLIC]).connect_tcp("mirror.example", 80)
    assert network.connected == ["2606:4700::1111", PUBLIC]


def test_a_host_without_an_address_is_named() -> None:
    """A mistyped mirror is the publisher's to correct: the message must name it."""

    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for resolver in (unknown, lambda _host, _port: []):
        with pytest.raises(ModelError, match=r"mirror\.example has no address"):
            PublicNetwork(10.0, resolver=resolver, network=Network(), clock=lambda: 0.0).connect_tcp(
                "mirror.example", 80
            )


def test_attack_52_nothing_waits_beyond_the_deadline() -> None:
    """A server that drips a byte now and then would pass every timeout of a single read."""
    now = [0.0]
    stream = guarded(Network(), [PUBLIC], clock=lambda: now[0]).connect_tcp("mirror.example", 80)
    assert stream.read(1)
    now[0] = 10.0
    with pytest.raises(httpcore.TimeoutException):
        stream.read(1)
    with pytest.raises(httpcore.TimeoutException):
        stream.write(b"x")
    with pytest.raises(httpcore.TimeoutException):
        stream.start_tls(None)  # type: ignore[arg-type]
