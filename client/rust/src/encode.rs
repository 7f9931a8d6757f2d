//! A worker's frames, written. Everything here appends whole fields of a `WorkerFrame`, so that any concatenation of
//! what it writes is a frame. Field numbers are those of `worker.proto`.

use std::time::Duration;

use crate::leases::Extension;
use crate::outbox::MAX_ITEMS;
use crate::reply::Reply;
use crate::settlement::Settlement;
use crate::wire;

const EXTENDS: u32 = 3; // Of WorkerFrame. So the next.
const REPLIES: u32 = 4;
const SETTLES: u32 = 5;
const BEGAN: u32 = 9;

const MAX_REASON: usize = 1_024;
const LONGEST_RETRY: Duration = Duration::from_secs(3_600);

/// The item is larger than a frame may be; nothing was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl TooLarge {
    pub(crate) fn text(what: &str, max_bytes: usize) -> String {
        format!("{what} than the gateway takes ({max_bytes} bytes and {MAX_ITEMS} properties to a frame)")
    }
}

/// What counts as items of a reply.
pub(crate) fn items_of(reply: &Reply) -> usize {
    1 + reply.user_properties.len() + reply.metadata.len()
}

/// What counts as items of a settle.
pub(crate) fn items_of_settle(settlement: &Settlement) -> usize {
    1 + settlement.replies.iter().map(items_of).sum::<usize>()
}

type Pairs = [(String, String)];

fn pair_len((name, value): &(String, String)) -> usize {
    wire::bytes_len(1, name.len()) + wire::bytes_len(2, value.len())
}

fn pairs_len(field: u32, pairs: &Pairs) -> usize {
    pairs
        .iter()
        .map(|pair| wire::forced_bytes_len(field, pair_len(pair)))
        .sum()
}

/// Written alike as `UserProperty` and as an entry of a map.
fn put_pairs(out: &mut Vec<u8>, field: u32, pairs: &Pairs) {
    for pair in pairs {
        wire::put_head(out, field, pair_len(pair));
        wire::put_bytes(out, 1, pair.0.as_bytes());
        wire::put_bytes(out, 2, pair.1.as_bytes());
    }
}

fn reply_len(reply: &Reply, delivery_id: u64) -> usize {
    let optional = |field, value: Option<u32>| value.map_or(0, |value| wire::forced_uint_len(field, value.into()));
    let correlation = reply.correlation_data.as_ref();
    wire::uint_len(1, delivery_id)
        + wire::uint_len(2, reply.reply_id)
        + wire::bytes_len(3, reply.topic.len())
        + optional(4, reply.qos)
        + wire::uint_len(5, reply.retain.into())
        + wire::bytes_len(6, reply.payload.len())
        + wire::bytes_len(7, reply.content_type.len())
        + wire::bytes_len(8, reply.response_topic.len())
        + correlation.map_or(0, |data| wire::forced_bytes_len(9, data.len()))
        + pairs_len(10, &reply.user_properties)
        + optional(11, reply.expiry_s)
        + pairs_len(12, &reply.metadata)
}

fn put_reply(out: &mut Vec<u8>, reply: &Reply, delivery_id: u64) {
    wire::put_uint(out, 1, delivery_id);
    wire::put_uint(out, 2, reply.reply_id);
    wire::put_bytes(out, 3, reply.topic.as_bytes());
    if let Some(qos) = reply.qos {
        wire::put_forced_uint(out, 4, qos.into());
    }
    wire::put_uint(out, 5, reply.retain.into());
    wire::put_bytes(out, 6, &reply.payload);
    wire::put_bytes(out, 7, reply.content_type.as_bytes());
    wire::put_bytes(out, 8, reply.response_topic.as_bytes());
    if let Some(data) = &reply.correlation_data {
        wire::put_forced_bytes(out, 9, data);
    }
    put_pairs(out, 10, &reply.user_properties);
    if let Some(seconds) = reply.expiry_s {
        wire::put_forced_uint(out, 11, seconds.into());
    }
    put_pairs(out, 12, &reply.metadata);
}

