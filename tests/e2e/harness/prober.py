"""How long messages take through a gateway, measured by a process of its own: what a test does meanwhile does not slow it down."""
import sys
import threading
import time

import paho.mqtt.client as paho

from harness.process import Process


def measure(port, request, answer, pause_s=0.01):
    """Publishes to `request` and waits for the same payload at `answer`, for ever; says of each when it began and how long it took."""
    arguments = {"client_id": "prober", "protocol": paho.MQTTv5}
    if hasattr(paho, "CallbackAPIVersion"):
        arguments["callback_api_version"] = paho.CallbackAPIVersion.VERSION1
    client = paho.Client(**arguments)
    subscribed, answered = threading.Event(), threading.Event()
    waited_for = b""

    def on_message(_client, _data, message):
        if message.payload == waited_for:
            answered.set()

    client.on_connect = lambda *_: client.subscribe(answer, qos=0)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not subscribed.wait(30):
        sys.exit("the broker grants no subscription")
    number = 0
    while True:
        number += 1
        answered.clear()
        waited_for = b"probe-%d" % number
        start = time.monotonic()
        client.publish(request, waited_for, qos=0)
        if not answered.wait(60):
            sys.exit("no answer within a minute")
        print(f"{start:.6f} {time.monotonic() - start:.6f}", flush=True)
        time.sleep(pause_s)


class Prober(Process):
    """Measures from its start on."""

    def __init__(self, folder, broker, request, answer):
        super().__init__("prober", [sys.executable, "-B", "-m", "harness.prober", broker.port, request, answer], folder)

    def since(self, start):
        """The seconds that each trip took which began at or after `start` (time.monotonic()), in order."""
        self.assert_running()
        return [taken for began, taken in self._lines() if began >= start]

    def between(self, start, end):
        """The same, of those that began before `end`, too."""
        return [taken for began, taken in self._lines() if start <= began <= end]

    def _lines(self):
        for line in self.log().splitlines(keepends=True):
            if line.endswith("\n"):
                began, _, taken = line.partition(" ")
                yield float(began), float(taken)


if __name__ == "__main__":
    measure(int(sys.argv[1]), sys.argv[2], sys.argv[3])
