"""Calls of an administrator that last: a tail, and an import whose client sends no more for now."""
import queue
import threading

import grpc

from harness.wait import wait_until

# ImportDeadLettersRequest{dead_letter{payload_bytes: 10}}: the payload is yet to come.
BEGINNING = b"\x0a\x02\x50\x0a"


class LastingCalls:
    """Both are under way when it is made. publish(): sends a message for the tail to see."""

    def __init__(self, address, credentials, publish):
        self.channel = grpc.secure_channel(address, credentials)
        self.client_stream = self.channel.stream_unary("/sluice.v1.AdminService/ImportDeadLetters")
        self._import()
        self.tail = self.channel.unary_stream("/sluice.v1.TapService/Tail")(b"", timeout=60)
        self.seen = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        wait_until(self._imports, "the import is under way")
        wait_until(lambda: publish() or self.seen.wait(0.1), "the tail is under way")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.outgoing.put(None)
        self.channel.close()

    def _read(self):
        try:
            for _ in self.tail:
                self.seen.set()
        except grpc.RpcError:
            pass

    def _import(self):
        self.outgoing = queue.Queue()
        self.outgoing.put(BEGINNING)
        self.importing = self.client_stream.future(iter(self.outgoing.get, None), timeout=60)

    def _imports(self):
        """A second one is refused while it is; which of the two came first nobody knows."""
        if self.importing.done():
            self._import()
        try:
            self.client_stream(iter([BEGINNING]), timeout=10)
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.ABORTED
        return False

    def ends(self):
        """Status and message that each ends with."""
        return {name: (call.code(), call.details()) for name, call in (("Tail", self.tail), ("ImportDeadLetters", self.importing))}
