"""Where gateways are: what the user named, and what the names stand for."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional

from sluice._status import SLOTS, OptionsError

DEFAULT_PORT = 7443
FORMS = "give HOST:PORT, [IPv6]:PORT or HOST"


@dataclass(frozen=True, **SLOTS)
class Target:
    """`HOST:PORT` as the user gave it, taken apart."""

    host: str
    """Without brackets."""
    port: int
    literal: bool
    """An IP address: nothing to look up."""


@dataclass(frozen=True, order=True, **SLOTS)
class Address:
    """One gateway replica to dial."""

    ip: str
    port: int
    host: str
    """The name it was found under: what its certificate must carry."""

    def __str__(self) -> str:
        """`192.0.2.7:7443`, `[2001:db8::7]:7443`."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def uri(self) -> str:
        """What gRPC dials: never a name."""
        return f"{'ipv6' if ':' in self.ip else 'ipv4'}:{self}"

    @property
    def replica(self) -> tuple[str, int]:
        """The same replica under two names is one."""
        return self.ip, self.port


class LookupFailed(Exception):
    """With the resolver's words."""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def parse_target(text: object) -> Target:
    """Raises OptionsError. The port is 7443 where none is given."""
    if not isinstance(text, str):
        raise OptionsError(f"gateway {text!r}: it is no str; {FORMS}")

    def bad(why: str) -> OptionsError:
        return OptionsError(f'gateway "{text}": {why}; {FORMS}')

    host, port = text, ""
    has_port = False
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed:
            raise bad("the closing ] is missing")
        has_port = bool(rest)
        if has_port and not rest.startswith(":"):
            raise bad("only :PORT may follow the ]")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        has_port = True
    if not host:
        raise bad("the host is missing")
    if "/" in host:
        raise bad("it is not a URL")
    number = DEFAULT_PORT
    if has_port:
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
            raise bad("the port is not a number from 1 to 65535")
        number = int(port)
    literal = _is_ip(host)
    if not literal and ":" in host:
        raise bad("it is no IPv6 address")
    return Target(host, number, literal)


def _system_resolver(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LookupFailed(error.strerror or str(error)) from None
    except UnicodeError:  # A label that is empty or too long.
        raise LookupFailed("it is no name of a host") from None
    return [str(entry[4][0]) for entry in found]


def resolve(target: Target, family: str, resolver: Optional[Callable[[str], Iterable[str]]] = None) -> list[Address]:
    """May block for as long as the resolver takes. Sorted, without duplicates, never empty; raises LookupFailed."""
    if target.literal:
        return [Address(target.host, target.port, target.host)]
    found = (resolver or _system_resolver)(target.host)
    v4: set[Address] = set()
    v6: set[Address] = set()
    for ip in found:
        if not isinstance(ip, str) or not (_is_ip(ip) or _is_ip(ip.partition("%")[0])):
            raise LookupFailed(f"the resolver returned {ip!r}, which is no IP address")
        (v6 if ":" in ip else v4).add(Address(ip, target.port, target.host))
    if family == "all":
        chosen = v4 | v6
    elif family == "prefer_ipv4":
        chosen = v4 or v6
    else:
        chosen = v6 or v4
    if not chosen:
        raise LookupFailed("the name has no address")
    return sorted(chosen)
