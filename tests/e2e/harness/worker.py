"""Workers: the real example binaries, and a raw stream that can misbehave."""
import queue
import threading

import grpc
from sluice.v1 import worker_pb2 as pb

from harness.process import BIN, Process
from harness.wait import wait_on

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
             ("grpc.use_local_subchannel_pool", 1)]


class EchoWorker(Process):
    """sluice-echo-worker: answers every message with its own payload."""

    def __init__(self, folder, gateway, chain="echo", reply_topic="reply", reply_qos=1, name="echo-worker", more=()):
        super().__init__(name, [BIN / "sluice-echo-worker", "--gateway", gateway.workers, "--chain", chain,
                                "--reply-topic", reply_topic, "--reply-qos", reply_qos, "--name", name, *more], folder)


class RawWorker:
    """One stream, driven by the test. Everything received is kept; Pings are answered unless `silent`.

    Frames are sent by verbs; the test waits with expect_…() for what comes.
    """

    def __init__(self, gateway, silent=False, options=UNLIMITED, credentials=None, metadata=(), wait_for_ready=True):
        self.silent = silent
        self.channel = (grpc.secure_channel(gateway.workers, credentials, options=options) if credentials
                        else grpc.insecure_channel(gateway.workers, options=options))
        self.outbox = queue.SimpleQueue()
        self.changed = threading.Condition()
        self.welcome = None
        self.deliveries = []
        self.results = []
        self.revokes = []
        self.pongs = []
        self.drains = []
        self.frames = 0
        self.ended = None  # (grpc.StatusCode, details)
        self.taken = 0     # Deliveries handed out by expect_deliveries().
        self.reading = threading.Event()
        self.reading.set()
        connect = self.channel.stream_stream(
            "/sluice.v1.WorkerService/Work",
            request_serializer=lambda frame: frame if isinstance(frame, bytes) else frame.SerializeToString(),
            response_deserializer=pb.GatewayFrame.FromString)
        self.call = connect(iter(self.outbox.get, None), metadata=metadata, wait_for_ready=wait_for_ready)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while True:
                self.reading.wait()
                frame = next(self.call)
                if frame.HasField("ping") and not self.silent:
                    self.send(pong={"nonce": frame.ping.nonce})
                with self.changed:
                    self.frames += 1
                    if frame.HasField("welcome"):
                        self.welcome = frame.welcome
                    self.deliveries.extend(frame.deliveries)
                    self.results.extend(frame.results)
                    self.revokes.extend(frame.revokes)
                    if frame.HasField("pong"):
                        self.pongs.append(frame.pong.nonce)
                    if frame.HasField("drain"):
                        self.drains.append(frame.drain)
                    self.changed.notify_all()
                self.took(frame.deliveries)
        except StopIteration:
            self._end(grpc.StatusCode.OK, "")
        except grpc.RpcError as error:
            self._end(error.code(), error.details())
        except ValueError as error:  # The channel was closed under it.
            self._end(grpc.StatusCode.CANCELLED, str(error))

    def took(self, deliveries):
        """For workers that act on what they get; called on the reading thread."""

    def _end(self, code, details):
        with self.changed:
            self.ended = (code, details)
            self.changed.notify_all()

    # ---- what it says

    def send(self, **fields):
        self.outbox.put(pb.WorkerFrame(**fields))

    def send_garbage(self, data):
        """These bytes as a frame."""
        self.outbox.put(data)

    def hello(self, *chains, messages=1000, bytes_=0, lease_ms=0, **fields):
        """Says Hello and returns the Welcome."""
        self.say_hello(*chains, messages=messages, bytes_=bytes_, lease_ms=lease_ms, **fields)
        return wait_on(self.changed, self._welcomed, "the gateway says Welcome")

    def say_hello(self, *chains, messages=1000, bytes_=0, lease_ms=0, **fields):
        self.send(hello=pb.Hello(worker_name="raw", instance="e2e", chains=chains, lease_ms=lease_ms,
                                 window=pb.Window(messages=messages, bytes=bytes_), **fields))

    def _welcomed(self):
        assert self.ended is None or self.welcome, f"the stream ended with {self.ended}"
        return self.welcome

    def window(self, messages, bytes_=0):
        self.send(window=pb.Window(messages=messages, bytes=bytes_))

    def settle(self, *deliveries, outcome=pb.OUTCOME_ACK, replies=(), **fields):
        """One frame that settles all of them; each with the same replies."""
        self.send(settles=[
            pb.Settle(delivery_id=getattr(delivery, "delivery_id", delivery), outcome=outcome, replies=replies, **fields)
            for delivery in deliveries])

    def answer(self, *deliveries, topic="reply", qos=1):
        """Settles each with a reply that echoes its payload."""
        self.send(settles=[
            pb.Settle(delivery_id=delivery.delivery_id,
                      replies=[pb.Reply(topic=topic, qos=qos, payload=delivery.payload)])
            for delivery in deliveries])

    def reply(self, delivery, **fields):
        """A reply ahead of the settle."""
        self.send(replies=[pb.Reply(delivery_id=delivery.delivery_id, **fields)])

    def extend(self, delivery, lease_ms):
        self.send(extends=[pb.Extend(delivery_id=delivery.delivery_id, lease_ms=lease_ms)])

    def stop_reading(self):
        """Leaves what comes in the pipe (after at most one frame that is already being read)."""
        self.reading.clear()

    def go_on_reading(self):
        self.reading.set()

    def half_close(self):
        self.outbox.put(None)

    def cancel(self):
        self.call.cancel()

    # ---- what it hears

    def expect_deliveries(self, count, seconds=15.0):
        """The next `count` deliveries."""
        def enough():
            assert self.ended is None or len(self.deliveries) >= self.taken + count, f"the stream ended with {self.ended}"
            return len(self.deliveries) >= self.taken + count

        wait_on(self.changed, enough,
                lambda: f"{count} more deliveries; there are {len(self.deliveries) - self.taken}", seconds)
        with self.changed:
            found = self.deliveries[self.taken:self.taken + count]
            self.taken += count
            return found

    def expect_results(self, count, seconds=15.0):
        """All results, once there are `count`."""
        wait_on(self.changed, lambda: len(self.results) >= count,
                lambda: f"{count} results; there are {len(self.results)}; stream end: {self.ended}", seconds)
        with self.changed:
            return list(self.results)

    def expect_revokes(self, count, seconds=15.0):
        """All revokes, once there are `count`."""
        wait_on(self.changed, lambda: len(self.revokes) >= count,
                lambda: f"{count} revokes; there are {len(self.revokes)}; stream end: {self.ended}", seconds)
        with self.changed:
            return list(self.revokes)

    def expect_end(self, seconds=15.0):
        """(status code, details) of the stream."""
        return wait_on(self.changed, lambda: self.ended, "the stream ends", seconds)

    def alive(self):
        """The gateway still answers on this stream."""
        nonce = 1000 + len(self.pongs)
        self.send(ping=pb.Ping(nonce=nonce))
        wait_on(self.changed, lambda: nonce in self.pongs or self.ended, "a Pong")
        assert self.ended is None, f"the stream ended with {self.ended}"
        return True

    def close(self):
        self.reading.set()
        self.outbox.put(None)
        self.call.cancel()
        self.reader.join(5)
        self.channel.close()


class AnsweringWorker(RawWorker):
    """Answers every delivery at once, with "PAYLOAD MESSAGE_ID ATTEMPT"; without a topic, settles it without a reply."""

    def __init__(self, gateway, chain="c", topic="out", qos=1, messages=1000, options=UNLIMITED, **more):
        self.topic = topic
        self.qos = qos
        super().__init__(gateway, options=options, **more)
        self.hello(chain, messages=messages)

    def took(self, deliveries):
        if deliveries:
            self.send(settles=[pb.Settle(delivery_id=delivery.delivery_id, replies=self.replies_to(delivery))
                               for delivery in deliveries])

    def replies_to(self, delivery):
        if self.topic is None:
            return []
        payload = b"%s %s %d" % (delivery.payload, delivery.message_id.encode(), delivery.attempt)
        return [pb.Reply(topic=self.topic, qos=self.qos, payload=payload)]
