"""A connection as secure as the options have it, and what shows who the worker is. Files are read anew by each call."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import grpc

from sluice._status import Status, StatusCode

if TYPE_CHECKING:
    from sluice._address import Address
    from sluice._options import Options

# Each stream has a connection of its own, with a back-off of its own. A frame over gRPC's own limit would end the stream,
# and the gateway says only later how large they can be.
_OPTIONS: list[tuple[str, object]] = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config", "{}"),
    ("grpc.service_config_disable_resolution", 1),
]

# Where Debian, Fedora, OpenSUSE and Alpine keep the roots, beside what OpenSSL names. gRPC would take its own.
_ROOTS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem")


class CannotConnect(Exception):
    """A file or a callback of the user's does not give what a connection needs. It is tried again."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.status = Status(StatusCode.UNAVAILABLE, message)


def _read(path: str) -> Optional[bytes]:
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise CannotConnect(f"cannot read {path}: {error.strerror}") from None
    if not content:
        raise CannotConnect(f"{path} is empty")
    return content


def _system_roots() -> Optional[bytes]:
    for path in (ssl.get_default_verify_paths().cafile, *_ROOTS):
        if path and Path(path).is_file():
            return _read(path)
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, roots)).encode() or None


def authorization(options: Options) -> tuple[tuple[str, str], ...]:
    """The call's metadata. Raises CannotConnect, which never shows the token."""
    if options.token is not None:
        where = "what the function `token` returned"
        try:
            token = options.token()
        except Exception as error:
            raise CannotConnect(f"the function `token` raised {type(error).__name__}") from None
        if not isinstance(token, str):
            raise CannotConnect(f"the function `token` returned {type(token).__name__}; allowed is a str")
    elif options.token_file:
        where = options.token_file
        token = (_read(options.token_file) or b"").decode("ascii", "replace")
    else:
        return ()
    token = token.strip(" \t\r\n")
    # gRPC would show what cannot be metadata in its own error.
    if not re.fullmatch(r"[!-~]+", token):
        raise CannotConnect(f"{where} holds no token, or more than one")
    return (("authorization", f"Bearer {token}"),)


def open_channel(address: Address, options: Options) -> grpc.Channel:
    """Raises CannotConnect."""
    if options.security == "plaintext":
        return grpc.insecure_channel(address.uri, options=_OPTIONS)
    tls = options.tls
    roots = _read(tls.ca_file) if tls.ca_file else _system_roots()
    credentials = grpc.ssl_channel_credentials(roots, _read(tls.key_file), _read(tls.cert_file))
    # The address is dialled by number, the certificate is checked against the name.
    name = tls.server_name or address.host
    named = [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)]
    return grpc.secure_channel(address.uri, credentials, options=_OPTIONS + named)
