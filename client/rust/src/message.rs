//! What a handler is given: one attempt at one MQTT message.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::wire::{Malformed, Reader, Value};

/// How the route says the payload is to be read. Nobody has checked that it can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum DataType {
    /// The route says nothing.
    #[default]
    Unspecified,
    Json,
    Text,
    Binary,
}

/// From … to within the delivery's bytes.
#[derive(Clone, Copy, Default)]
struct Span(u32, u32);

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.0 as usize..self.1 as usize).unwrap_or_default()
    }

    fn len(self) -> u64 {
        u64::from(self.1 - self.0)
    }
}

/// One attempt at one MQTT message. Owns a share of the frame it came in: nothing is copied, a clone costs next to
/// nothing, and what is kept keeps that frame in memory.
#[derive(Clone, Default)]
#[allow(clippy::struct_field_names)] // They are the protocol's.
pub struct Message {
    bytes: Bytes,
    delivery_id: u64,
    message_id: Span,
    route: Span,
    chain: Span,
    start_node: Span,
    topic: Span,
    payload: Span,
    ordering_key: Span,
    content_type: Span,
    response_topic: Span,
    correlation_data: Span,
    user_properties: Vec<(Span, Span)>,
    metadata: Vec<(Span, Span)>,
    received_unix_ms: i64,
    age_ms: u64,
    lease_ms: u32,
    attempt: u32,
    qos: u32,
    expiry_s: Option<u32>,
    data_type: DataType,
    retain: bool,
    dup: bool,
}

impl Message {
    /// Names this attempt on this stream. Never 0.
    #[must_use]
    pub fn delivery_id(&self) -> u64 {
        self.delivery_id
    }

    /// Names the message: the same in every attempt. What a worker that must not act twice remembers.
    #[must_use]
    pub fn message_id(&self) -> &str {
        self.text(self.message_id)
    }

    /// The gateway's route that it came by.
    #[must_use]
    pub fn route(&self) -> &str {
        self.text(self.route)
    }

    /// The chain it is for: one of [`Options::chains`](crate::Options::chains).
    #[must_use]
    pub fn chain(&self) -> &str {
        self.text(self.chain)
    }

    /// The node of the chain to start at; empty: the first.
    #[must_use]
    pub fn start_node(&self) -> &str {
        self.text(self.start_node)
    }

    /// The topic it was published to (not the filter).
    #[must_use]
    pub fn topic(&self) -> &str {
        self.text(self.topic)
    }

