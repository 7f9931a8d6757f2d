//! What a worker tells of its connections.

use std::time::Duration;

use crate::status::{Code, Status};

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A gateway has accepted the worker.
    Connected,
    /// A stream that was connected has ended. The status says why; OK: as agreed.
    Disconnected,
    /// No connection, or the gateway refused the worker: the status says why.
    ConnectFailed,
    /// Connected, but the gateway delivers nothing from the chain named in the text.
    ChainRefused,
    /// The gateway, or this worker, takes leave: what is in work is finished first.
    Draining,
    /// A name cannot be looked up; the addresses known so far stay in use.
    ResolveFailed,
    /// The gateway did not accept a settle or a reply, or the SDK could not send it.
    ItemRefused,
}

impl EventKind {
    /// `"connected"`, `"item_refused"`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::ConnectFailed => "connect_failed",
            Self::ChainRefused => "chain_refused",
            Self::Draining => "draining",
            Self::ResolveFailed => "resolve_failed",
            Self::ItemRefused => "item_refused",
        }
    }
}

/// Something in the life of a connection. None is raised per message, save [`EventKind::ItemRefused`], at most once a
/// second and stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// `"192.0.2.7:7443"` or, for [`EventKind::ResolveFailed`], the name.
    pub address: String,
    /// Why; [`Code::Ok`] where nothing is wrong.
    pub code: Code,
    /// The same for people; empty where nothing is wrong.
    pub reason: String,
    /// When the next attempt follows; `None`: there is none.
    pub retry_in: Option<Duration>,
    /// One line for people that says all of the above.
    pub text: String,
}

impl Event {
    pub(crate) fn new(
        kind: EventKind,
        address: &str,
        status: &Status,
        mut text: String,
        retry_in: Option<Duration>,
    ) -> Self {
        if !status.is_ok() {
            text = format!("{text}: {status}");
        }
        if let Some(pause) = retry_in {
            text = format!("{text}; trying again in {} ms", pause.as_millis());
        }
        Self {
            kind,
            address: address.to_owned(),
            code: status.code(),
            reason: status.message().to_owned(),
            retry_in,
            text,
        }
    }

    /// What is done with events where [`Options::on_event`](crate::Options::on_event) is not set: handed to `tracing`,
    /// where the program has set a subscriber for it, else a line `sluice: …` on standard error.
    pub fn log(&self) {
        if !tracing::dispatcher::has_been_set() {
            // One call, so that lines of several threads do not mix.
            eprint!("{}", format_args!("sluice: {}\n", self.text));
        } else if self.code == Code::Ok {
            tracing::info!(target: "sluice_worker", kind = self.kind.name(), address = %self.address, "{}", self.text);
        } else {
            tracing::warn!(target: "sluice_worker", kind = self.kind.name(), address = %self.address, "{}", self.text);
        }
    }
}
