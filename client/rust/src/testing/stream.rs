//! One worker's stream, in a test's hands.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, Notify};

use super::server::Command;
use super::PATIENCE;
use crate::proto::{self, Delivery, GatewayFrame, Hello, Welcome, WorkerFrame};
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
struct Log {
    hello: Option<Hello>,
    settles: VecDeque<proto::Settle>,
    replies: VecDeque<proto::Reply>,
    began: VecDeque<u64>,
    extends: VecDeque<proto::Extend>,
    windows: VecDeque<proto::Window>,
    pings: VecDeque<u64>,
    pongs: VecDeque<u64>,
    drains: VecDeque<proto::Drain>,
    frames: usize,
    half_closed: bool,
    lost: bool,
}

/// The log, who waits for it, and what is done without being asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Notify,
    by_hand: AtomicBool,
    stopped: AtomicBool,
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

/// One worker's stream. Each `expect_…` takes the next of its kind, in the order the worker sent them, and leaves other
/// kinds for later; after 10 s it panics with what has come instead. Dropped, it resets the stream.
#[derive(Debug)]
pub struct FakeStream {
    heard: Heard,
    commands: mpsc::UnboundedSender<Command>,
    hello: Hello,
    authorization: Option<String>,
}

/// Never used twice, as the protocol wants it.
static LAST_DELIVERY: AtomicU64 = AtomicU64::new(0);

impl FakeStream {
    pub(super) fn new(heard: Heard, commands: mpsc::UnboundedSender<Command>, authorization: Option<String>) -> Self {
        Self {
            heard,
            commands,
            hello: Hello::default(),
            authorization,
        }
    }

    pub(super) fn take_hello(&mut self) {
        self.hello = lock(&self.heard.0.log).hello.clone().unwrap_or_default();
    }

    // ---- what the gateway does

    fn command(&self, command: Command) {
        // The stream may be gone: whoever expects something of it will hear.
        let _ = self.commands.send(command);
    }

    /// From now on neither pings nor the half-close are answered, unless the test does it.
    pub fn by_hand(&mut self) {
        self.heard.0.by_hand.store(true, Ordering::Relaxed);
    }

    /// Reads no more of what the worker sends, or reads again: flow control holds the worker up.
    pub fn stop_reading(&mut self, stop: bool) {
        self.heard.0.stopped.store(stop, Ordering::Relaxed);
        self.heard.0.changed.notify_waiters();
    }

    /// Sends a whole frame.
    pub fn send(&mut self, frame: GatewayFrame) {
        self.command(Command::Frame(Box::new(frame)));
    }

    /// Sends bytes that need not be a frame.
    pub fn send_raw(&mut self, bytes: impl Into<Bytes>) {
        self.command(Command::Raw(bytes.into()));
    }

    /// A Welcome that accepts all chains, with a heartbeat of 10 s, frames of 4 MiB, and every feature.
    #[must_use]
    pub fn usual_welcome(&self) -> Welcome {
        let accept = |chain: &String| proto::AcceptedChain {
            chain: chain.clone(),
            lease_ms: 30_000,
            max_lease_ms: 600_000,
        };
        Welcome {
            protocol_version: 1,
            session_id: "session".to_owned(),
            gateway: "fake".to_owned(),
            accepted_chains: self.hello.chains.iter().map(accept).collect(),
            heartbeat_interval_ms: 10_000,
            max_frame_bytes: 4 << 20,
            features: self.hello.features.clone(),
            ..Welcome::default()
        }
    }

    /// Greets a worker that was accepted silently.
    pub fn welcome(&mut self, welcome: Welcome) {
        let welcome = Some(welcome);
        self.send(GatewayFrame {
            welcome,
            ..GatewayFrame::default()
        });
    }

    /// Delivers one message; returns its delivery id.
    pub fn deliver(&mut self, delivery: Delivery) -> u64 {
        self.deliver_all([delivery])[0]
    }

    /// Delivers several in one frame; returns their delivery ids. A `delivery_id` or `message_id` that is set stays.
    pub fn deliver_all(&mut self, deliveries: impl IntoIterator<Item = Delivery>) -> Vec<u64> {
        let mut deliveries: Vec<Delivery> = deliveries.into_iter().collect();
        for delivery in &mut deliveries {
            if delivery.delivery_id == 0 {
                delivery.delivery_id = LAST_DELIVERY.fetch_add(1, Ordering::Relaxed) + 1;
            }
            if delivery.message_id.is_empty() {
                delivery.message_id = format!("00000000-0000-4000-8000-{:012}", delivery.delivery_id);
            }
        }
        let ids = deliveries.iter().map(|delivery| delivery.delivery_id).collect();
        self.send(GatewayFrame {
            deliveries,
            ..GatewayFrame::default()
        });
        ids
    }

    /// Gives a delivery to another worker.
    pub fn revoke(&mut self, delivery_id: u64) {
        let revoke = proto::Revoke { delivery_id, reason: 1 };
        self.send(GatewayFrame {
            revokes: vec![revoke],
            ..GatewayFrame::default()
        });
    }

