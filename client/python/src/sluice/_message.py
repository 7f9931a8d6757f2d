"""What a handler is given: one attempt at one MQTT message."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any

from sluice.v1 import worker_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class DataType(enum.IntEnum):
    """How the route says the payload is to be read. Nobody has checked that it can be."""

    UNSPECIFIED = 0
    JSON = 1
    TEXT = 2
    BINARY = 3


class Message:
    """One MQTT message, as proto/sluice/v1/worker.proto has it in `Delivery`.

    Read-only, and safe to keep: it owns its bytes. Fields are read from the frame when they are asked for, so what a handler
    does not look at costs nothing. Made by hand only in tests of handlers: `Message(topic="a/b", payload=b"1")`.
    """

    __slots__ = ("_delivery",)

    def __init__(
        self,
        topic: str = "",
        payload: bytes = b"",
        *,
        delivery_id: int = 1,
        message_id: str = "",
        route: str = "",
        chain: str = "",
        start_node: str = "",
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        data_type: DataType = DataType.UNSPECIFIED,
        received_unix_ms: int = 0,
        age: float = 0.0,
        lease: float = 0.0,
        attempt: int = 1,
        ordering_key: str = "",
        content_type: str = "",
        response_topic: str = "",
        correlation_data: bytes = b"",
        user_properties: Sequence[tuple[str, str]] = (),
        expiry_s: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._delivery = pb.Delivery(
            delivery_id=delivery_id,
            message_id=message_id,
            route=route,
            chain=chain,
            start_node=start_node,
            topic=topic,
            payload=payload,
            qos=qos,
            retain=retain,
            dup=dup,
            data_type=int(data_type),  # type: ignore[arg-type]
            received_unix_ms=received_unix_ms,
            age_ms=round(age * 1000),
            lease_ms=round(lease * 1000),
            attempt=attempt,
            ordering_key=ordering_key,
            content_type=content_type,
            response_topic=response_topic,
            correlation_data=correlation_data,
            user_properties=[pb.UserProperty(name=name, value=value) for name, value in user_properties],
            expiry_s=expiry_s,
            metadata=metadata or {},
        )

    @property
    def delivery_id(self) -> int:
        """Names the attempt, on its stream. Never 0."""
        return self._delivery.delivery_id

    @property
    def message_id(self) -> str:
        """The message: the same in every attempt. What a worker that must not act twice remembers."""
        return self._delivery.message_id

    @property
    def route(self) -> str:
        """The id of the route it came by."""
        return self._delivery.route

    @property
    def chain(self) -> str:
        """The chain it is for."""
        return self._delivery.chain

    @property
    def start_node(self) -> str:
        """The node of the chain to start at; empty: the first."""
        return self._delivery.start_node

    @property
    def topic(self) -> str:
        """The topic it was published to (not the filter)."""
        return self._delivery.topic

    @property
    def payload(self) -> bytes:
        """Any bytes."""
        return self._delivery.payload

    def json(self) -> Any:  # What is in it only the caller knows.
        """The payload, read as JSON. Raises ValueError where it is none."""
        return json.loads(self._delivery.payload)

    @property
    def qos(self) -> int:
        """How the broker delivered it: 0, 1 or 2."""
        return self._delivery.qos

    @property
    def retain(self) -> bool:
        """The PUBLISH's retain flag."""
        return self._delivery.retain

    @property
    def dup(self) -> bool:
        """The PUBLISH's dup flag."""
        return self._delivery.dup

    @property
    def data_type(self) -> DataType:
        """How the route says the payload is to be read."""
        value = self._delivery.data_type
        return DataType(value) if 0 <= value <= DataType.BINARY else DataType.UNSPECIFIED

    @property
    def received_unix_ms(self) -> int:
        """When the gateway received it, by the gateway's clock: milliseconds since the Unix epoch."""
        return self._delivery.received_unix_ms

    @property
    def age(self) -> float:
        """How long it had been in the gateway when the frame was made, in seconds."""
        return self._delivery.age_ms / 1000

    @property
    def lease(self) -> float:
        """How long the gateway waits for the settle, in seconds. The SDK extends it for as long as the handler runs."""
        return self._delivery.lease_ms / 1000

    @property
    def attempt(self) -> int:
        """1 for the first."""
        return self._delivery.attempt

    @property
    def ordering_key(self) -> str:
        """Messages of one chain with an equal non-empty key come one after the other. Empty: in no order."""
        return self._delivery.ordering_key

    @property
    def content_type(self) -> str:
        """MQTT 5.0 §3.3.2.3; empty where the publisher gave none."""
        return self._delivery.content_type

    @property
    def response_topic(self) -> str:
        """Where the publisher wants replies; empty where it did not say."""
        return self._delivery.response_topic

    @property
    def correlation_data(self) -> bytes:
        """What the publisher wants to see in replies; empty where it gave none."""
        return self._delivery.correlation_data

    @property
    def user_properties(self) -> list[tuple[str, str]]:
        """MQTT 5 user properties, in order; a name may come several times."""
        return [(one.name, one.value) for one in self._delivery.user_properties]

    @property
    def expiry_s(self) -> int | None:
        """Seconds left before the message expires; None: never."""
        return self._delivery.expiry_s if self._delivery.HasField("expiry_s") else None

    @property
    def metadata(self) -> dict[str, str]:
        """What the route's `headersToMetadata` made of the user properties."""
        return dict(self._delivery.metadata)

    def __repr__(self) -> str:
        return f"<Message {self.delivery_id} {self.message_id} on {self.topic!r}, {len(self.payload)} bytes>"
