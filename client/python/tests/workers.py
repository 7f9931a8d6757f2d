"""What tests of workers share."""

from __future__ import annotations

import queue
import threading
from typing import Any

import sluice
from sluice import Context, Event, EventKind, Options, Worker

PATIENCE = 5  # Seconds.


class Events:
    """Hears a worker's events."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def __call__(self, event: Event) -> None:
        self._queue.put(event)

    def expect(self, kind: EventKind) -> Event:
        """The next of this kind; those before it are passed over."""
        while True:
            event = self._queue.get(timeout=PATIENCE)
            if event.kind is kind:
                return event


def options(**given: Any) -> Options:
    return Options(**{"security": "plaintext", "reconnect_first": 0.01, "drain_timeout": 5, **given})


def run_in_thread(worker: Worker) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except sluice.Error as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, raised


def joined(thread: threading.Thread) -> bool:
    thread.join(PATIENCE)
    return not thread.is_alive()


def wait(gate: threading.Event) -> None:
    gate.wait(PATIENCE)


def until_abandoned(context: Context) -> None:
    context.wait_abandoned(PATIENCE)
