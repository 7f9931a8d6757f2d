//! One stream's state, without its connection: frames come in, frames go out, time is a parameter. Pure.
//!
//! ```text
//!   new()               Welcome             drain(), or the gateway's Drain
//!   ──────▶ Greeting ──────────▶ Serving ──────────────────────────────▶ Leaving
//!                                                                          │ nothing held: HalfClose
//!                                                                          ▼
//!                                                                     half_closed; reads on to the status
//! ```

mod incoming;

use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;

use crate::auto_window;
use crate::encode;
use crate::leases::{earlier, Group, LeaseKeeper, Running};
use crate::outbox::{Chunk, Frame, Outbox};
use crate::proto;
use crate::status::{Code, Status};

const PROTOCOL_VERSION: u32 = 1;
const BEGAN: &str = "began";
/// What this SDK calls itself to gateways.
const SDK: &str = concat!("sluice-rust/", env!("CARGO_PKG_VERSION"));
/// Handlers that take less are never told of: their settle says it. So a message costs no frame more, and one that takes
/// longer shares one with all others of its kind.
const TELL_BEGUN_EVERY: Duration = Duration::from_millis(50);
/// A frame larger than this gains nothing, and keeps the gateway waiting for its first settle.
const FRAME_BYTES: usize = 1 << 20;
/// gRPC's own limit, for a gateway that names none.
const DEFAULT_MAX_FRAME: u64 = 4 << 20;
/// Since its last delivery a stream counts as one that has something to do.
const ACTIVE: Duration = Duration::from_secs(1);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What all streams of a worker have in common.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub worker_name: String,
    pub instance: String,
    pub chains: Vec<String>,
    pub lease_ms: u32,
    /// `None`: by how long handlers take.
    pub window_messages: Option<u32>,
    pub window_bytes: u64,
    pub connect_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Serving,
    Leaving,
}

pub(crate) use incoming::Taken;

/// What is to be written next.
#[derive(Debug)]
pub(crate) enum Out {
    Frame(Frame),
    HalfClose,
    Nothing,
}

#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own; the phase is above.
pub(crate) struct Core {
    terms: Arc<Terms>,
    phase: Phase,
    outbox: Outbox,
    leases: LeaseKeeper,
    hello_sent: bool,
    half_closed: bool,
    no_more_deliveries: bool,
    /// The last Ping's; each has its own, so that a Pong says how far the gateway has read.
    nonce: u64,
    drain_nonce: Option<u64>,
    /// Received, and their settle not yet handed to the connection.
    held_messages: u64,
    held_bytes: u64,
    /// As the gateway was told.
    window: u32,
    /// The gateway's own limit.
    max_window: u32,
    max_item_bytes: usize,
    tells_began: bool,
    heartbeat: Duration,
    started: Instant,
    /// The last frame out.
    sent: Instant,
    /// The last frame in, or since when it is read again.
    listened: Instant,
    reading: bool,
    delivered: Option<Instant>,
    /// For what has begun.
    looked: Instant,
    reported: Option<Instant>,
}

impl Core {
    pub(crate) fn new(terms: Arc<Terms>, window: u32, now: Instant) -> Self {
        Self {
            terms,
            phase: Phase::Greeting,
            outbox: Outbox::default(),
            leases: LeaseKeeper::new(now),
            hello_sent: false,
            half_closed: false,
            no_more_deliveries: false,
            nonce: 0,
            drain_nonce: None,
            held_messages: 0,
            held_bytes: 0,
            window,
            max_window: u32::MAX,
            max_item_bytes: 0,
            tells_began: false,
            heartbeat: Duration::ZERO,
            started: now,
            sent: now,
            listened: now,
            reading: true,
            delivered: None,
            looked: now,
            reported: None,
        }
    }

    fn hello(&self) -> proto::WorkerFrame {
        let hello = proto::Hello {
            min_protocol_version: PROTOCOL_VERSION,
            max_protocol_version: PROTOCOL_VERSION,
            worker_name: self.terms.worker_name.clone(),
            instance: self.terms.instance.clone(),
            chains: self.terms.chains.clone(),
            window: Some(self.window_of(self.window)),
            lease_ms: self.terms.lease_ms,
            features: vec![BEGAN.to_owned()],
            sdk: SDK.to_owned(),
        };
        proto::WorkerFrame {
            hello: Some(hello),
            ..Default::default()
        }
    }

    fn window_of(&self, messages: u32) -> proto::Window {
        let bytes = self.terms.window_bytes;
        proto::Window { messages, bytes }
    }

    // ---- out

    /// The next frame, if there is something to say and it may be said.
    pub(crate) fn take(&mut self, now: Instant) -> Out {
        if !self.hello_sent {
            self.hello_sent = true;
            self.sent = now;
            let pieces = vec![self.hello().encode_to_vec()];
            return Out::Frame(Frame {
                pieces,
                ..Frame::default()
            });
        }
        if self.phase == Phase::Greeting || self.half_closed {
            return Out::Nothing;
        }
        if let Some(frame) = self.outbox.take(FRAME_BYTES.min(self.max_item_bytes)) {
            self.held_messages -= frame.settled;
            self.held_bytes -= frame.settled_bytes;
            self.sent = now;
            return Out::Frame(frame);
        }
        if self.phase == Phase::Leaving && self.no_more_deliveries && self.held_messages == 0 {
            self.half_closed = true;
            return Out::HalfClose;
        }
        Out::Nothing
    }

    /// Takes what `chunk` holds, and leaves it empty.
    pub(crate) fn append(&mut self, chunk: &mut Chunk) {
        self.outbox.append(chunk, self.max_item_bytes);
    }

