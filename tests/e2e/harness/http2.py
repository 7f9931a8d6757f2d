"""HTTP/2 by hand: the frames that a stranger may send, in whatever order and number."""
import select
import socket
import struct
import time

from sluice.v1 import worker_pb2 as pb

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
ENHANCE_YOUR_CALM = 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, bits, first=0):
    """HPACK's."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = bytearray([first | most])
    value -= most
    while value >= 0x80:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)


def header(name, value, first=0):
    """A literal with a new name. first: 0x40 puts it into the table."""
    name, value = name.encode(), value.encode()
    return bytes([first]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def request(*more, path="/sluice.v1.WorkerService/Work"):
    """A call's header block, with further fields."""
    block = b"".join(header(*field) for field in (
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "gateway"),
        ("content-type", "application/grpc"), ("te", "trailers")))
    return block + b"".join(more)


def message(body, packed=False, length=None):
    """gRPC's framing; length: what it claims to be."""
    return bytes([packed]) + struct.pack(">I", len(body) if length is None else length) + body


def hello(chain="c", messages=1000, name="stranger"):
    return message(pb.WorkerFrame(hello=pb.Hello(
        worker_name=name, chains=[chain], window=pb.Window(messages=messages))).SerializeToString())


class Stranger:
    """A connection. What cannot be sent since the gateway has closed it is left."""

    def __init__(self, gateway, preface=True, window=None, source=None):
        host, port = gateway.workers.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=10, source_address=source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.gone = False
        if preface:
            # What the gateway may send on a call before it hears more: nothing is limited by it here.
            settings = b"" if window is None else struct.pack(">HI", 4, window)
            self.send(PREFACE + frame(SETTINGS, payload=settings))

    def send(self, data):
        """False: the gateway has closed the connection."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.gone = True
        return not self.gone

    def call(self, stream=1, *more, body=b"", **fields):
        return self.send(frame(HEADERS, END_HEADERS, stream, request(*more, **fields)) +
                         (frame(DATA, 0, stream, body) if body else b""))

    def flood(self, data, times, batch=100):
        """Sends it over and over until the gateway hangs up, reading beside it; returns how often it was sent."""
        sent = 0
        while sent < times and not self.gone:
            self.send(data * batch)
            self.read(0)
            sent += batch
        return sent

    def read(self, seconds):
        """What comes within that time, or until the end."""
        until = time.monotonic() + seconds
        while not self.gone:
            ready, _, _ = select.select([self.socket], [], [], max(0, until - time.monotonic()))
            if not ready:
                break
            try:
                data = self.socket.recv(1 << 16)
            except OSError:
                data = b""
            self.gone = not data
            self.received += data
        return self.received

    def frames(self):
        """(kind, flags, stream, payload) of all that has come whole."""
        at, found = 0, []
        while at + 9 <= len(self.received):
            length = int.from_bytes(self.received[at:at + 3], "big")
            if at + 9 + length > len(self.received):
                break
            kind, flags = self.received[at + 3], self.received[at + 4]
            stream = struct.unpack(">I", self.received[at + 5:at + 9])[0]
            found.append((kind, flags, stream, self.received[at + 9:at + 9 + length]))
            at += 9 + length
        return found

    def expect_end(self, seconds=10):
        """The gateway hangs up; the error of its GOAWAY, or None."""
        self.read(seconds)
        assert self.gone, f"the connection is still there after {seconds} s"
        errors = [struct.unpack(">I", payload[4:8])[0] for kind, _, _, payload in self.frames() if kind == GOAWAY]
        return errors[-1] if errors else None

    def close(self):
        self.socket.close()