/// The longest beginning of at most 1,024 bytes that ends between two characters.
fn cut(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

pub(crate) fn put_settle(
    out: &mut Vec<u8>,
    delivery_id: u64,
    settlement: &Settlement,
    max_bytes: usize,
) -> Result<(), TooLarge> {
    let reason = cut(&settlement.reason);
    // Less than a millisecond is not "leave it to the gateway".
    let pause = settlement.retry_after.min(LONGEST_RETRY).as_nanos().div_ceil(1_000_000);
    let retry_ms = u64::try_from(pause).unwrap_or_default();
    let replies = settlement.replies.iter();
    let len = wire::uint_len(1, delivery_id)
        + wire::uint_len(2, settlement.outcome as u64)
        + wire::bytes_len(3, reason.len())
        + wire::uint_len(4, retry_ms)
        + replies
            .map(|reply| wire::forced_bytes_len(5, reply_len(reply, 0)))
            .sum::<usize>();
    let whole = wire::forced_bytes_len(SETTLES, len);
    if whole > max_bytes {
        return Err(TooLarge);
    }
    out.reserve(whole);
    wire::put_head(out, SETTLES, len);
    wire::put_uint(out, 1, delivery_id);
    wire::put_uint(out, 2, settlement.outcome as u64);
    wire::put_bytes(out, 3, reason.as_bytes());
    wire::put_uint(out, 4, retry_ms);
    for reply in &settlement.replies {
        wire::put_head(out, 5, reply_len(reply, 0));
        put_reply(out, reply, 0);
    }
    Ok(())
}

/// A reply ahead of its settle.
pub(crate) fn put_early_reply(
    out: &mut Vec<u8>,
    delivery_id: u64,
    reply: &Reply,
    max_bytes: usize,
) -> Result<(), TooLarge> {
    let len = reply_len(reply, delivery_id);
    let whole = wire::forced_bytes_len(REPLIES, len);
    if whole > max_bytes || items_of(reply) > MAX_ITEMS {
        return Err(TooLarge);
    }
    out.reserve(whole);
    wire::put_head(out, REPLIES, len);
    put_reply(out, reply, delivery_id);
    Ok(())
}

pub(crate) fn put_began(out: &mut Vec<u8>, delivery_ids: &[u64]) {
    wire::put_head(out, BEGAN, delivery_ids.iter().map(|id| wire::varint_len(*id)).sum());
    for id in delivery_ids {
        wire::put_varint(out, *id);
    }
}

pub(crate) fn put_extend(out: &mut Vec<u8>, extension: &Extension) {
    let len = wire::uint_len(1, extension.delivery_id) + wire::uint_len(2, extension.lease_ms);
    wire::put_head(out, EXTENDS, len);
    wire::put_uint(out, 1, extension.delivery_id);
    wire::put_uint(out, 2, extension.lease_ms);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto;
    use crate::settlement::Outcome;
    use prost::Message as _;
    use std::collections::BTreeMap;

    fn full() -> Reply {
        Reply::new("payload")
            .to("topic")
            .qos(0)
            .retain(true)
            .reply_id(1 << 40)
            .content_type("text/plain")
            .response_topic("back")
            .correlation_data("")
            .user_property("a", "1")
            .user_property("a", "")
            .expiry_s(0)
            .metadata("k", "v")
    }

    fn expected(delivery_id: u64) -> proto::Reply {
        let pair = |name: &str, value: &str| proto::UserProperty {
            name: name.into(),
            value: value.into(),
        };
        proto::Reply {
            delivery_id,
            reply_id: 1 << 40,
            topic: "topic".into(),
            qos: Some(0),
            retain: true,
            payload: "payload".into(),
            content_type: "text/plain".into(),
            response_topic: "back".into(),
            correlation_data: Some("".into()),
            user_properties: vec![pair("a", "1"), pair("a", "")],
            expiry_s: Some(0),
            metadata: BTreeMap::from([("k".into(), "v".into())]),
        }
    }

    #[test]
    fn concatenated_fields_are_a_frame_that_prost_reads() {
        let mut out = Vec::new();
        let settlement = Settlement::retry("why")
            .after(Duration::from_micros(1_500))
            .reply(full());
        put_began(&mut out, &[300, 1]);
        put_settle(&mut out, 7, &settlement, 1 << 20).unwrap();
        put_extend(
            &mut out,
            &Extension {
                delivery_id: 8,
                lease_ms: 9,
            },
        );
        put_early_reply(&mut out, 7, &full(), 1 << 20).unwrap();
        put_settle(&mut out, 9, &Settlement::default(), 1 << 20).unwrap();
        let frame = proto::WorkerFrame::decode(out.as_slice()).unwrap();
        assert_eq!(frame.encoded_len(), out.len());
        assert_eq!(frame.began, [300, 1]);
        assert_eq!(frame.replies, [expected(7)]);
        assert_eq!(
            frame.extends,
            [proto::Extend {
                delivery_id: 8,
                lease_ms: 9
            }]
        );
        let retry = proto::Settle {
            delivery_id: 7,
            outcome: Outcome::Retry as i32,
            reason: "why".into(),
            retry_after_ms: 2,
            replies: vec![expected(0)],
        };
        let ack = proto::Settle {
            delivery_id: 9,
            ..proto::Settle::default()
        };
        assert_eq!(frame.settles, [retry, ack]);
    }

    #[test]
    fn an_item_that_fits_into_no_frame_is_not_written() {
        let mut out = Vec::new();
        let large = Reply::new(vec![0; 1_000]);
        assert_eq!(put_early_reply(&mut out, 1, &large, 1_000), Err(TooLarge));
        assert_eq!(
            put_settle(&mut out, 1, &Settlement::ack(vec![large]), 1_000),
            Err(TooLarge)
        );
        assert!(out.is_empty());
    }

    #[test]
    fn a_reason_is_cut_between_two_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"é".repeat(600)).len(), 1_024);
        assert_eq!(cut(&format!("x{}", "é".repeat(600))).len(), 1_023);
        assert_eq!(cut(&"😀".repeat(300)).len(), 1_024);
    }
}