    /// Any bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.of(&self.bytes)
    }

    /// The payload as a share of the frame: an echo needs no copy.
    #[must_use]
    pub fn payload_bytes(&self) -> Bytes {
        self.bytes.slice(self.payload.0 as usize..self.payload.1 as usize)
    }

    /// How the broker delivered it: 0, 1 or 2.
    #[must_use]
    pub fn qos(&self) -> u32 {
        self.qos
    }

    /// The retain flag of the PUBLISH.
    #[must_use]
    pub fn retain(&self) -> bool {
        self.retain
    }

    /// The dup flag of the PUBLISH.
    #[must_use]
    pub fn dup(&self) -> bool {
        self.dup
    }

    /// How the route says the payload is to be read.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// When the gateway received it, by the gateway's clock: milliseconds since the Unix epoch.
    #[must_use]
    pub fn received_unix_ms(&self) -> i64 {
        self.received_unix_ms
    }

    /// How long it had been in the gateway when the frame was made; to the millisecond.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.age_ms)
    }

    /// How long the gateway waits for the settle. The SDK extends it for as long as the handler runs.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_millis(u64::from(self.lease_ms))
    }

    /// 1 for the first.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Messages of one chain with an equal non-empty key come one after the other. Empty: in no order.
    #[must_use]
    pub fn ordering_key(&self) -> &str {
        self.text(self.ordering_key)
    }

    /// MQTT 5.0 §3.3.2.3; empty where the publisher gave none. So the next three.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.text(self.content_type)
    }

    /// Where the publisher wants an answer.
    #[must_use]
    pub fn response_topic(&self) -> &str {
        self.text(self.response_topic)
    }

    /// Any bytes. The gateway echoes them in replies that go to the response topic.
    #[must_use]
    pub fn correlation_data(&self) -> &[u8] {
        self.correlation_data.of(&self.bytes)
    }

    /// MQTT 5 user properties in their order; a name may come several times.
    pub fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs(&self.user_properties)
    }

    /// The first user property of that name.
    #[must_use]
    pub fn user_property(&self, name: &str) -> Option<&str> {
        self.user_properties()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Seconds left before the message expires; `None`: never.
    #[must_use]
    pub fn expiry_s(&self) -> Option<u32> {
        self.expiry_s
    }

    /// What the route's `headersToMetadata` made of the user properties.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs(&self.metadata)
    }

    /// What the window counts: payload, topic and properties.
    pub(crate) fn window_bytes(&self) -> u64 {
        let properties: u64 = self
            .user_properties
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        self.payload.len()
            + self.topic.len()
            + self.content_type.len()
            + self.response_topic.len()
            + self.correlation_data.len()
            + properties
    }

    pub(crate) fn lease_ms(&self) -> u32 {
        self.lease_ms
    }

    fn text(&self, span: Span) -> &str {
        // It was UTF-8 when it was decoded.
        std::str::from_utf8(span.of(&self.bytes)).unwrap_or_default()
    }

    fn pairs<'a>(&'a self, pairs: &'a [(Span, Span)]) -> impl Iterator<Item = (&'a str, &'a str)> {
        pairs.iter().map(|(name, value)| (self.text(*name), self.text(*value)))
    }

    /// Reads an encoded `Delivery`. Field numbers are those of `worker.proto`.
    pub(crate) fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed);
        }
        let mut message = Self::default();
        let mut reader = Reader::new(&bytes);
        while let Some((field, value)) = reader.field()? {
            match value {
                Value::Number(number) => message.set_number(field, number),
                Value::Bytes(from, to) => message.set_bytes(field, &bytes, from, to)?,
                Value::Other => {}
            }
        }
        message.bytes = bytes;
        Ok(message)
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // As protobuf reads a varint.
    fn set_number(&mut self, field: u32, value: u64) {
        match field {
            1 => self.delivery_id = value,
            8 => self.qos = value as u32,
            9 => self.retain = value != 0,
            10 => self.dup = value != 0,
            11 => {
                self.data_type = match value {
                    1 => DataType::Json,
                    2 => DataType::Text,
                    3 => DataType::Binary,
                    _ => DataType::Unspecified,
                }
            }
            12 => self.received_unix_ms = value as i64,
            13 => self.age_ms = value,
            14 => self.lease_ms = value as u32,
            15 => self.attempt = value as u32,
            21 => self.expiry_s = Some(value as u32),
            _ => {}
        }
    }

    #[allow(clippy::cast_possible_truncation)] // `decode` has looked at the length.
    fn set_bytes(&mut self, field: u32, bytes: &[u8], from: usize, to: usize) -> Result<(), Malformed> {
        let span = Span(from as u32, to as u32);
        match field {
            7 => self.payload = span,
            19 => self.correlation_data = span,
            20 => self.user_properties.push(pair(bytes, from, to)?),
            22 => self.metadata.push(pair(bytes, from, to)?),
            _ => {
                let text = match field {
                    2 => &mut self.message_id,
                    3 => &mut self.route,
                    4 => &mut self.chain,
                    5 => &mut self.start_node,
                    6 => &mut self.topic,
                    16 => &mut self.ordering_key,
                    17 => &mut self.content_type,
                    18 => &mut self.response_topic,
                    _ => return Ok(()),
                };
                *text = span;
                std::str::from_utf8(&bytes[from..to]).map_err(|_| Malformed)?;
            }
        }
        Ok(())
    }
}

/// A `UserProperty`, or an entry of a map: both have a name 1 and a value 2.
#[allow(clippy::cast_possible_truncation)]
fn pair(bytes: &[u8], from: usize, to: usize) -> Result<(Span, Span), Malformed> {
    let mut pair = (Span::default(), Span::default());
    let mut reader = Reader::new(&bytes[from..to]);
    while let Some((field, value)) = reader.field()? {
        if let (1 | 2, Value::Bytes(start, end)) = (field, value) {
            std::str::from_utf8(&bytes[from + start..from + end]).map_err(|_| Malformed)?;
            let span = Span((from + start) as u32, (from + end) as u32);
            *(if field == 1 { &mut pair.0 } else { &mut pair.1 }) = span;
        }
    }
    Ok(pair)
}

impl fmt::Debug for Message {
    /// Without the payload, which may be long, or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("delivery_id", &self.delivery_id)
            .field("message_id", &self.message_id())
            .field("chain", &self.chain())
            .field("topic", &self.topic())
            .field("payload_bytes", &self.payload.len())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
