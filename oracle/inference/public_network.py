"""Connections to strangers' servers: to public addresses only, resolved once, and none longer than a deadline.

A URL from the chain may name anything: a router at home, a cloud's metadata service, a name that resolves to one
address when it is checked and to another when it is used. So the check is made where the connection is: the name is
resolved once, its addresses are looked at, and the socket is opened to one of these very addresses. Every redirect
opens its connection the same way. Proxies named by the environment are not used: they would resolve names themselves.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from oracle.errors import ModelError

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text; raises `OSError` where it has none."""

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")  # of IETF protocols; Python's rule depends on its version
_LAST_32_BITS = 2**32 - 1


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet's, with nothing else behind it.

    Not public: loopback, private, shared, link-local, multicast, reserved and unspecified addresses, and IPv6
    addresses that stand for such an IPv4 address, or that a tunnel of 6to4 or Teredo unpacks. Raises `ValueError` for
    what is no address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & _LAST_32_BITS)))
        if ip not in _GLOBAL_UNICAST or ip.sixtofour is not None or ip.teredo is not None:
            return False
    elif ip in _ASSIGNMENTS:
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host by this machine's resolver; raises `OSError` where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PublicNetwork(httpcore.NetworkBackend):
    """What an HTTP client connects through: the one place where a name becomes an address.

    Every wait ends by `deadline`, in seconds of `clock`; where it has passed, `httpcore` raises a timeout. Raises
    `ModelError` where a host has no address, or, unless `allow_local`, any address that is not public.
    """

    def __init__(
        self,
        deadline: float,
        *,
        allow_local: bool = False,
        resolver: Resolve = resolve,
        network: httpcore.NetworkBackend | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadline = deadline
        self._allow_local = allow_local
        self._resolve = resolver
        self._network = network or httpcore.SyncBackend()
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that takes the connection."""
        refusal: Exception = ModelError(f"{host} has no address.")
        for address in self._addresses(host, port):
            try:
                stream = self._network.connect_tcp(address, port, self._left(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refusal = error
            else:
                return _Bounded(stream, self._left)
        raise refusal

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses to connect to: all that the host has, provided that each may be used."""
        answer: list[Sequence[str]] = []
        problem: list[Exception] = []

        def ask() -> None:
            try:
                answer.append(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                problem.append(error)

        asking = threading.Thread(target=ask, name="resolve", daemon=True)  # a resolver takes no deadline
        asking.start()
        asking.join(self._left(None))
        if problem:
            raise ModelError(f"{host} has no address ({problem[0]}).")
        if not answer:
            raise httpcore.ConnectTimeout
        for address in () if self._allow_local else answer[0]:
            if not is_public(address):
                raise ModelError(f"{host} is {address}, which is no address of the public internet.")
        return answer[0]

    def _left(self, timeout: float | None) -> float:
        """Seconds a step may take; raises a timeout where none are left."""
        left = self._deadline - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)


class _Bounded(httpcore.NetworkStream):
    """A connection each of whose steps ends by the deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, left: Callable[[float | None], float]) -> None:
        self._stream = stream
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
