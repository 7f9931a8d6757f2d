//! A gateway for your own tests, in the test's process, on loopback. With the feature `testing`.
//!
//! ```
//! use sluice_worker::testing::{delivery, FakeGateway};
//! use sluice_worker::{Message, Outcome, Reply, Worker};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let gateway = FakeGateway::start().await;
//! let worker = Worker::new(gateway.options(), |message: Message| async move {
//!     Reply::new(message.payload_bytes()).to("plant/reply")
//! });
//! let running = tokio::spawn({
//!     let worker = worker.clone();
//!     async move { worker.run().await }
//! });
//!
//! let mut stream = gateway.accept().await;
//! stream.deliver(delivery("plant/boiler/temp", "81.5"));
//! let settle = stream.expect_settle().await;
//! assert_eq!(settle.outcome, Outcome::Ack);
//! assert_eq!(settle.replies[0].topic, "plant/reply");
//!
//! worker.drain();
//! running.await??;
//! # Ok(())
//! # })
//! # }
//! ```

mod heard;
mod server;
mod stream;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, Mutex};
use tokio::task::JoinHandle;

use crate::options::{Options, Security};
pub use crate::proto::{Delivery, Hello, Welcome};
pub use heard::Settled;
pub use stream::FakeStream;

/// So long an `expect_…` waits before it panics.
const PATIENCE: Duration = Duration::from_secs(10);

/// A delivery of QoS 1 for the chain `chain`, with a lease of 30 s. [`FakeStream::deliver`] gives it ids.
///
/// Every field of the protocol can be set: `Delivery { qos: 2, ..delivery("topic", "payload") }`.
pub fn delivery(topic: impl Into<String>, payload: impl Into<Bytes>) -> Delivery {
    Delivery {
        chain: "chain".to_owned(),
        route: "route".to_owned(),
        topic: topic.into(),
        payload: payload.into(),
        qos: 1,
        lease_ms: 30_000,
        attempt: 1,
        ..Delivery::default()
    }
}

/// A gateway that accepts workers on loopback. By itself it answers pings, and ends a stream that the worker half-closes;
/// see [`FakeStream::by_hand`].
#[derive(Debug)]
pub struct FakeGateway {
    address: SocketAddr,
    streams: Mutex<mpsc::UnboundedReceiver<FakeStream>>,
    server: JoinHandle<()>,
}

impl FakeGateway {
    /// Listens on a free port.
    ///
    /// # Panics
    ///
    /// When it cannot, and outside of a tokio runtime.
    pub async fn start() -> Self {
        Self::listen("127.0.0.1:0").await
    }

    /// Listens at `address`: the port of a gateway that was closed, say.
    ///
    /// # Panics
    ///
    /// When it cannot, and outside of a tokio runtime.
    pub async fn listen(address: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .expect("a port on loopback");
        let address = listener.local_addr().expect("the port's address");
        let (sender, streams) = mpsc::unbounded_channel();
        Self {
            address,
            streams: Mutex::new(streams),
            server: tokio::spawn(server::accept(listener, sender)),
        }
    }

    /// `"127.0.0.1:PORT"`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Options of a worker that serves the chain `chain` here, in plain text, and comes back quickly.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            security: Security::Plaintext,
            reconnect_first: Duration::from_millis(5),
            reconnect_longest: Duration::from_millis(50),
            ..Options::new([self.address()], ["chain"])
        }
    }

    /// The next worker's stream, greeted with [`FakeStream::usual_welcome`].
    ///
    /// # Panics
    ///
    /// When none comes in 10 s.
    pub async fn accept(&self) -> FakeStream {
        let mut stream = self.accept_silently().await;
        let welcome = stream.usual_welcome();
        stream.welcome(welcome);
        stream
    }

    /// The next worker's stream, whose Hello has come and has not been answered.
    ///
    /// # Panics
    ///
    /// When none comes in 10 s.
    pub async fn accept_silently(&self) -> FakeStream {
        let mut streams = self.streams.lock().await;
        let next = tokio::time::timeout(PATIENCE, streams.recv()).await;
        next.ok().flatten().expect("no worker connected in 10 s")
    }

    /// Whether a worker's stream waits for [`accept`](Self::accept).
    pub async fn has_waiting(&self) -> bool {
        !self.streams.lock().await.is_empty()
    }

    /// Stops listening, and cuts all connections.
    pub fn close(self) {}
}

impl Drop for FakeGateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}
