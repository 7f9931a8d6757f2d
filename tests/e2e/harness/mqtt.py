"""MQTT clients of the test: paho-mqtt (1.6 of Debian 12, 2.x of Debian 13)."""
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness.wait import TIME_FACTOR, wait_on


class MqttClient:
    """Connected at construction, and again when the broker was away. Keeps every message it receives, in order.

    session: (MQTT 5) the broker keeps its subscriptions and messages while it is away.
    """

    def __init__(self, broker, client_id, protocol="5", username=None, password=None, session=False):
        self.mqtt5 = protocol == "5"
        arguments = {"client_id": client_id, "protocol": paho.MQTTv5 if self.mqtt5 else paho.MQTTv311}
        if hasattr(paho, "CallbackAPIVersion"):
            arguments["callback_api_version"] = paho.CallbackAPIVersion.VERSION1
        self.client = paho.Client(**arguments)
        self.client.max_inflight_messages_set(500)
        self.client.max_queued_messages_set(0)
        if username is not None:
            self.client.username_pw_set(username, password)
        self.changed = threading.Condition()
        self.connected = False
        self.granted = {}  # By packet id.
        self.messages = []
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(min_delay=1, max_delay=1)
        options = {}
        if session:
            options = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            options["properties"].SessionExpiryInterval = 3600
        self.client.connect("127.0.0.1", broker.port, **options)
        self.client.loop_start()
        wait_on(self.changed, lambda: self.connected, f"{client_id} is connected")

    def _on_connect(self, _client, _data, _flags, reason, _properties=None):
        with self.changed:
            self.connected = reason == 0
            self.changed.notify_all()

    def _on_subscribe(self, _client, _data, packet_id, granted, _properties=None):
        with self.changed:
            self.granted[packet_id] = granted
            self.changed.notify_all()

    def _on_message(self, _client, _data, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def subscribe(self, topic_filter, qos=2):
        """Returns itself once the broker has granted it."""
        if self.mqtt5:
            _, packet_id = self.client.subscribe(topic_filter, options=SubscribeOptions(qos=qos))
        else:
            _, packet_id = self.client.subscribe(topic_filter, qos)
        wait_on(self.changed, lambda: packet_id in self.granted, f"{topic_filter} is granted")
        return self

    def publish(self, topic, payload=b"", qos=1, retain=False, **properties):
        """Returns without waiting; properties by their MQTT 5 names, e.g. ResponseTopic, UserProperty."""
        packed = None
        if properties:
            packed = Properties(PacketTypes.PUBLISH)
            for name, value in properties.items():
                setattr(packed, name, value)
        info = self.client.publish(topic, payload, qos, retain, packed)
        assert info.rc == paho.MQTT_ERR_SUCCESS, f"publish to {topic}: {paho.error_string(info.rc)}"
        return info

    def publish_all(self, messages, qos=1):
        """messages: (topic, payload). Returns when the broker has taken all of them."""
        for info in [self.publish(topic, payload, qos) for topic, payload in messages]:
            info.wait_for_publish(30 * TIME_FACTOR)
            assert info.is_published(), "the broker did not acknowledge a message in time"

    def payloads(self):
        with self.changed:
            return [message.payload for message in self.messages]

    def expect(self, count, seconds=15.0):
        """Waits for `count` messages in all; returns them."""
        wait_on(self.changed, lambda: len(self.messages) >= count,
                lambda: f"{count} messages; there are {len(self.messages)}", seconds)
        with self.changed:
            return list(self.messages)

    def expect_payloads(self, wanted, seconds=15.0):
        """Waits until each of `wanted` (a set of bytes) has come at least once."""
        wanted = set(wanted)
        seen, looked_at = set(), 0

        def complete():
            nonlocal looked_at
            seen.update(message.payload for message in self.messages[looked_at:])
            looked_at = len(self.messages)
            return wanted <= seen

        wait_on(self.changed, complete,
                lambda: f"{len(wanted)} payloads; missing {len(wanted - seen)}: {sorted(wanted - seen)[:5]}", seconds)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()
