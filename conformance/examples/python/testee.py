#!/usr/bin/python3
"""A worker in one file, from worker.proto alone, that the conformance suite drives. It is no SDK: it has what the protocol asks for.

    protoc -I proto --python_out=OUT --grpc_python_out=OUT --plugin=protoc-gen-grpc_python=$(command -v grpc_python_plugin) \
        sluice/v1/worker.proto
    sluice-conformance --without WHAT -- env PYTHONPATH=OUT python3 testee.py
"""

import base64
import json
import os
import random
import sys
import threading
import time
from concurrent import futures

import grpc
from sluice.v1 import worker_pb2 as pb
from sluice.v1 import worker_pb2_grpc

STAYS = {grpc.StatusCode[name] for name in
         ("INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "FAILED_PRECONDITION", "UNIMPLEMENTED")}
MAX_ITEMS = 100_000
FRAME_SPACE = 64  # Of a frame, for what is not an item.
OUTPUT = threading.Lock()


def say(event, **members):
    with OUTPUT:
        print(json.dumps({"event": event, **members}), flush=True)


class Gates:
    """What handlers wait at."""

    def __init__(self):
        self.lock, self.events = threading.Lock(), {}

    def get(self, name):
        with self.lock:
            return self.events.setdefault(name, threading.Event())


def to_reply(r):
    reply = pb.Reply(topic=r.get("topic", ""), payload=r.get("payload", "").encode(), retain=r.get("retain", False), qos=r.get("qos"),
                     reply_id=r.get("reply_id", 0), content_type=r.get("content_type", ""), response_topic=r.get("response_topic", ""),
                     expiry_s=r.get("expiry_s"), metadata=r.get("metadata"))
    if "payload_base64" in r:
        reply.payload = base64.b64decode(r["payload_base64"])
    if "payload_bytes" in r:
        reply.payload = b"x" * r["payload_bytes"]
    if "correlation_data_base64" in r:
        reply.correlation_data = base64.b64decode(r["correlation_data_base64"])
    reply.user_properties.extend(pb.UserProperty(name=n, value=v) for n, v in r.get("user_properties", []))
    return reply


def describe(d):
    kinds = {pb.DATA_TYPE_JSON: "json", pb.DATA_TYPE_TEXT: "text", pb.DATA_TYPE_BINARY: "binary"}
    same = ("delivery_id", "message_id", "route", "chain", "start_node", "topic", "qos", "retain", "dup", "received_unix_ms", "age_ms",
            "lease_ms", "attempt", "ordering_key", "content_type", "response_topic")
    say("message", **{name: getattr(d, name) for name in same}, data_type=kinds.get(d.data_type, "unspecified"),
        payload_base64=base64.b64encode(d.payload).decode(), correlation_data_base64=base64.b64encode(d.correlation_data).decode(),
        user_properties=[[p.name, p.value] for p in d.user_properties], metadata=dict(d.metadata),
        expiry_s=d.expiry_s if d.HasField("expiry_s") else None)


def run_script(d, gates):
    """Does what stands in the payload."""
    settle = pb.Settle(delivery_id=d.delivery_id)
    try:
        steps = json.loads(d.payload)["steps"]
    except (ValueError, KeyError, TypeError):
        return settle
    for step in steps:
        if "describe" in step:
            describe(d)
        elif "say" in step:
            say("said", text=step["say"], delivery_id=d.delivery_id)
        elif "sleep_ms" in step:
            time.sleep(step["sleep_ms"] / 1000)
        elif "gate" in step:
            gates.get(step["gate"]).wait()
        elif "throw" in step:
            settle.outcome, settle.reason = pb.OUTCOME_RETRY, step["throw"]
            return settle
        elif "settle" in step:
            wanted = step["settle"]
            settle.outcome = pb.Outcome.Value("OUTCOME_" + wanted.get("outcome", "ack").upper())
            settle.reason, settle.retry_after_ms = wanted.get("reason", ""), wanted.get("retry_after_ms", 0)
            settle.replies.extend(to_reply(r) for r in wanted.get("replies", []))
            return settle
        elif "return" in step:
            returned = step["return"]
            settle.replies.extend(to_reply(r) for r in (returned if isinstance(returned, list) else [returned]))
            return settle
    return settle


def items(settle):
    return 1 + sum(1 + len(r.user_properties) + len(r.metadata) for r in settle.replies)


class Stream:
    """One call of Work."""

    def __init__(self, worker, address):
        self.worker, self.address = worker, address
        self.lock = threading.Condition()
        self.held, self.settles, self.out = {}, [], pb.WorkerFrame()
        self.welcome, self.call, self.draining, self.no_more, self.over = None, None, False, False, False
        self.heard = self.said = time.monotonic()
        self.failure = None  # Why the worker ended it.
        self.replaced = False  # Another stream has taken its place.

    def frames(self):
        """What the worker says: everything since the last frame in the next."""
        o = self.worker.options
        window = pb.Window(messages=o.get("window_messages", 16), bytes=o.get("window_bytes", 64 << 20))
        yield pb.WorkerFrame(hello=pb.Hello(
            min_protocol_version=1, max_protocol_version=1, worker_name=o.get("worker_name", ""),
            instance=o.get("instance", f"python-{os.getpid()}"), chains=o["chains"], window=window, lease_ms=o.get("lease_ms", 0)))
        while True:
            with self.lock:
                while not (self.over or self.welcome and (self.settles or self.out.ByteSize() or self.done())):
                    self.lock.wait()
                if self.over or not (self.settles or self.out.ByteSize()):
                    self.no_more = True
                    return
                frame, self.out = self.out, pb.WorkerFrame()
                room, count = self.welcome.max_frame_bytes - frame.ByteSize() - FRAME_SPACE, MAX_ITEMS - len(frame.extends)
                while self.settles and room >= self.settles[0].ByteSize() + 8 and count >= items(self.settles[0]):
                    settle = self.settles.pop(0)
                    room, count = room - settle.ByteSize() - 8, count - items(settle)
                    frame.settles.append(settle)
                self.said = time.monotonic()
            yield frame

    def done(self):
        return self.draining and self.no_more and not self.held

    def drain(self):
        with self.lock:
            if self.welcome is None:
                self.cancel()
            elif not self.draining:
                self.draining = True
                self.out.drain.SetInParent()
                self.out.ping.nonce = 2  # Heartbeats have 1.
                self.lock.notify_all()

    def cancel(self):
        self.over = True
        if self.call is not None:
            self.call.cancel()
        self.lock.notify_all()

    def work(self, d):
        if d.delivery_id not in self.held:
            return
        settle = run_script(d, self.worker.gates)
        with self.lock:
            if self.held.pop(d.delivery_id, None) is None:
                return
            if settle.ByteSize() + 8 + FRAME_SPACE > self.welcome.max_frame_bytes or items(settle) > MAX_ITEMS:
                settle = pb.Settle(delivery_id=d.delivery_id, outcome=pb.OUTCOME_REJECT, reason="too large for a frame")
            self.settles.append(settle)
            self.lock.notify_all()

    def take(self, frame):
        with self.lock:
            self.heard = now = time.monotonic()
            if frame.HasField("welcome") == (self.welcome is not None) or frame.welcome.protocol_version > 1:
                self.failure = grpc.StatusCode.FAILED_PRECONDITION
                return self.cancel()
            if frame.HasField("welcome"):
                self.welcome = frame.welcome
                say("connected", address=self.address, status="OK", retry_in_ms=-1, text="connected")
                for refused in frame.welcome.refused_chains:
                    say("chain_refused", address=self.address, status="OK", retry_in_ms=-1, text=f"{refused.chain}: {refused.reason}")
            for d in frame.deliveries:
                # Without "began" the lease runs from now on.
                self.held[d.delivery_id] = [d, now + d.lease_ms / 2000]
                self.worker.handlers.submit(self.work, d)
            for result in frame.results:
                code = "UNKNOWN" if result.code not in pb.Result.Code.values() else pb.Result.Code.Name(result.code)[len("CODE_"):]
                say("result", reply_id=result.reply_id, delivery_id=result.delivery_id, code=code,
                    mqtt_reason_code=result.mqtt_reason_code, message=result.message)
            if frame.HasField("ping"):
                self.out.pong.nonce = frame.ping.nonce
            if frame.HasField("pong") and frame.pong.nonce == 2:
                self.no_more = True
            if frame.HasField("drain"):
                say("draining", address=self.address, status="OK", retry_in_ms=-1, text=frame.drain.reason)
                self.draining = self.no_more = True
                self.worker.replace(self)
            for revoke in frame.revokes:
                self.held.pop(revoke.delivery_id, None)
            self.lock.notify_all()

    def run(self):
        """Returns the status that the stream ended with."""
        with grpc.insecure_channel(self.address, options=[
                ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]) as channel:
            self.call = worker_pb2_grpc.WorkerServiceStub(channel).Work(self.frames())
            threading.Thread(target=self.tick, daemon=True).start()
            code = grpc.StatusCode.OK
            text = ""
            try:
                for frame in self.call:
                    self.take(frame)
            except grpc.RpcError as error:
                code, text = self.failure or error.code(), error.details()
            with self.lock:
                self.over = True
                self.held.clear()
                self.lock.notify_all()
            return code, text

    def tick(self):
        """Heartbeats and leases."""
        while True:
            with self.lock:
                self.lock.wait(0.05)
                if self.over:
                    return
                if self.welcome is None:
                    continue
                now, heartbeat = time.monotonic(), self.welcome.heartbeat_interval_ms / 1000
                if now - self.heard >= 2 * heartbeat:
                    return self.cancel()
                if now - self.said >= heartbeat / 2 and not self.out.HasField("ping"):
                    self.out.ping.nonce, self.said = 1, now
                for held in self.held.values():
                    if now >= held[1]:
                        held[1] = now + held[0].lease_ms / 2000
                        self.out.extends.append(pb.Extend(delivery_id=held[0].delivery_id, lease_ms=held[0].lease_ms))
                self.lock.notify_all()


class Worker:
    """A stream to each address."""

    def __init__(self, options, gates):
        self.options, self.gates = options, gates
        self.handlers = futures.ThreadPoolExecutor(options.get("concurrency", 4))
        self.leaving, self.stopped, self.streams = threading.Event(), False, set()

    def replace(self, stream):
        """The gateway drains: the next stream does not wait for this one's end."""
        if not self.leaving.is_set():
            stream.replaced = True
            threading.Thread(target=self.serve, args=(stream.address,), daemon=True).start()

    def serve(self, address):
        first, longest = self.options.get("reconnect_first_ms", 100) / 1000, self.options.get("reconnect_longest_ms", 30_000) / 1000
        failures = 0
        while not self.leaving.is_set():
            stream, began = Stream(self, address), time.monotonic()
            self.streams.add(stream)
            code, text = stream.run()
            self.streams.discard(stream)
            if stream.welcome is not None and time.monotonic() - began > 5:
                failures = 0
            pause = longest if code in STAYS else min(longest, first * 2 ** failures)
            pause *= random.uniform(0.5, 1)
            failures += code not in STAYS
            again = not (stream.replaced or self.leaving.is_set())
            say("connect_failed" if stream.welcome is None else "disconnected", address=address, status=code.name, text=text or "",
                retry_in_ms=int(pause * 1000) if again else -1)
            if not again:
                return
            self.leaving.wait(pause)

    def run(self):
        for address in dict.fromkeys(self.options["gateways"]):
            threading.Thread(target=self.serve, args=(address,), daemon=True).start()
        self.leaving.wait()
        while self.streams:
            time.sleep(0.005)
        say("ended", status="CANCELLED" if self.stopped else "OK", text="")

    def drain(self):
        self.leaving.set()
        say("draining", address="", status="OK", retry_in_ms=-1, text="the worker leaves")
        for stream in list(self.streams):
            stream.drain()

    def stop(self):
        self.stopped = True
        self.leaving.set()
        for stream in list(self.streams):
            with stream.lock:
                stream.cancel()


def main():
    gates, worker = Gates(), None
    for line in sys.stdin:
        command = json.loads(line)
        if command["cmd"] == "run":
            worker = Worker(command["options"], gates)
            threading.Thread(target=worker.run, daemon=True).start()
        elif command["cmd"] == "drain":
            worker.drain()
        elif command["cmd"] == "stop":
            worker.stop()
        elif command["cmd"] == "release":
            gates.get(command["gate"]).set()


if __name__ == "__main__":
    main()
