//! What a handler publishes, and what becomes of it.

use bytes::Bytes;

/// A message to publish. Where it goes: `topic`; else metadata `responseTopic`; else the message's own Response Topic;
/// else nowhere, which is no error. With which QoS: `qos`; else metadata `responseQos`; else 0.
///
/// ```
/// use sluice_worker::Reply;
/// let reply = Reply::new("too hot").to("plant/alarm").qos(1).content_type("text/plain");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Without wildcards, at most 65,535 bytes. Empty: see above.
    pub topic: String,
    /// Any bytes.
    pub payload: Bytes,
    /// 0, 1 or 2.
    pub qos: Option<u32>,
    /// Whether the broker is to keep it for who subscribes later.
    pub retain: bool,
    /// Chosen by you. Not 0: [`Options::on_result`](crate::Options::on_result) hears what became of the reply, under
    /// this id.
    pub reply_id: u64,
    /// MQTT 5.0 §3.3.2.3; dropped by the gateway on a connection that speaks 3.1.1. So the next four.
    pub content_type: String,
    /// Where an answer to this reply is to go.
    pub response_topic: String,
    /// `None`: the message's own is echoed when the reply goes to the message's Response Topic.
    pub correlation_data: Option<Bytes>,
    /// In this order; a name may come several times.
    pub user_properties: Vec<(String, String)>,
    /// Seconds from when the gateway receives the reply; 0 counts as 1. `None`: it does not expire.
    pub expiry_s: Option<u32>,
    /// RuleGo's way to name topic and QoS; with the route's `metadataToHeaders` the rest becomes user properties.
    pub metadata: Vec<(String, String)>,
}

impl Reply {
    /// To the message's own Response Topic, unless [`to`](Self::to) says otherwise.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// Sets the topic.
    #[must_use]
    pub fn to(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// Sets the QoS: 0, 1 or 2.
    #[must_use]
    pub fn qos(mut self, qos: u32) -> Self {
        self.qos = Some(qos);
        self
    }

    /// Sets the retain flag.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// Asks for a result under this id.
    #[must_use]
    pub fn reply_id(mut self, id: u64) -> Self {
        self.reply_id = id;
        self
    }

    /// Sets the content type.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Sets where an answer to this reply is to go.
    #[must_use]
    pub fn response_topic(mut self, topic: impl Into<String>) -> Self {
        self.response_topic = topic.into();
        self
    }

    /// Sets the correlation data.
    #[must_use]
    pub fn correlation_data(mut self, data: impl Into<Bytes>) -> Self {
        self.correlation_data = Some(data.into());
        self
    }

    /// Adds a user property.
    #[must_use]
    pub fn user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.user_properties.push((name.into(), value.into()));
        self
    }

    /// Sets the expiry, in seconds.
    #[must_use]
    pub fn expiry_s(mut self, seconds: u32) -> Self {
        self.expiry_s = Some(seconds);
        self
    }

    /// Adds an entry of metadata.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }
}

/// What became of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResultCode {
    /// Confirmed by the broker (QoS 1, 2), written to it (QoS 0), or without a topic and so not sent.
    Ok,
    /// The delivery was not in flight any more: nothing was done.
    Stale,
    /// A value outside its range; the message says which.
    Invalid,
    /// No topic that can be published to.
    InvalidTopic,
    /// Not 0, 1 or 2, or above what the broker takes.
    InvalidQos,
    /// The gateway's rules do not allow it.
    Denied,
    /// Larger than the broker or the gateway takes.
    TooLarge,
    /// Not confirmed in the gateway's `replies.resultTimeout`; it goes on trying.
    Timeout,
    /// By the broker: see [`ItemResult::mqtt_reason_code`].
    Refused,
    /// Of QoS 0, and the broker was not connected: dropped.
    NotConnected,
    /// Its settle was a RETRY.
    NotPublished,
    /// A lease cannot be extended any further. The SDK takes care of it.
    Clipped,
    /// Its expiry was over before it could be published.
    Expired,
    /// A code that this SDK does not know: a failure.
    Unknown,
}

impl ResultCode {
    /// The protocol's name: `"STALE"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Stale => "STALE",
            Self::Invalid => "INVALID",
            Self::InvalidTopic => "INVALID_TOPIC",
            Self::InvalidQos => "INVALID_QOS",
            Self::Denied => "DENIED",
            Self::TooLarge => "TOO_LARGE",
            Self::Timeout => "TIMEOUT",
            Self::Refused => "REFUSED",
            Self::NotConnected => "NOT_CONNECTED",
            Self::NotPublished => "NOT_PUBLISHED",
            Self::Clipped => "CLIPPED",
            Self::Expired => "EXPIRED",
            Self::Unknown => "UNKNOWN",
        }
    }

    pub(crate) fn from_wire(code: i32) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::Stale,
            2 => Self::Invalid,
            3 => Self::InvalidTopic,
            4 => Self::InvalidQos,
            5 => Self::Denied,
            6 => Self::TooLarge,
            7 => Self::Timeout,
            8 => Self::Refused,
            9 => Self::NotConnected,
            10 => Self::NotPublished,
            11 => Self::Clipped,
            12 => Self::Expired,
            _ => Self::Unknown,
        }
    }
}

/// What became of one reply that had an id, or of an item that was in error (`reply_id` 0).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemResult {
    /// The reply's id; 0: a settle, an extend, or a reply without id.
    pub reply_id: u64,
    /// The delivery that the item named.
    pub delivery_id: u64,
    /// What became of it.
    pub code: ResultCode,
    /// MQTT 5.0 §2.4, when the broker refused it; else 0.
    pub mqtt_reason_code: u32,
    /// For people.
    pub message: String,
}
