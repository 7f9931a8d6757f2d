"""How a stream begins: the worker's Hello, and the gateway's Welcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluice._arrivals import ProtocolError
from sluice._status import StatusCode
from sluice._version import SDK
from sluice.v1 import worker_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice._options import Options

PROTOCOL_VERSION: Final = 1
BEGAN: Final = "began"
# gRPC's own limit, for a gateway that says none.
DEFAULT_MAX_FRAME: Final = 4 << 20


def hello(options: Options, chains: Sequence[str], instance: str, window: int) -> bytes:
    """The first frame."""
    first = pb.Hello(
        min_protocol_version=PROTOCOL_VERSION,
        max_protocol_version=PROTOCOL_VERSION,
        worker_name=options.worker_name,
        instance=instance,
        chains=chains,
        window=pb.Window(messages=window, bytes=options.window_bytes),
        lease_ms=round(options.lease * 1000),
        features=[BEGAN],
        sdk=SDK,
    )
    return pb.WorkerFrame(hello=first).SerializeToString()


def welcome_of(frame: pb.GatewayFrame, expected: bool) -> pb.Welcome | None:
    """The frame's Welcome. Raises ProtocolError where it has none that is `expected`, one that is not, or an unknown version."""
    if not expected:
        if frame.HasField("welcome"):
            raise ProtocolError(StatusCode.INVALID_ARGUMENT, "the gateway sent a second Welcome")
        return None
    if not frame.HasField("welcome"):
        raise ProtocolError(StatusCode.INVALID_ARGUMENT, "the gateway's first frame is not a Welcome")
    if frame.welcome.protocol_version > PROTOCOL_VERSION:
        raise ProtocolError(
            StatusCode.FAILED_PRECONDITION,
            f"the gateway chose protocol version {frame.welcome.protocol_version}; this worker speaks version 1",
        )
    return frame.welcome
