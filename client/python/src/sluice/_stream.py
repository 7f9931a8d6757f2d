"""One stream to one gateway replica: gRPC's calls around a Session.

One thread of the stream's own reads; gRPC's thread that takes requests from an iterator writes.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Optional, Protocol

import grpc

from sluice._arrivals import Arrivals, ProtocolError
from sluice._channel import CannotConnect, authorization, open_channel
from sluice._session import WAKE, Session
from sluice._status import OK, Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluice._address import Address
    from sluice._options import Options

log = logging.getLogger("sluice")

METHOD = "/sluice.v1.WorkerService/Work"


class Listener(Protocol):
    """Whom a stream tells. Called from the stream's threads."""

    def on_frame(self, stream: Stream, arrivals: Arrivals) -> None: ...

    def on_ended(self, stream: Stream, status: Status) -> None:
        """Once, as the last."""


def _from_grpc(call: Any) -> Status:
    code = call.code()
    if code is None:
        return Status(StatusCode.UNKNOWN, "the stream ended without a status")
    number = code.value[0]
    return OK if number == 0 else Status(StatusCode(number), call.details() or "")


class Stream:
    """Thread-safe."""

    def __init__(self, address: Address, session: Session, options: Options, listener: Listener) -> None:
        self.address = address
        self.session = session
        self._options = options
        self._listener = listener
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._call: Any = None
        self._called = threading.Event()  # _call is set.
        self._why: Optional[Status] = None  # Of cancel().
        self._told = False  # The listener knows of the end.

    def start(self) -> None:
        name = f"sluice-stream-{self.address}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def cancel(self, why: Status) -> None:
        """Ends it at once; the listener hears `why`."""
        with self._lock:
            if self._why is not None:
                return
            self._why = why
            call = self._call
        if call is not None:
            call.cancel()
            self.session.end()
        else:
            # Its thread may be in a callback of the user's, which may take any time.
            self._end(why)

    def _end(self, status: Status) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        self.session.end()
        self._listener.on_ended(self, status)

    def _run(self) -> None:
        status = Status(StatusCode.INTERNAL, "the stream's thread ended")
        channel: Optional[grpc.Channel] = None
        try:
            metadata = authorization(self._options)
            channel = open_channel(self.address, self._options)
            status = self._serve(channel, metadata)
        except CannotConnect as error:
            status = error.status
        except BaseException as error:  # Of the SDK itself: told, and connected again.
            log.exception("the stream to %s failed within the SDK", self.address)
            status = Status(StatusCode.INTERNAL, f"{type(error).__name__} within the SDK: {error}")
        finally:
            self.session.end()
            if channel is not None:
                channel.close()
            with self._lock:
                status = self._why or status
            self._end(status)

    def _serve(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> Status:
        call: Any = channel.stream_stream(METHOD)(self._frames(), metadata=metadata)  # type: ignore[arg-type]
        with self._lock:
            self._call = call
            cancelled = self._why is not None
        self._called.set()
        if cancelled:
            call.cancel()
        session = self.session
        try:
            for data in call:
                self._listener.on_frame(self, session.take(data, time.monotonic()))
                session.resume(time.monotonic)
            return _from_grpc(call)
        except grpc.RpcError:
            return _from_grpc(call)
        except ProtocolError as error:
            return error.status
        finally:
            call.cancel()  # Without effect where it has ended.

    def _frames(self) -> Iterator[bytes]:
        """What gRPC sends, as it takes it: what has gathered meanwhile goes into one frame."""
        session = self.session
        try:
            yield session.hello_frame()
            item = WAKE
            while session.alive:
                frame = session.gather(time.monotonic(), item)
                if frame == b"":
                    return
                if frame is None:
                    item = session.outbox.get()
                    continue
                item = WAKE
                yield frame
                session.written()
            # The iterator's end alone would be a half-close.
            self._called.wait()
            self._call.cancel()
        except Exception as error:
            log.exception("writing to %s failed within the SDK", self.address)
            self.cancel(Status(StatusCode.INTERNAL, f"{type(error).__name__} within the SDK: {error}"))