    /// Tells what became of an item. `code` is the protocol's number.
    pub fn result(&mut self, reply_id: u64, delivery_id: u64, code: i32, message: &str) {
        let message = message.to_owned();
        let result = proto::Result {
            reply_id,
            delivery_id,
            code,
            message,
            ..proto::Result::default()
        };
        self.send(GatewayFrame {
            results: vec![result],
            ..GatewayFrame::default()
        });
    }

    /// Asks for a Pong.
    pub fn ping(&mut self, nonce: u64) {
        let ping = Some(proto::Ping { nonce });
        self.send(GatewayFrame {
            ping,
            ..GatewayFrame::default()
        });
    }

    /// Answers a Ping.
    pub fn pong(&mut self, nonce: u64) {
        let pong = Some(proto::Pong { nonce });
        self.send(GatewayFrame {
            pong,
            ..GatewayFrame::default()
        });
    }

    /// Takes leave: no new deliveries.
    pub fn drain(&mut self, reason: &str) {
        let drain = Some(proto::Drain {
            deadline_ms: 20_000,
            reason: reason.to_owned(),
        });
        self.send(GatewayFrame {
            drain,
            ..GatewayFrame::default()
        });
    }

    /// Ends the stream with a status.
    pub fn end(self, code: Code, message: &str) {
        self.command(Command::End(Status::new(code, message)));
    }

    /// Resets the stream; the connection stays.
    pub fn reset(self) {
        self.command(Command::Reset);
    }

    /// Cuts the connection, as a gateway that is killed does.
    pub fn lose_stream(self) {
        self.command(Command::Cut);
    }

    // ---- what the worker did

    /// How it introduced itself.
    #[must_use]
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The `authorization` of its call.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// How many frames have come.
    #[must_use]
    pub fn frames(&self) -> usize {
        lock(&self.heard.0.log).frames
    }

    async fn expect<T>(&mut self, what: &str, mut take: impl FnMut(&mut Log) -> Option<T>) -> T {
        let (log, changed) = (&self.heard.0.log, &self.heard.0.changed);
        let wait = async {
            loop {
                let mut changed = std::pin::pin!(changed.notified());
                changed.as_mut().enable();
                if let Some(found) = take(&mut lock(log)) {
                    return found;
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, wait).await;
        found.unwrap_or_else(|_| panic!("no {what} came in 10 s; what came instead: {:#?}", lock(log)))
    }

    /// The next settle.
    pub async fn expect_settle(&mut self) -> Settled {
        self.expect("settle", |log| log.settles.pop_front()).await.into()
    }

    /// The next so many settles.
    pub async fn expect_settles(&mut self, count: usize) -> Vec<Settled> {
        let mut settles = Vec::new();
        while settles.len() < count {
            settles.push(self.expect_settle().await);
        }
        settles
    }

    /// The next reply ahead of its settle, and the delivery it belongs to.
    pub async fn expect_reply(&mut self) -> (u64, Reply) {
        let reply = self.expect("reply", |log| log.replies.pop_front()).await;
        (reply.delivery_id, reply.into())
    }

    /// The next delivery that the worker says it has begun.
    pub async fn expect_began(&mut self) -> u64 {
        self.expect("began", |log| log.began.pop_front()).await
    }

    /// The next extension: delivery and lease in milliseconds.
    pub async fn expect_extend(&mut self) -> (u64, u32) {
        let extend = self.expect("extend", |log| log.extends.pop_front()).await;
        (extend.delivery_id, extend.lease_ms)
    }

    /// The next window: messages and bytes.
    pub async fn expect_window(&mut self) -> (u32, u64) {
        let window = self.expect("window", |log| log.windows.pop_front()).await;
        (window.messages, window.bytes)
    }

    /// The next Ping's nonce.
    pub async fn expect_ping(&mut self) -> u64 {
        self.expect("ping", |log| log.pings.pop_front()).await
    }

    /// The next Pong's nonce.
    pub async fn expect_pong(&mut self) -> u64 {
        self.expect("pong", |log| log.pongs.pop_front()).await
    }

    /// The worker's Drain.
    pub async fn expect_drain(&mut self) {
        self.expect("drain", |log| log.drains.pop_front()).await;
    }

    /// The worker's half-close.
    pub async fn expect_half_close(&mut self) {
        self.expect("half-close", |log| log.half_closed.then_some(())).await;
    }

    /// The loss of the stream by the worker's doing.
    pub async fn expect_loss(&mut self) {
        self.expect("loss of the stream", |log| log.lost.then_some(())).await;
    }

    /// What has come and was not asked for: the numbers of settles, replies, began and extends.
    #[must_use]
    pub fn pending(&self) -> [usize; 4] {
        let log = lock(&self.heard.0.log);
        [log.settles.len(), log.replies.len(), log.began.len(), log.extends.len()]
    }
}
