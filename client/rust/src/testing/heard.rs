//! What a worker has said to a fake gateway.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::server::Command;
use crate::proto::{self, GatewayFrame, Hello, WorkerFrame};
use crate::reply::Reply;
use crate::settlement::Outcome;
use crate::status::{Code, Status};
use crate::stream::lock;

/// A settle, as the gateway gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The delivery that is settled.
    pub delivery_id: u64,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
    /// Of a retry; zero: as the gateway likes.
    pub retry_after: Duration,
    /// To publish.
    pub replies: Vec<Reply>,
}

impl From<proto::Settle> for Settled {
    fn from(settle: proto::Settle) -> Self {
        Self {
            delivery_id: settle.delivery_id,
            outcome: match settle.outcome {
                1 => Outcome::Retry,
                2 => Outcome::Reject,
                3 => Outcome::Drop,
                _ => Outcome::Ack,
            },
            reason: settle.reason,
            retry_after: Duration::from_millis(settle.retry_after_ms.into()),
            replies: settle.replies.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<proto::Reply> for Reply {
    fn from(reply: proto::Reply) -> Self {
        let properties = reply.user_properties.into_iter();
        Self {
            topic: reply.topic,
            payload: reply.payload,
            qos: reply.qos,
            retain: reply.retain,
            reply_id: reply.reply_id,
            content_type: reply.content_type,
            response_topic: reply.response_topic,
            correlation_data: reply.correlation_data,
            user_properties: properties.map(|property| (property.name, property.value)).collect(),
            expiry_s: reply.expiry_s,
            metadata: reply.metadata.into_iter().collect(),
        }
    }
}

/// What the worker has said and nobody has asked for yet, by kind.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub hello: Option<Hello>,
    pub settles: VecDeque<proto::Settle>,
    pub replies: VecDeque<proto::Reply>,
    pub began: VecDeque<u64>,
    pub extends: VecDeque<proto::Extend>,
    pub windows: VecDeque<proto::Window>,
    pub pings: VecDeque<u64>,
    pub pongs: VecDeque<u64>,
    pub drains: VecDeque<proto::Drain>,
    pub frames: usize,
    pub half_closed: bool,
    pub lost: bool,
}

/// The log, who waits for it, and what is done without being asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(pub Arc<Shared>);

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub log: Mutex<Log>,
    pub changed: Notify,
    pub by_hand: AtomicBool,
    pub stopped: AtomicBool,
}

impl Heard {
    fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut lock(&self.0.log));
        self.0.changed.notify_waiters();
    }

    /// Returns when the worker is to be read.
    pub(super) async fn reads(&self) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if !self.0.stopped.load(Ordering::Relaxed) {
                return;
            }
            changed.await;
        }
    }

    fn automatic(&self, command: Option<Command>) -> Option<Command> {
        command.filter(|_| !self.0.by_hand.load(Ordering::Relaxed))
    }

    /// What is to be said to it.
    pub(super) fn frame(&self, frame: WorkerFrame) -> Option<Command> {
        let pong = frame.ping.map(|ping| proto::Pong { nonce: ping.nonce });
        self.change(|log| {
            log.frames += 1;
            log.hello = frame.hello.or(log.hello.take());
            log.began.extend(frame.began);
            log.windows.extend(frame.window);
            log.extends.extend(frame.extends);
            log.replies.extend(frame.replies);
            log.settles.extend(frame.settles);
            log.pings.extend(frame.ping.map(|ping| ping.nonce));
            log.pongs.extend(frame.pong.map(|pong| pong.nonce));
            log.drains.extend(frame.drain);
        });
        self.automatic(pong.map(|pong| {
            let pong = Some(pong);
            Command::Frame(Box::new(GatewayFrame {
                pong,
                ..GatewayFrame::default()
            }))
        }))
    }

    /// What is to be said to it.
    pub(super) fn half_closed(&self) -> Option<Command> {
        self.change(|log| log.half_closed = true);
        self.automatic(Some(Command::End(Status::new(Code::Ok, ""))))
    }

    pub(super) fn lost(&self) {
        self.change(|log| log.lost |= !log.half_closed);
    }
}
