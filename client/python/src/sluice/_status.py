"""How a worker, a stream or a call of the SDK ended, and the errors that the SDK raises."""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass

# `slots=True` came with Python 3.10.
SLOTS: dict[str, bool] = {"slots": True} if sys.version_info >= (3, 10) else {}


class StatusCode(enum.IntEnum):
    """gRPC's codes, with gRPC's numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclass(frozen=True, **SLOTS)
class Status:
    """A code and, unless it is OK, a message for people."""

    code: StatusCode = StatusCode.OK
    message: str = ""

    @property
    def ok(self) -> bool:
        """Nothing went wrong."""
        return self.code == StatusCode.OK

    def __str__(self) -> str:
        """`OK`, or `UNAVAILABLE: connection refused`."""
        return self.code.name if self.ok else f"{self.code.name}: {self.message}"


OK = Status()


class Error(Exception):
    """What the SDK raises. `status` has the code."""

    code = StatusCode.UNKNOWN

    def __init__(self, message: str, code: StatusCode | None = None) -> None:
        super().__init__(message)
        self.status = Status(self.code if code is None else code, message)


class OptionsError(Error, ValueError):
    """An option is wrong. The text names the field, what was found and what is allowed."""

    code = StatusCode.INVALID_ARGUMENT


class WorkerStateError(Error, RuntimeError):
    """A worker was run a second time, or its signals are taken already."""

    code = StatusCode.FAILED_PRECONDITION


class DrainTimeoutError(Error, TimeoutError):
    """Not everything in work was settled within `Options.drain_timeout`; it will be delivered again."""

    code = StatusCode.DEADLINE_EXCEEDED


class StoppedError(Error):
    """`Worker.stop()` was called; what was in work will be delivered again."""

    code = StatusCode.CANCELLED


class SendError(Error):
    """A reply could not be sent ahead of the settle.

    UNAVAILABLE: the stream has ended, the message will be delivered again. INVALID_ARGUMENT: the reply is larger than
    the gateway takes. RESOURCE_EXHAUSTED: too much is unsent, and with `concurrency=0` the call cannot wait.
    """

    code = StatusCode.UNAVAILABLE
