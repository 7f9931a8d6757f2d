"""One stream of the fake gateway."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Callable, Final, Optional, TypeVar

import grpc

from sluice._status import Status, StatusCode
from sluice.v1 import worker_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class FakeStream:
    """What a worker said on one stream, and what the gateway says to it. Thread-safe."""

    def __init__(self, context: Any, changed: threading.Condition) -> None:
        self.metadata = dict(context.invocation_metadata())
        self.hello: Optional[pb.Hello] = None
        self.frames: list[pb.WorkerFrame] = []
        """All that came, the Hello's first."""
        self.settles: dict[int, pb.Settle] = {}
        self.window = pb.Window()
        self.greeted = False
        """The Welcome is sent."""
        self.worker_drains = False
        self.half_closed = False
        self.ended = False
        self.answers_pings = True
        self._context = context
        self._changed = changed  # Guards all of the above, and tells of every change.
        self._outgoing: SimpleQueue[pb.GatewayFrame | Status] = SimpleQueue()

    def send(self, frame: pb.GatewayFrame) -> None:
        """Any frame of the protocol: for what has no verb."""
        self._outgoing.put(frame)

    def end(self, code: StatusCode = StatusCode.OK, message: str = "") -> None:
        """Ends it with a status, after what was sent before."""
        self._outgoing.put(Status(code, message))

    def expect(self, find: Callable[[FakeStream], Optional[T]], timeout: float, what: str) -> T:
        """Waits until `find` returns something; AssertionError after `timeout` seconds."""
        return wait_for(self._changed, lambda: find(self), timeout, what)

    # ---- for the server

    def serve(self, requests: Iterator[bytes], on_hello: Callable[[FakeStream], None]) -> Iterator[bytes]:
        """For FakeGateway."""
        if not self._context.add_callback(lambda: self._outgoing.put(Status(StatusCode.CANCELLED))):
            self.end()  # It has ended already.
        threading.Thread(target=self._read, args=(requests, on_hello), daemon=True).start()
        try:
            while True:
                item = self._outgoing.get()
                if isinstance(item, Status):
                    if not item.ok:
                        self._context.abort(_CODES[int(item.code)], item.message)
                    return
                yield item.SerializeToString()
        finally:
            with self._changed:
                self.ended = True
                self._changed.notify_all()

    def _read(self, requests: Iterator[bytes], on_hello: Callable[[FakeStream], None]) -> None:
        try:
            for data in requests:
                self._take(pb.WorkerFrame.FromString(data), on_hello)
        except Exception:  # The stream is lost.
            return
        with self._changed:
            self.half_closed = True
            self._changed.notify_all()
        self.end()

    def _take(self, frame: pb.WorkerFrame, on_hello: Callable[[FakeStream], None]) -> None:
        with self._changed:
            self.frames.append(frame)
            first = self.hello is None
            if first:
                self.hello = frame.hello
                self.window = frame.hello.window
            if frame.HasField("window"):
                self.window = frame.window
            for settle in frame.settles:
                assert settle.delivery_id not in self.settles, f"delivery {settle.delivery_id} is settled twice"
                self.settles[settle.delivery_id] = settle
            self.worker_drains = self.worker_drains or frame.HasField("drain")
            self._changed.notify_all()
        if first:
            on_hello(self)
        if frame.HasField("ping") and self.answers_pings:
            self.send(pb.GatewayFrame(pong=pb.Pong(nonce=frame.ping.nonce)))


def wait_for(changed: threading.Condition, find: Callable[[], Optional[T]], timeout: float, what: str) -> T:
    """Waits until `find`, called under the condition's lock, returns something that is true."""
    until = time.monotonic() + timeout
    with changed:
        while not (found := find()):
            left = until - time.monotonic()
            if left <= 0:
                raise AssertionError(f"waited {timeout:g} s for {what}")
            changed.wait(left)
        return found
