//! Write rule-chain workers for Sluice.

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
mod options;
mod outbox;
mod pool;
mod reader;
mod reply;
mod resolver;
mod settlement;
mod signals;
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
pub use options::{BoxError, Family, Options, Resolver, Security, Tls, TokenSource};
pub use reply::{ItemResult, Reply, ResultCode};
pub use settlement::{Drop, IntoSettlement, Outcome, Reject, Retry, Settlement};
pub use status::{Code, Status};
pub use worker::{Stats, Worker};
