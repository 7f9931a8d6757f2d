//! Write rule-chain workers for Sluice, the gateway between MQTT and gRPC.
//!
//! A worker dials one or more gateways, takes the MQTT messages of one or more *chains*, and says what becomes of each.
//!
//! ```no_run
//! use sluice_worker::{Message, Options, Reply, Status, Worker};
//!
//! async fn answer(message: Message) -> Reply {
//!     Reply::new(message.payload_bytes()).to("plant/reply").qos(1)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Status> {
//!     let mut options = Options::new(["sluice.example:7443"], ["temperature"]);
//!     options.tls.ca_file = Some("/etc/sluice/ca.pem".into());
//!     Worker::new(options, answer).run_until_signal().await
//! }
//! ```
//!
//! A message that came in at QoS 1 or 2 is delivered **at least once**: after a lost stream or lease it comes again, with
//! the same [`Message::message_id`]. A worker that must not act twice remembers it.
//!
//! - [`Handler`] and [`IntoSettlement`]: what a handler may be, and may return
//! - [`Options`]: everything that can be set
//! - [`Worker`]: running, draining, stopping
//! - [`Middleware`]: something around the handler
//! - `testing` (feature): a gateway for your own tests
//! - `otel` (feature): a span for each message

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

mod address;
mod auto_window;
mod backoff;
mod connect;
mod context;
mod core;
mod decode;
mod encode;
mod event;
mod fleet;
mod handler;
mod leases;
mod message;
mod notes;
mod options;
#[cfg(feature = "otel")]
pub mod otel;
mod outbox;
mod pool;
mod reader;
mod reply;
mod resolver;
mod runner;
mod settlement;
mod settles;
mod signals;
mod sources;
mod status;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod wire;
mod worker;

/// The protocol's messages, as generated. What they mean stands in `worker.proto`.
#[doc(hidden)]
#[allow(clippy::all, clippy::pedantic, missing_docs)]
#[path = "proto/sluice.v1.rs"]
pub mod proto;

pub use context::Context;
pub use event::{Event, EventKind};
pub use handler::{Handler, Middleware, Next};
pub use message::{DataType, Message};
pub use options::{Family, Options, Security, Tls};
pub use reply::{ItemResult, Reply, ResultCode};
pub use settlement::{Drop, IntoSettlement, Outcome, Reject, Retry, Settlement};
pub use sources::{BoxError, Resolver, TokenSource};
pub use status::{Code, Status};
pub use worker::{Stats, Worker};
