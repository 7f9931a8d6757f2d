//! A gateway's frame, read: deliveries by hand, without a copy; what is rare by the generated code.

use bytes::Bytes;

use crate::message::Message;
use crate::proto;
use crate::reply::{ItemResult, ResultCode};
use crate::wire::{Malformed, Reader, Value};

#[derive(Debug, Default)]
pub(crate) struct GatewayParts {
    pub welcome: Option<proto::Welcome>,
    pub deliveries: Vec<Message>,
    pub results: Vec<ItemResult>,
    /// Delivery ids.
    pub revokes: Vec<u64>,
    /// Nonces.
    pub ping: Option<u64>,
    pub pong: Option<u64>,
    pub drain: Option<proto::Drain>,
}

fn part<T: prost::Message + Default>(bytes: &[u8]) -> Result<T, Malformed> {
    T::decode(bytes).map_err(|_| Malformed)
}

/// Field numbers are those of `worker.proto`, `GatewayFrame`.
pub(crate) fn decode(frame: &Bytes) -> Result<GatewayParts, Malformed> {
    let mut parts = GatewayParts::default();
    let mut reader = Reader::new(frame);
    while let Some((field, value)) = reader.field()? {
        let Value::Bytes(from, to) = value else {
            continue;
        };
        let bytes = &frame[from..to];
        match field {
            1 => parts.welcome = Some(part(bytes)?),
            2 => {
                if parts.deliveries.is_empty() {
                    // Most deliveries of a frame are alike in size.
                    parts.deliveries.reserve((frame.len() / (to - from + 1)).min(1_024));
                }
                let message = Message::decode(frame.slice(from..to))?;
                if message.delivery_id() == 0 {
                    return Err(Malformed);
                }
                parts.deliveries.push(message);
            }
            3 => {
                let result: proto::Result = part(bytes)?;
                parts.results.push(ItemResult {
                    reply_id: result.reply_id,
                    delivery_id: result.delivery_id,
                    code: ResultCode::from_wire(result.code),
                    mqtt_reason_code: result.mqtt_reason_code,
                    message: result.message,
                });
            }
            4 => parts.ping = Some(part::<proto::Ping>(bytes)?.nonce),
            5 => parts.pong = Some(part::<proto::Pong>(bytes)?.nonce),
            6 => parts.drain = Some(part(bytes)?),
            7 => parts.revokes.push(part::<proto::Revoke>(bytes)?.delivery_id),
            _ => {}
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::DataType;
    use prost::Message as _;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn delivery() -> proto::Delivery {
        proto::Delivery {
            delivery_id: 1 << 50,
            message_id: "id".into(),
            route: "route".into(),
            chain: "chain".into(),
            start_node: "node".into(),
            topic: "plant/é".into(),
            payload: vec![0, 255, 1].into(),
            qos: 2,
            retain: true,
            dup: true,
            data_type: 3,
            received_unix_ms: -5,
            age_ms: 6,
            lease_ms: 7_000,
            attempt: 8,
            ordering_key: "key".into(),
            content_type: "type".into(),
            response_topic: "back".into(),
            correlation_data: vec![9, 254].into(),
            user_properties: vec![
                proto::UserProperty {
                    name: "a".into(),
                    value: "1".into(),
                },
                proto::UserProperty {
                    name: "a".into(),
                    value: String::new(),
                },
            ],
            expiry_s: Some(0),
            metadata: BTreeMap::from([("m".into(), "v".into())]),
        }
    }

    #[test]
    fn reads_every_field_of_a_delivery() {
        let frame = proto::GatewayFrame {
            deliveries: vec![
                delivery(),
                proto::Delivery {
                    delivery_id: 2,
                    ..Default::default()
                },
            ],
            ..Default::default()
        };
        let parts = decode(&frame.encode_to_vec().into()).unwrap();
        let message = &parts.deliveries[0];
        assert_eq!(message.delivery_id(), 1 << 50);
        let texts = [
            message.message_id(),
            message.route(),
            message.chain(),
            message.start_node(),
            message.topic(),
        ];
        assert_eq!(texts, ["id", "route", "chain", "node", "plant/é"]);
        assert_eq!(message.payload(), [0, 255, 1]);
        assert_eq!(message.payload_bytes(), message.payload());
        assert_eq!((message.qos(), message.retain(), message.dup()), (2, true, true));
        assert_eq!(message.data_type(), DataType::Binary);
        assert_eq!(message.received_unix_ms(), -5);
        assert_eq!(
            (message.age(), message.lease()),
            (Duration::from_millis(6), Duration::from_secs(7))
        );
        assert_eq!(message.attempt(), 8);
        let texts = [message.ordering_key(), message.content_type(), message.response_topic()];
        assert_eq!(texts, ["key", "type", "back"]);
        assert_eq!(message.correlation_data(), [9, 254]);
        assert_eq!(message.user_properties().collect::<Vec<_>>(), [("a", "1"), ("a", "")]);
        assert_eq!(message.user_property("a"), Some("1"));
        assert_eq!(message.expiry_s(), Some(0));
        assert_eq!(message.metadata().collect::<Vec<_>>(), [("m", "v")]);
        assert_eq!(message.window_bytes(), 3 + 8 + 4 + 4 + 2 + 3);

        let bare = &parts.deliveries[1];
        assert_eq!((bare.topic(), bare.payload(), bare.expiry_s()), ("", &[][..], None));
        assert_eq!(bare.data_type(), DataType::Unspecified);
    }

    #[test]
    fn reads_everything_else() {
        let frame = proto::GatewayFrame {
            welcome: Some(proto::Welcome {
                protocol_version: 1,
                ..Default::default()
            }),
            results: vec![proto::Result {
                reply_id: 4,
                code: 99,
                ..Default::default()
            }],
            ping: Some(proto::Ping { nonce: 0 }),
            pong: Some(proto::Pong { nonce: 5 }),
            drain: Some(proto::Drain {
                deadline_ms: 1,
                reason: "r".into(),
            }),
            revokes: vec![proto::Revoke {
                delivery_id: 6,
                reason: 77,
            }],
            ..Default::default()
        };
        let mut bytes = frame.encode_to_vec();
        // A field of a later version.
        bytes.extend_from_slice(&[0xfa, 0x06, 1, 0]);
        let parts = decode(&bytes.into()).unwrap();
        assert_eq!(parts.welcome.unwrap().protocol_version, 1);
        assert_eq!(
            (parts.results[0].reply_id, parts.results[0].code),
            (4, ResultCode::Unknown)
        );
        assert_eq!((parts.ping, parts.pong, parts.revokes), (Some(0), Some(5), vec![6]));
        assert_eq!(parts.drain.unwrap().reason, "r");
    }

    #[test]
    fn refuses_what_is_no_frame() {
        let without_id = proto::GatewayFrame {
            deliveries: vec![proto::Delivery::default()],
            ..Default::default()
        };
        assert!(decode(&without_id.encode_to_vec().into()).is_err());
        assert!(decode(&Bytes::from_static(&[0x12, 5, 1])).is_err());
        // A topic that is not UTF-8.
        assert!(decode(&Bytes::from_static(&[0x12, 5, 8, 1, 0x32, 1, 0xff])).is_err());
    }
}
