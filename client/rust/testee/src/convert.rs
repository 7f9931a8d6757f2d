//! The protocol's values from and to JSON.

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use serde_json::{json, Map, Value};
use sluice_worker::{DataType, Event, ItemResult, Message, Outcome, Reply, Settlement};
use std::time::Duration;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    value.as_u64().and_then(|number| T::try_from(number).ok())
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str().and_then(|text| STANDARD.decode(text).ok())
}

pub(crate) fn reply(value: &Value) -> Reply {
    let payload = match (
        &value["payload"],
        &value["payload_base64"],
        number(&value["payload_bytes"]),
    ) {
        (Value::String(payload), _, _) => payload.clone().into_bytes(),
        (_, Value::String(_), _) => bytes(&value["payload_base64"]).unwrap_or_default(),
        (_, _, size) => vec![b'x'; size.unwrap_or(0)],
    };
    let properties = value["user_properties"].as_array().into_iter().flatten();
    let metadata = value["metadata"].as_object().into_iter().flatten();
    Reply {
        topic: text(&value["topic"]),
        payload: payload.into(),
        qos: number(&value["qos"]),
        retain: value["retain"].as_bool().unwrap_or(false),
        reply_id: number(&value["reply_id"]).unwrap_or(0),
        content_type: text(&value["content_type"]),
        response_topic: text(&value["response_topic"]),
        correlation_data: bytes(&value["correlation_data_base64"]).map(Into::into),
        user_properties: properties.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        expiry_s: number(&value["expiry_s"]),
        metadata: metadata.map(|(name, value)| (name.clone(), text(value))).collect(),
    }
}

pub(crate) fn replies(value: &Value) -> Vec<Reply> {
    value.as_array().into_iter().flatten().map(reply).collect()
}

pub(crate) fn settlement(value: &Value) -> Settlement {
    Settlement {
        outcome: match value["outcome"].as_str() {
            Some("retry") => Outcome::Retry,
            Some("reject") => Outcome::Reject,
            Some("drop") => Outcome::Drop,
            _ => Outcome::Ack,
        },
        reason: text(&value["reason"]),
        retry_after: Duration::from_millis(number(&value["retry_after_ms"]).unwrap_or(0)),
        replies: replies(&value["replies"]),
    }
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Value> {
    pairs.map(|(name, value)| json!([name, value])).collect()
}

pub(crate) fn message(message: &Message) -> Value {
    let data_type = match message.data_type() {
        DataType::Json => "json",
        DataType::Text => "text",
        DataType::Binary => "binary",
        _ => "unspecified",
    };
    let metadata: Map<String, Value> = message
        .metadata()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "event": "message",
        "delivery_id": message.delivery_id(),
        "message_id": message.message_id(),
        "route": message.route(),
        "chain": message.chain(),
        "start_node": message.start_node(),
        "topic": message.topic(),
        "payload_base64": STANDARD.encode(message.payload()),
        "qos": message.qos(),
        "retain": message.retain(),
        "dup": message.dup(),
        "data_type": data_type,
        "received_unix_ms": message.received_unix_ms(),
        "age_ms": millis(message.age()),
        "lease_ms": millis(message.lease()),
        "attempt": message.attempt(),
        "ordering_key": message.ordering_key(),
        "content_type": message.content_type(),
        "response_topic": message.response_topic(),
        "correlation_data_base64": STANDARD.encode(message.correlation_data()),
        "user_properties": pairs(message.user_properties()),
        "expiry_s": message.expiry_s(),
        "metadata": metadata,
    })
}

pub(crate) fn event(event: &Event) -> Value {
    let retry_in = event
        .retry_in
        .map_or(-1, |pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
    json!({
        "event": event.kind.name(),
        "address": event.address,
        "status": event.code.name(),
        "retry_in_ms": retry_in,
        "text": event.text,
    })
}

pub(crate) fn result(result: &ItemResult) -> Value {
    json!({
        "event": "result",
        "reply_id": result.reply_id,
        "delivery_id": result.delivery_id,
        "code": result.code.name(),
        "mqtt_reason_code": result.mqtt_reason_code,
        "message": result.message,
    })
}
