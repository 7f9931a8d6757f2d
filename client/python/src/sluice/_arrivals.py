"""What a frame of the gateway brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from sluice._status import Status, StatusCode

if TYPE_CHECKING:
    from sluice._batch import Batch
    from sluice._reply import ItemResult
    from sluice.v1 import worker_pb2 as pb


class ProtocolError(Exception):
    """The gateway broke a rule of worker.proto that ends the stream."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = Status(code, message)


class Arrivals:
    """What is to be done about a frame that came in."""

    __slots__ = ("batch", "drain", "results", "welcome")

    def __init__(self) -> None:
        self.welcome: Optional[pb.Welcome] = None
        self.batch: Optional[Batch] = None
        self.results: list[ItemResult] = []
        self.drain: Optional[pb.Drain] = None