    fn append_frame(&mut self, frame: &proto::WorkerFrame, ends_frame: bool) {
        let mut chunk = Chunk {
            bytes: frame.encode_to_vec(),
            ends_frame,
            ..Chunk::default()
        };
        self.append(&mut chunk);
    }

    fn append_ping(&mut self) -> u64 {
        self.nonce += 1;
        let ping = proto::WorkerFrame {
            ping: Some(proto::Ping { nonce: self.nonce }),
            ..Default::default()
        };
        self.append_frame(&ping, false);
        self.nonce
    }

    /// Whether so much more than what waits already may wait.
    pub(crate) fn has_room(&self, bytes: usize, limit: usize) -> bool {
        self.outbox.is_empty() || self.outbox.size() + bytes <= limit
    }

    pub(crate) fn max_item_bytes(&self) -> usize {
        self.max_item_bytes
    }

    /// All messages of these groups are through the handlers.
    pub(crate) fn finish(&mut self, group: &Group) {
        self.leases.remove(group);
    }

    /// Takes leave. False: there is nothing to take leave of yet; the stream may as well be ended.
    pub(crate) fn drain(&mut self) -> bool {
        if self.phase == Phase::Serving {
            self.phase = Phase::Leaving;
            let drain = proto::Drain {
                deadline_ms: 0,
                reason: "the worker shuts down".to_owned(),
            };
            let frame = proto::WorkerFrame {
                drain: Some(drain),
                ..Default::default()
            };
            self.append_frame(&frame, true);
            // Its Pong is the proof that the gateway has read the Drain: no delivery follows it.
            self.drain_nonce = Some(self.append_ping());
        }
        self.phase != Phase::Greeting
    }

    /// The gateway is told if it is worth it.
    pub(crate) fn set_window(&mut self, messages: u32) {
        let messages = messages.min(self.max_window);
        if self.phase != Phase::Serving || !auto_window::worth_telling(self.window, messages) {
            return;
        }
        self.window = messages;
        let frame = proto::WorkerFrame {
            window: Some(self.window_of(messages)),
            ..Default::default()
        };
        self.append_frame(&frame, false);
    }

    /// More than the gateway was allowed is here: nothing is read until some of it is settled.
    pub(crate) fn over_window(&self) -> bool {
        let most = self.terms.window_messages.unwrap_or(auto_window::MOST);
        let bytes = self.terms.window_bytes;
        self.held_messages > u64::from(most) || (bytes > 0 && self.held_bytes > bytes && self.held_messages > 1)
    }

    /// The gateway is listened to from now on, or was not heard because nobody reads.
    pub(crate) fn set_reading(&mut self, now: Instant) {
        self.reading = true;
        self.listened = now;
    }

    // ---- time

    /// Does what is due. Returns when it wants to be called next; an error ends the stream.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<Instant, Status> {
        if self.phase == Phase::Greeting {
            let limit = self.started + self.terms.connect_timeout;
            if now >= limit {
                return Err(Status::new(Code::DeadlineExceeded, "no connection and Welcome in time"));
            }
            return Ok(limit);
        }
        if now >= self.sent + self.heartbeat / 2 && self.outbox.is_empty() && !self.half_closed {
            self.append_ping();
        }
        let mut wake = self.tell_begun(now);
        for extension in self.leases.take_due(now) {
            let mut chunk = Chunk {
                items: 1,
                ..Chunk::default()
            };
            encode::put_extend(&mut chunk.bytes, &extension);
            self.append(&mut chunk);
        }
        wake = earlier(wake, self.leases.next());
        // While nothing is read the gateway cannot be heard, and is not to blame.
        let silent = if self.reading {
            self.listened + 2 * self.heartbeat
        } else {
            now + self.heartbeat
        };
        if now >= silent {
            let text = "the gateway was silent for two heartbeat intervals";
            return Err(Status::new(Code::DeadlineExceeded, text));
        }
        let busy = !self.outbox.is_empty() || self.half_closed;
        let ping_at = if busy { now } else { self.sent } + self.heartbeat / 2;
        Ok(wake.map_or(ping_at, |wake| wake.min(ping_at)).min(silent))
    }

    fn tell_begun(&mut self, now: Instant) -> Option<Instant> {
        if !self.tells_began || self.leases.is_empty() {
            return None;
        }
        if now >= self.looked + TELL_BEGUN_EVERY {
            self.looked = now;
            let begun = self.leases.take_begun(now);
            if !begun.is_empty() {
                let mut chunk = Chunk {
                    items: begun.len(),
                    ..Chunk::default()
                };
                encode::put_began(&mut chunk.bytes, &begun);
                self.append(&mut chunk);
            }
        }
        Some(self.looked + TELL_BEGUN_EVERY)
    }

    /// Something was delivered lately, or is held.
    pub(crate) fn is_active(&self, now: Instant) -> bool {
        self.held_messages > 0 || self.delivered.is_some_and(|delivered| now < delivered + ACTIVE)
    }

    pub(crate) fn running(&self) -> Running {
        self.leases.running()
    }

    /// At most one event a second tells of refused items.
    pub(crate) fn may_report(&mut self, now: Instant) -> bool {
        let may = self.reported.is_none_or(|reported| now >= reported + REPORT_INTERVAL);
        if may {
            self.reported = Some(now);
        }
        may
    }

    /// The stream has ended: nothing can be said any more.
    pub(crate) fn end(&mut self) {
        self.outbox.clear();
        self.leases.clear();
    }
}

#[cfg(test)]
mod tests;
