from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DATA_TYPE_BINARY: DataType
DATA_TYPE_JSON: DataType
DATA_TYPE_TEXT: DataType
DATA_TYPE_UNSPECIFIED: DataType
DESCRIPTOR: _descriptor.FileDescriptor
OUTCOME_ACK: Outcome
OUTCOME_DROP: Outcome
OUTCOME_REJECT: Outcome
OUTCOME_RETRY: Outcome

class AcceptedChain(_message.Message):
    __slots__ = ["chain", "lease_ms", "max_lease_ms"]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    chain: str
    lease_ms: int
    max_lease_ms: int
    def __init__(self, chain: _Optional[str] = ..., lease_ms: _Optional[int] = ..., max_lease_ms: _Optional[int] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ["age_ms", "attempt", "chain", "content_type", "correlation_data", "data_type", "delivery_id", "dup", "expiry_s", "lease_ms", "message_id", "metadata", "ordering_key", "payload", "qos", "received_unix_ms", "response_topic", "retain", "route", "start_node", "topic", "user_properties"]
    class MetadataEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_DATA_FIELD_NUMBER: _ClassVar[int]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    DUP_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_S_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ORDERING_KEY_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    QOS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TOPIC_FIELD_NUMBER: _ClassVar[int]
    RETAIN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    START_NODE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    USER_PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    age_ms: int
    attempt: int
    chain: str
    content_type: str
    correlation_data: bytes
    data_type: DataType
    delivery_id: int
    dup: bool
    expiry_s: int
    lease_ms: int
    message_id: str
    metadata: _containers.ScalarMap[str, str]
    ordering_key: str
    payload: bytes
    qos: int
    received_unix_ms: int
    response_topic: str
    retain: bool
    route: str
    start_node: str
    topic: str
    user_properties: _containers.RepeatedCompositeFieldContainer[UserProperty]
    def __init__(self, delivery_id: _Optional[int] = ..., message_id: _Optional[str] = ..., route: _Optional[str] = ..., chain: _Optional[str] = ..., start_node: _Optional[str] = ..., topic: _Optional[str] = ..., payload: _Optional[bytes] = ..., qos: _Optional[int] = ..., retain: bool = ..., dup: bool = ..., data_type: _Optional[_Union[DataType, str]] = ..., received_unix_ms: _Optional[int] = ..., age_ms: _Optional[int] = ..., lease_ms: _Optional[int] = ..., attempt: _Optional[int] = ..., ordering_key: _Optional[str] = ..., content_type: _Optional[str] = ..., response_topic: _Optional[str] = ..., correlation_data: _Optional[bytes] = ..., user_properties: _Optional[_Iterable[_Union[UserProperty, _Mapping]]] = ..., expiry_s: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ["deadline_ms", "reason"]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    deadline_ms: int
    reason: str
    def __init__(self, deadline_ms: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Extend(_message.Message):
    __slots__ = ["delivery_id", "lease_ms"]
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    delivery_id: int
    lease_ms: int
    def __init__(self, delivery_id: _Optional[int] = ..., lease_ms: _Optional[int] = ...) -> None: ...

class GatewayFrame(_message.Message):
    __slots__ = ["deliveries", "drain", "ping", "pong", "results", "revokes", "welcome"]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REVOKES_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[Delivery]
    drain: Drain
    ping: Ping
    pong: Pong
    results: _containers.RepeatedCompositeFieldContainer[Result]
    revokes: _containers.RepeatedCompositeFieldContainer[Revoke]
    welcome: Welcome
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., deliveries: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., revokes: _Optional[_Iterable[_Union[Revoke, _Mapping]]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ["chains", "features", "instance", "lease_ms", "max_protocol_version", "min_protocol_version", "sdk", "window", "worker_name"]
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    MIN_PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    WORKER_NAME_FIELD_NUMBER: _ClassVar[int]
    chains: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.RepeatedScalarFieldContainer[str]
    instance: str
    lease_ms: int
    max_protocol_version: int
    min_protocol_version: int
    sdk: str
    window: Window
    worker_name: str
    def __init__(self, min_protocol_version: _Optional[int] = ..., max_protocol_version: _Optional[int] = ..., worker_name: _Optional[str] = ..., instance: _Optional[str] = ..., chains: _Optional[_Iterable[str]] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., lease_ms: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., sdk: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ["nonce"]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ["nonce"]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class RefusedChain(_message.Message):
    __slots__ = ["chain", "reason"]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    chain: str
    reason: str
    def __init__(self, chain: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ["content_type", "correlation_data", "delivery_id", "expiry_s", "metadata", "payload", "qos", "reply_id", "response_topic", "retain", "topic", "user_properties"]
    class MetadataEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_DATA_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_S_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    QOS_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TOPIC_FIELD_NUMBER: _ClassVar[int]
    RETAIN_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    USER_PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    content_type: str
    correlation_data: bytes
    delivery_id: int
    expiry_s: int
    metadata: _containers.ScalarMap[str, str]
    payload: bytes
    qos: int
    reply_id: int
    response_topic: str
    retain: bool
    topic: str
    user_properties: _containers.RepeatedCompositeFieldContainer[UserProperty]
    def __init__(self, delivery_id: _Optional[int] = ..., reply_id: _Optional[int] = ..., topic: _Optional[str] = ..., qos: _Optional[int] = ..., retain: bool = ..., payload: _Optional[bytes] = ..., content_type: _Optional[str] = ..., response_topic: _Optional[str] = ..., correlation_data: _Optional[bytes] = ..., user_properties: _Optional[_Iterable[_Union[UserProperty, _Mapping]]] = ..., expiry_s: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ["code", "delivery_id", "lease_ms", "message", "mqtt_reason_code", "reply_id"]
    class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CODE_CLIPPED: Result.Code
    CODE_DENIED: Result.Code
    CODE_EXPIRED: Result.Code
    CODE_FIELD_NUMBER: _ClassVar[int]
    CODE_INVALID: Result.Code
    CODE_INVALID_QOS: Result.Code
    CODE_INVALID_TOPIC: Result.Code
    CODE_NOT_CONNECTED: Result.Code
    CODE_NOT_PUBLISHED: Result.Code
    CODE_OK: Result.Code
    CODE_REFUSED: Result.Code
    CODE_STALE: Result.Code
    CODE_TIMEOUT: Result.Code
    CODE_TOO_LARGE: Result.Code
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MQTT_REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    code: Result.Code
    delivery_id: int
    lease_ms: int
    message: str
    mqtt_reason_code: int
    reply_id: int
    def __init__(self, reply_id: _Optional[int] = ..., delivery_id: _Optional[int] = ..., code: _Optional[_Union[Result.Code, str]] = ..., mqtt_reason_code: _Optional[int] = ..., message: _Optional[str] = ..., lease_ms: _Optional[int] = ...) -> None: ...

class Revoke(_message.Message):
    __slots__ = ["delivery_id", "reason"]
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REASON_LEASE_ENDED: Revoke.Reason
    REASON_NOT_BEGUN: Revoke.Reason
    REASON_UNSPECIFIED: Revoke.Reason
    delivery_id: int
    reason: Revoke.Reason
    def __init__(self, delivery_id: _Optional[int] = ..., reason: _Optional[_Union[Revoke.Reason, str]] = ...) -> None: ...

class Settle(_message.Message):
    __slots__ = ["delivery_id", "outcome", "reason", "replies", "retry_after_ms"]
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REPLIES_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    delivery_id: int
    outcome: Outcome
    reason: str
    replies: _containers.RepeatedCompositeFieldContainer[Reply]
    retry_after_ms: int
    def __init__(self, delivery_id: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., reason: _Optional[str] = ..., retry_after_ms: _Optional[int] = ..., replies: _Optional[_Iterable[_Union[Reply, _Mapping]]] = ...) -> None: ...

class UserProperty(_message.Message):
    __slots__ = ["name", "value"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ["accepted_chains", "features", "gateway", "heartbeat_interval_ms", "max_frame_bytes", "max_window", "protocol_version", "refused_chains", "session_id"]
    ACCEPTED_CHAINS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_WINDOW_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    REFUSED_CHAINS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    accepted_chains: _containers.RepeatedCompositeFieldContainer[AcceptedChain]
    features: _containers.RepeatedScalarFieldContainer[str]
    gateway: str
    heartbeat_interval_ms: int
    max_frame_bytes: int
    max_window: Window
    protocol_version: int
    refused_chains: _containers.RepeatedCompositeFieldContainer[RefusedChain]
    session_id: str
    def __init__(self, protocol_version: _Optional[int] = ..., session_id: _Optional[str] = ..., gateway: _Optional[str] = ..., accepted_chains: _Optional[_Iterable[_Union[AcceptedChain, _Mapping]]] = ..., refused_chains: _Optional[_Iterable[_Union[RefusedChain, _Mapping]]] = ..., max_window: _Optional[_Union[Window, _Mapping]] = ..., heartbeat_interval_ms: _Optional[int] = ..., max_frame_bytes: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class Window(_message.Message):
    __slots__ = ["bytes", "messages"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    messages: int
    def __init__(self, messages: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class WorkerFrame(_message.Message):
    __slots__ = ["began", "drain", "extends", "hello", "ping", "pong", "replies", "settles", "window"]
    BEGAN_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    EXTENDS_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    REPLIES_FIELD_NUMBER: _ClassVar[int]
    SETTLES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    began: _containers.RepeatedScalarFieldContainer[int]
    drain: Drain
    extends: _containers.RepeatedCompositeFieldContainer[Extend]
    hello: Hello
    ping: Ping
    pong: Pong
    replies: _containers.RepeatedCompositeFieldContainer[Reply]
    settles: _containers.RepeatedCompositeFieldContainer[Settle]
    window: Window
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., extends: _Optional[_Iterable[_Union[Extend, _Mapping]]] = ..., replies: _Optional[_Iterable[_Union[Reply, _Mapping]]] = ..., settles: _Optional[_Iterable[_Union[Settle, _Mapping]]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., began: _Optional[_Iterable[int]] = ...) -> None: ...

class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
