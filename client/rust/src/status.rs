//! The SDK's own outcome type: gRPC's codes without gRPC's types, so that a new tonic is no new SDK.

use std::fmt;

/// gRPC's codes, with gRPC's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
#[allow(missing_docs)] // Their meaning is gRPC's.
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// gRPC's name: `"UNAVAILABLE"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// Will not go away by itself: what a worker tries again slowly.
    pub(crate) fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::InvalidArgument
                | Self::Unauthenticated
                | Self::PermissionDenied
                | Self::FailedPrecondition
                | Self::Unimplemented
        )
    }
}

impl From<tonic::Code> for Code {
    fn from(code: tonic::Code) -> Self {
        use tonic::Code as Theirs;
        match code {
            Theirs::Ok => Self::Ok,
            Theirs::Cancelled => Self::Cancelled,
            Theirs::Unknown => Self::Unknown,
            Theirs::InvalidArgument => Self::InvalidArgument,
            Theirs::DeadlineExceeded => Self::DeadlineExceeded,
            Theirs::NotFound => Self::NotFound,
            Theirs::AlreadyExists => Self::AlreadyExists,
            Theirs::PermissionDenied => Self::PermissionDenied,
            Theirs::ResourceExhausted => Self::ResourceExhausted,
            Theirs::FailedPrecondition => Self::FailedPrecondition,
            Theirs::Aborted => Self::Aborted,
            Theirs::OutOfRange => Self::OutOfRange,
            Theirs::Unimplemented => Self::Unimplemented,
            Theirs::Internal => Self::Internal,
            Theirs::Unavailable => Self::Unavailable,
            Theirs::DataLoss => Self::DataLoss,
            Theirs::Unauthenticated => Self::Unauthenticated,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of a stream, a call, or a whole run. As an error it is never [`Code::Ok`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    code: Code,
    message: String,
}

impl Status {
    /// A status with a message for people.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn ok() -> Self {
        Self::new(Code::Ok, "")
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.code == Code::Ok
    }

    /// What kind of outcome it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// For people; may be empty.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            f.write_str(self.code.name())
        } else {
            write!(f, "{}: {}", self.code, self.message)
        }
    }
}

impl std::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_code_and_message() {
        assert_eq!(
            Status::new(Code::Unavailable, "connection refused").to_string(),
            "UNAVAILABLE: connection refused"
        );
        assert_eq!(Status::ok().to_string(), "OK");
    }
}
