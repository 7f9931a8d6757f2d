//! One worker's stream, in a test's hands.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::heard::{Heard, Log, Settled};
use super::server::Command;
use super::PATIENCE;
use crate::proto::{self, Delivery, GatewayFrame, Hello, Welcome};
use crate::reply::Reply;
use crate::status::{Code, Status};
use crate::stream::lock;

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
