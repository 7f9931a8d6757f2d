"""What the conformance suite drives the Python SDK with: commands on standard input, events on standard output.

See docs/conformance.md. SLUICE_TESTEE_ASYNC=1 makes its handler an `async def`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import threading
import time
from typing import Any

import sluice

_output = threading.Lock()


def say(event: str, **members: Any) -> None:
    line = json.dumps({"event": event, **members}, ensure_ascii=False)
    with _output:
        sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
        sys.stdout.buffer.flush()


class Gates:
    """Handlers wait here by name; a gate that was released stays open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Event] = {}

    def __getitem__(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates.setdefault(name, threading.Event())


gates = Gates()


def to_reply(fields: dict[str, Any]) -> sluice.Reply:
    payload: bytes | str = fields.get("payload", b"")
    if "payload_base64" in fields:
        payload = base64.b64decode(fields["payload_base64"])
    elif "payload_bytes" in fields:
        payload = b"x" * fields["payload_bytes"]
    correlation = fields.get("correlation_data_base64")
    return sluice.Reply(
        topic=fields.get("topic", ""),
        payload=payload,
        qos=fields.get("qos"),
        retain=fields.get("retain", False),
        reply_id=fields.get("reply_id", 0),
        content_type=fields.get("content_type", ""),
        response_topic=fields.get("response_topic", ""),
        correlation_data=None if correlation is None else base64.b64decode(correlation),
        user_properties=[(name, value) for name, value in fields.get("user_properties", ())],
        expiry_s=fields.get("expiry_s"),
        metadata=fields.get("metadata"),
    )


def to_settlement(fields: dict[str, Any]) -> sluice.Settlement:
    return sluice.Settlement(
        outcome=sluice.Outcome[fields.get("outcome", "ack").upper()],
        reason=fields.get("reason", ""),
        retry_after=fields.get("retry_after_ms", 0) / 1000,
        replies=[to_reply(one) for one in fields.get("replies", ())],
    )


def to_replies(fields: Any) -> sluice.HandlerResult:
    return [to_reply(one) for one in fields] if isinstance(fields, list) else to_reply(fields)


def describe(message: sluice.Message) -> None:
    say(
        "message",
        delivery_id=message.delivery_id,
        message_id=message.message_id,
        route=message.route,
        chain=message.chain,
        start_node=message.start_node,
        topic=message.topic,
        payload_base64=base64.b64encode(message.payload).decode(),
        qos=message.qos,
        retain=message.retain,
        dup=message.dup,
        data_type=message.data_type.name.lower(),
        received_unix_ms=message.received_unix_ms,
        age_ms=round(message.age * 1000),
        lease_ms=round(message.lease * 1000),
        attempt=message.attempt,
        ordering_key=message.ordering_key,
        content_type=message.content_type,
        response_topic=message.response_topic,
        correlation_data_base64=base64.b64encode(message.correlation_data).decode(),
        user_properties=message.user_properties,
        expiry_s=message.expiry_s,
        metadata=message.metadata,
    )


def steps_of(message: sluice.Message) -> list[dict[str, Any]]:
    try:
        script = message.json()
    except ValueError:
        return []
    steps = script.get("steps") if isinstance(script, dict) else None
    return steps if isinstance(steps, list) else []


def handle(message: sluice.Message, context: sluice.Context) -> sluice.HandlerResult:
    for step in steps_of(message):
        if "sleep_ms" in step:
            time.sleep(step["sleep_ms"] / 1000)
        elif "gate" in step:
            gates[step["gate"]].wait()
        elif "until_abandoned" in step:
            context.wait_abandoned()
            say("abandoned", delivery_id=message.delivery_id)
        elif "send" in step:
            status = "OK"
            try:
                context.send(to_reply(step["send"]))
            except sluice.SendError as error:
                status = error.status.code.name
            say("sent", delivery_id=message.delivery_id, status=status)
        elif "settle" in step:
            return to_settlement(step["settle"])
        elif "return" in step:
            return to_replies(step["return"])
        else:
            quick_step(message, step)
    return None


async def handle_async(message: sluice.Message, context: sluice.AsyncContext) -> sluice.HandlerResult:
    for step in steps_of(message):
        if "sleep_ms" in step:
            await asyncio.sleep(step["sleep_ms"] / 1000)
        elif "gate" in step:
            while not gates[step["gate"]].is_set():
                await asyncio.sleep(0.01)
        elif "until_abandoned" in step:
            await context.wait_abandoned()
            say("abandoned", delivery_id=message.delivery_id)
        elif "send" in step:
            status = "OK"
            try:
                await context.send(to_reply(step["send"]))
            except sluice.SendError as error:
                status = error.status.code.name
            say("sent", delivery_id=message.delivery_id, status=status)
        elif "settle" in step:
            return to_settlement(step["settle"])
        elif "return" in step:
            return to_replies(step["return"])
        else:
            quick_step(message, step)
    return None


def quick_step(message: sluice.Message, step: dict[str, Any]) -> None:
    if "describe" in step:
        describe(message)
    elif "say" in step:
        say("said", text=step["say"], delivery_id=message.delivery_id)
    elif "throw" in step:
        raise RuntimeError(step["throw"])


def on_event(event: sluice.Event) -> None:
    say(
        event.kind.value,
        address=event.address,
        status=event.status.code.name,
        retry_in_ms=-1 if event.retry_in is None else round(event.retry_in * 1000),
        text=event.text,
    )


def on_result(result: sluice.ItemResult) -> None:
    say(
        "result",
        reply_id=result.reply_id,
        delivery_id=result.delivery_id,
        code=result.code.name,
        mqtt_reason_code=result.mqtt_reason_code,
        message=result.message,
    )


def resolver_of(path: str) -> Any:
    def resolve(host: str) -> list[str]:
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, *addresses = line.split() or [""]
                if name == host:
                    return addresses
        raise LookupError(f"{host} is not in the file")

    return resolve


def make_worker(options: dict[str, Any]) -> sluice.Worker:
    taken: dict[str, Any] = {"security": "plaintext", "on_event": on_event, "on_result": on_result}
    for name in (
        "worker_name",
        "instance",
        "window_messages",
        "window_bytes",
        "concurrency",
        "send_buffer_bytes",
        "security",
        "token_file",
    ):
        if name in options:
            taken[name] = options[name]
    for name in ("lease", "resolve_interval", "reconnect_first", "reconnect_longest", "connect_timeout", "drain_timeout"):
        if f"{name}_ms" in options:
            taken[name] = options[f"{name}_ms"] / 1000
    tls = {name: options[name] for name in ("ca_file", "cert_file", "key_file", "server_name") if name in options}
    if tls:
        taken["tls"] = sluice.Tls(**tls)
    if "token" in options:
        taken["token"] = lambda: options["token"]
    if "resolve_file" in options:
        taken["resolver"] = resolver_of(options["resolve_file"])
    handler: sluice.Handler = handle_async if os.environ.get("SLUICE_TESTEE_ASYNC") else handle
    return sluice.Worker(options.get("gateways", ()), options.get("chains", ()), handler, options=sluice.Options(**taken))


class Testee:
    """Commands come on a thread; workers run on the main one, which alone takes signals."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next: dict[str, Any] | None = None  # Options of the worker to run.
        self._worker: sluice.Worker | None = None
        self._ended = False  # The standard input is.

    def read_commands(self) -> None:
        for line in sys.stdin:
            if line.strip():
                self._take(json.loads(line))
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            if self._worker is not None:
                os._exit(0)  # A handler may wait at a gate that nobody will release.

    def _take(self, command: dict[str, Any]) -> None:
        name = command.get("cmd")
        if name == "release":
            gates[command["gate"]].set()
            return
        with self._changed:
            if name == "run":
                self._next = command.get("options", {})
                self._changed.notify_all()
                return
            # What comes after `run` is for that worker.
            self._changed.wait_for(lambda: self._next is None)
            worker = self._worker
        if name == "stats":
            stats = worker.stats() if worker is not None else sluice.Stats()
            say("stats", streams=stats.streams, received=stats.received, settled=stats.settled)
        elif worker is not None and name == "drain":
            worker.drain()
        elif worker is not None and name == "stop":
            worker.stop()

    def run(self) -> None:
        threading.Thread(target=self.read_commands, daemon=True).start()
        while True:
            with self._changed:
                while self._next is None and not self._ended:
                    self._changed.wait(0.5)  # With a timeout, so that signals are looked at.
                if self._next is None:
                    return
                options = self._next
            try:
                self._run_one(options)
                say("ended", status="OK", text="")
            except sluice.Error as error:
                say("ended", status=error.status.code.name, text=str(error))

    def _run_one(self, options: dict[str, Any]) -> None:
        try:
            worker = make_worker(options)
            with self._changed:
                self._worker = worker
        finally:
            with self._changed:
                self._next = None
                self._changed.notify_all()
        if options.get("signals"):
            worker.run_until_signal()
        else:
            worker.run()


if __name__ == "__main__":
    Testee().run()
