"""Both ends of the road: who publishes numbered messages and who hears the answers."""
import base64
import json
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

KEYS = 16
# Mosquitto saves all it has between two acknowledgements: on a slow disk that is long.
PAUSE_S = 60


def make_client(client_id, mqtt5, **options):
    if hasattr(paho, "CallbackAPIVersion"):
        options["callback_api_version"] = paho.CallbackAPIVersion.VERSION1
    return paho.Client(client_id=client_id, protocol=paho.MQTTv5 if mqtt5 else paho.MQTTv311, **options)


def number_of(payload):
    if payload.startswith(b"{"):  # A dead letter with MQTT 3.1.1, which has no user properties, is an envelope.
        payload = base64.b64decode(json.loads(payload)["payload"])
    return int(payload.split()[0])


class Publisher:
    """Publishes numbers 0, 1, 2 … to in/KEY, each once. A message counts as accepted when the broker has said so (PUBACK,
    PUBCOMP); what a broken connection leaves unsaid is nobody's promise, and is not published again.

    One thread, which alone uses the client.
    """

    WINDOW = 50

    def __init__(self, port, mqtt5, qos, rate, oracle, lock, host="127.0.0.1"):
        self.host, self.port, self.mqtt5, self.qos, self.interval = host, port, mqtt5, qos, 1 / rate
        self.oracle, self.lock = oracle, lock
        self.next = 0
        self.client = None
        self.open = {}  # Packet id to number.
        self.running = threading.Event()  # Cleared: nothing new is published.
        self.quiet = threading.Event()    # Set while paused and nothing is open.
        self.ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # ---- from other threads

    def resume(self):
        self.running.set()

    def pause(self):
        """Returns when nothing is open any more: the broker has accepted all of it, or the connection is gone."""
        self.running.clear()
        # Here, not in resume(): there the thread, which is not told yet, could set it once more.
        self.quiet.clear()
        if not self.quiet.wait(PAUSE_S):
            raise RuntimeError(f"the broker does not acknowledge {len(self.open)} messages")

    def close(self):
        self.ending = True
        self.running.set()
        self.thread.join(10)

    # ---- its thread

    def _run(self):
        due = time.monotonic()
        while not self.ending:
            if self.client is None and not self._connect():
                time.sleep(0.05)
                continue
            now = time.monotonic()
            due = max(due, now - 0.1)  # After a pause it does not catch up.
            if self.running.is_set() and due <= now and len(self.open) < self.WINDOW:
                due += self.interval
                self._publish()
            wait = min(max(due - time.monotonic(), 0), 0.02)
            if self.client is not None and self.client.loop(wait) != paho.MQTT_ERR_SUCCESS:
                self._lost()
            if not self.running.is_set() and not self.open:
                self.quiet.set()
        if self.client is not None:
            self.client.disconnect()

    def _connect(self):
        self.client = make_client("chaos-publisher", self.mqtt5)
        self.client.max_inflight_messages_set(self.WINDOW)
        self.client.on_publish = self._accepted
        try:
            self.client.connect(self.host, self.port, keepalive=60)
            deadline = time.monotonic() + 2
            while not self.client.is_connected():
                if self.client.loop(0.05) != paho.MQTT_ERR_SUCCESS or time.monotonic() > deadline:
                    self._lost()
                    return False
        except OSError:
            self._lost()
            return False
        return True

    def _lost(self):
        self.client = None
        self.open.clear()
        if not self.running.is_set():
            self.quiet.set()

    def _message(self, number):
        """Key, topic and payload."""
        key = number % KEYS
        return key, f"in/k{key}", b"%d k%d" % (number, key)

    def _publish(self):
        number = self.next
        key, topic, payload = self._message(number)
        self.next += 1
        with self.lock:
            self.oracle.publish(number, key)
        info = self.client.publish(topic, payload, self.qos)
        if info.rc == paho.MQTT_ERR_SUCCESS:
            self.open[info.mid] = number
        else:
            self._lost()

    def _accepted(self, _client, _data, mid, *_):
        number = self.open.pop(mid, None)
        if number is not None:
            with self.lock:
                self.oracle.accept(number)


class Collector:
    """Hears replies (topic out) and dead letters (dead), in a session that outlives its connections.

    At QoS 1, whatever they are published at: killed and restarted, mosquitto 2.0.11 may send one new message of QoS 2 to a
    session before those that it had queued for it.
    """

    TOPICS = ["out", "dead"]

    def __init__(self, port, mqtt5, oracle, lock, host="127.0.0.1"):
        self.oracle, self.lock = oracle, lock
        self.heard = time.monotonic()  # When something new came last.
        self.subscribed = threading.Event()
        options = {} if mqtt5 else {"clean_session": False}
        self.client = make_client("chaos-collector", mqtt5, **options)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.reconnect_delay_set(min_delay=1, max_delay=1)
        options = {}
        if mqtt5:
            options = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            options["properties"].SessionExpiryInterval = 3600
        self.client.connect(host, port, **options)
        self.client.loop_start()
        for topic in self.TOPICS:
            self.subscribed.clear()
            if mqtt5:
                self.client.subscribe(topic, options=SubscribeOptions(qos=1))
            else:
                self.client.subscribe(topic, 1)
            if not self.subscribed.wait(10):
                raise RuntimeError(f"{topic} is not granted")

    def _on_message(self, _client, _data, message):
        with self.lock:
            before = len(self.oracle.answered) + len(self.oracle.dead)
            take = self.oracle.answer if message.topic == "out" else self.oracle.bury
            take(number_of(message.payload))
            if len(self.oracle.answered) + len(self.oracle.dead) > before:
                self.heard = time.monotonic()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()
