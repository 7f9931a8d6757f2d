//! What the gateway's frames change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Core, Phase, BEGAN, DEFAULT_MAX_FRAME, PROTOCOL_VERSION, TELL_BEGUN_EVERY};
use crate::decode::GatewayParts;
use crate::leases::{earlier, Group, Held};
use crate::message::Message;
use crate::proto;
use crate::reply::{ItemResult, ResultCode};
use crate::status::{Code, Status};

/// What the gateway's frame came to.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub welcome: Option<proto::Welcome>,
    pub drain: Option<proto::Drain>,
    pub results: Vec<ItemResult>,
    pub batch: Option<(Arc<Group>, Vec<Message>)>,
    /// A delivery was lost: who waits for that is to look.
    pub lost: bool,
    /// When `tick` is worth a call.
    pub wake: Option<Instant>,
}

impl Core {
    /// An error ends the stream.
    pub(crate) fn on_frame(&mut self, parts: GatewayParts, now: Instant) -> Result<Taken, Status> {
        self.listened = now;
        self.reading = false;
        let mut taken = Taken::default();
        self.greet(parts.welcome.as_ref())?;
        if parts.welcome.is_some() {
            taken.wake = Some(now);
        }
        taken.welcome = parts.welcome;
        taken.batch = self.hold(parts.deliveries, now);
        for result in parts.results {
            if result.code == ResultCode::Stale && result.reply_id == 0 {
                taken.lost |= self.lose(result.delivery_id);
            } else if result.code == ResultCode::Clipped {
                self.leases.stop_extending(result.delivery_id);
            }
            taken.results.push(result);
        }
        for delivery_id in parts.revokes {
            taken.lost |= self.lose(delivery_id);
        }
        if let Some(nonce) = parts.ping {
            let pong = proto::WorkerFrame {
                pong: Some(proto::Pong { nonce }),
                ..Default::default()
            };
            self.append_frame(&pong, false);
        }
        if let (Some(nonce), Some(drain)) = (parts.pong, self.drain_nonce) {
            // A Pong answers all Pings before it, too.
            self.no_more_deliveries |= nonce >= drain;
        }
        if parts.drain.is_some() {
            self.phase = Phase::Leaving;
            self.no_more_deliveries = true;
        }
        taken.drain = parts.drain;
        if taken.batch.is_some() {
            taken.wake = earlier(taken.wake, self.leases.next());
            if self.tells_began {
                taken.wake = earlier(taken.wake, Some(self.looked + TELL_BEGUN_EVERY));
            }
        }
        Ok(taken)
    }

    /// A Welcome comes first, and only first.
    fn greet(&mut self, welcome: Option<&proto::Welcome>) -> Result<(), Status> {
        let welcome = match (self.phase, welcome) {
            (Phase::Greeting, Some(welcome)) => welcome,
            (Phase::Greeting, None) => {
                let text = "the gateway's first frame is not a Welcome";
                return Err(Status::new(Code::InvalidArgument, text));
            }
            (_, Some(_)) => return Err(Status::new(Code::InvalidArgument, "the gateway sent a second Welcome")),
            (_, None) => return Ok(()),
        };
        if welcome.protocol_version > PROTOCOL_VERSION {
            let version = welcome.protocol_version;
            let text = format!("the gateway chose protocol version {version}; this worker speaks version 1");
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        self.phase = Phase::Serving;
        let heartbeat = welcome.heartbeat_interval_ms.clamp(1_000, 3_600_000);
        self.heartbeat = Duration::from_millis(heartbeat.into());
        self.tells_began = welcome.features.iter().any(|feature| feature == BEGAN);
        if self.tells_began {
            self.leases.tell_begun();
        }
        if let Some(max) = welcome.max_window.as_ref().filter(|max| max.messages > 0) {
            self.max_window = max.messages;
            self.window = self.window.min(self.max_window);
        }
        let max_frame = match welcome.max_frame_bytes {
            0 => DEFAULT_MAX_FRAME,
            max => max,
        };
        self.max_item_bytes = usize::try_from(max_frame).unwrap_or(usize::MAX);
        Ok(())
    }

    fn hold(&mut self, messages: Vec<Message>, now: Instant) -> Option<(Arc<Group>, Vec<Message>)> {
        // After the half-close nothing can be settled: these go to others.
        if messages.is_empty() || self.half_closed {
            return None;
        }
        let held = messages.iter().map(|message| {
            let bytes = message.window_bytes();
            self.held_bytes += bytes;
            Held::new(message.delivery_id(), message.lease_ms(), bytes)
        });
        let group = Arc::new(Group::new(held.collect()));
        // A handler of what comes now is not looked at before it could be worth it.
        if self.leases.is_empty() {
            self.looked = now;
        }
        self.delivered = Some(now);
        self.held_messages += messages.len() as u64;
        self.leases.add(&group, now);
        Some((group, messages))
    }

    /// Another worker has it.
    fn lose(&mut self, delivery_id: u64) -> bool {
        let lost = self.leases.mark_lost(delivery_id);
        if let Some(bytes) = lost {
            self.held_messages -= 1;
            self.held_bytes -= bytes;
        }
        lost.is_some()
    }
}
