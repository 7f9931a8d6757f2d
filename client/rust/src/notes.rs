//! What others leave for the fleet, and when it is to look at the clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::Notify;

use crate::proto;
use crate::resolver::Lookup;
use crate::status::Status;
use crate::stream::Stream;

/// What others tell the fleet.
pub(crate) enum Note {
    Connected(Arc<Stream>, proto::Welcome),
    GatewayDrains(Arc<Stream>, String),
    ItemRefused(Arc<Stream>, String),
    Ended(Arc<Stream>, Status),
    /// Of the target with this index; the next look-up follows after the pause.
    Found(usize, Lookup, Duration),
    Drain,
    Stop,
}

/// Where notes are left, and when the fleet is to look at the clock next.
#[derive(Clone)]
pub(crate) struct Notes {
    pub sender: UnboundedSender<Note>,
    pub alarm: Arc<Alarm>,
}

impl Notes {
    pub(crate) fn send(&self, note: Note) {
        // Where the fleet is gone, nobody wants to know.
        let _ = self.sender.send(note);
    }
}

/// When the fleet is to look at the clock next. Cheap to set when it will anyway: it is set for every frame.
pub(crate) struct Alarm {
    made: Instant,
    /// Nanoseconds since then.
    at: AtomicU64,
    pub changed: Notify,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self {
            made: Instant::now(),
            at: AtomicU64::new(u64::MAX),
            changed: Notify::new(),
        }
    }

    pub(crate) fn wake_by(&self, when: Instant) {
        let nanos = when.saturating_duration_since(self.made).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        if nanos < self.at.load(Ordering::Relaxed) && nanos < self.at.fetch_min(nanos, Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// Forgets the earlier calls: those from now on count. To be called before deadlines are looked at.
    pub(crate) fn begin_round(&self) {
        self.at.store(u64::MAX, Ordering::Relaxed);
    }

    pub(crate) fn at(&self) -> Option<Instant> {
        let nanos = self.at.load(Ordering::Relaxed);
        (nanos != u64::MAX).then(|| self.made + Duration::from_nanos(nanos))
    }
}
