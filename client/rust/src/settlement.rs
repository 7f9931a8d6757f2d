//! What becomes of a message: outcomes, and the ways in which a handler may say them.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::reply::Reply;

/// A settle's verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    #[default]
    Ack = 0,
    /// Again later, here or on another worker; after the chain's `maxAttempts`, to the dead letters.
    Retry = 1,
    /// Never again: to the dead letters.
    Reject = 2,
    /// Done, on purpose without effect; counted apart.
    Drop = 3,
}

/// An outcome with the replies that are published when, and only if, the gateway accepts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What becomes of the message.
    pub outcome: Outcome,
    /// For people and dead letters; cut to 1,024 bytes.
    pub reason: String,
    /// With [`Outcome::Retry`]: not before. Zero leaves the pause to the gateway; more than an hour counts as an hour.
    pub retry_after: Duration,
    /// In this order. Not published with [`Outcome::Retry`]: the next attempt brings its own.
    pub replies: Vec<Reply>,
}

impl Settlement {
    /// Done, with these replies.
    #[must_use]
    pub fn ack(replies: Vec<Reply>) -> Self {
        Self {
            replies,
            ..Self::default()
        }
    }

    /// Again, after the gateway's own pause; see [`after`](Self::after).
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::with(Outcome::Retry, reason)
    }

    /// To the dead letters.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::with(Outcome::Reject, reason)
    }

    /// Done, on purpose without effect.
    pub fn drop(reason: impl Into<String>) -> Self {
        Self::with(Outcome::Drop, reason)
    }

    /// A retry comes no sooner than this.
    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        self.retry_after = pause;
        self
    }

    /// Adds a reply.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.replies.push(reply);
        self
    }

    fn with(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            reason: reason.into(),
            ..Self::default()
        }
    }
}

macro_rules! verdict {
    ($(#[$doc:meta])* $name:ident, $make:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(Settlement);

        impl $name {
            /// With a reason for people and dead letters.
            pub fn new(reason: impl Into<String>) -> Self {
                Self($make(reason))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.reason)
            }
        }

        impl Error for $name {}

        impl From<$name> for Settlement {
            fn from(verdict: $name) -> Self {
                verdict.0
            }
        }

        impl IntoSettlement for $name {
            fn into_settlement(self) -> Settlement {
                self.0
            }
        }
    };
}

verdict!(
    /// An error, or a return value, that asks for the message again later.
    Retry,
    Settlement::retry
);
verdict!(
    /// An error, or a return value, that sends the message to the dead letters.
    Reject,
    Settlement::reject
);
verdict!(
    /// An error, or a return value, that ends the message without effect. Name it when you import: `use
    /// sluice_worker::*` would hide the standard library's trait of this name.
    Drop,
    Settlement::drop
);

impl Retry {
    /// Not before this pause is over.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        Self(self.0.after(pause))
    }
}

/// What a handler may return.
///
/// | type | what becomes of the message |
/// |---|---|
/// | `()` | ACK |
/// | [`Reply`], `Option<Reply>`, `Vec<Reply>` | ACK with these replies |
/// | [`Settlement`] | what it says |
/// | [`Retry`], [`Reject`], [`Drop`] | what they say |
/// | `Result<T, E>` | `T`'s; of an error: what the first [`Retry`], [`Reject`] or [`Drop`] among it and its sources says, else RETRY with its text |
///
/// `E` is anything that converts into `Box<dyn Error + Send + Sync>`: every error type, a string, or that box itself,
/// into which `?` turns all of them.
pub trait IntoSettlement {
    /// The settlement that it stands for.
    fn into_settlement(self) -> Settlement;
}

impl IntoSettlement for Settlement {
    fn into_settlement(self) -> Settlement {
        self
    }
}

impl IntoSettlement for () {
    fn into_settlement(self) -> Settlement {
        Settlement::default()
    }
}

impl IntoSettlement for Reply {
    fn into_settlement(self) -> Settlement {
        Settlement::ack(vec![self])
    }
}

impl IntoSettlement for Option<Reply> {
    fn into_settlement(self) -> Settlement {
        Settlement::ack(self.into_iter().collect())
    }
}

impl IntoSettlement for Vec<Reply> {
    fn into_settlement(self) -> Settlement {
        Settlement::ack(self)
    }
}

impl<T: IntoSettlement, E: Into<Box<dyn Error + Send + Sync>>> IntoSettlement for Result<T, E> {
    fn into_settlement(self) -> Settlement {
        match self {
            Ok(value) => value.into_settlement(),
            Err(error) => of_error(error.into().as_ref()),
        }
    }
}

fn of_error(error: &(dyn Error + Send + Sync + 'static)) -> Settlement {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(Retry(settlement)) = cause.downcast_ref() {
            return settlement.clone();
        }
        if let Some(Reject(settlement)) = cause.downcast_ref() {
            return settlement.clone();
        }
        if let Some(Drop(settlement)) = cause.downcast_ref() {
            return settlement.clone();
        }
        next = cause.source();
    }
    Settlement::retry(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapped(Reject);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn asks(which: u32) -> Result<Reply, Box<dyn Error + Send + Sync>> {
        match which {
            0 => Ok(Reply::new("x")),
            1 => Err(Reject::new("bad"))?,
            2 => Err(Wrapped(Reject::new("deep")))?,
            3 => Err(Drop::new("old"))?,
            4 => Err(Retry::new("later").after(Duration::from_secs(2)))?,
            _ => Err("no such luck")?,
        }
    }

    #[test]
    fn an_error_is_a_retry_unless_it_says_otherwise() {
        assert_eq!(asks(0).into_settlement(), Settlement::ack(vec![Reply::new("x")]));
        assert_eq!(asks(1).into_settlement(), Settlement::reject("bad"));
        assert_eq!(asks(2).into_settlement(), Settlement::reject("deep"));
        assert_eq!(asks(3).into_settlement(), Settlement::drop("old"));
        assert_eq!(
            asks(4).into_settlement(),
            Settlement::retry("later").after(Duration::from_secs(2))
        );
        assert_eq!(asks(5).into_settlement(), Settlement::retry("no such luck"));
    }

    #[test]
    fn the_short_forms_are_acks() {
        assert_eq!(().into_settlement(), Settlement::default());
        assert_eq!(None::<Reply>.into_settlement(), Settlement::default());
        assert_eq!(
            vec![Reply::new("a")].into_settlement(),
            Settlement::ack(vec![Reply::new("a")])
        );
        let plain: Result<(), Reject> = Err(Reject::new("r"));
        assert_eq!(plain.into_settlement(), Settlement::reject("r"));
    }
}
