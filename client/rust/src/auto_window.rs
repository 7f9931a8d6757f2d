//! How many messages a stream should hold when the user has not said.
//!
//! What waits in a worker is out of the reach of others. So there is no more of it than the handlers get through in
//! [`LONGEST_WAIT`], and where one message takes longer than that, none: a worker that joins then finds its share with
//! the gateway.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LONGEST_WAIT: Duration = Duration::from_millis(100);
pub(crate) const MOST: u32 = 1_000;

/// For one stream of `streams` that have something to do. `handler`: what one message takes; 0: not known yet, and then
/// it may be long.
pub(crate) fn window_for(concurrency: usize, handler: Duration, streams: usize) -> u32 {
    let mut total = concurrency as u128;
    if !handler.is_zero() {
        // Held first: a handler may take a nanosecond.
        let rounds = (LONGEST_WAIT.as_nanos() / handler.as_nanos()).min(u128::from(MOST));
        total += concurrency as u128 * rounds;
    }
    let each = total.div_ceil(streams.max(1) as u128);
    u32::try_from(each).unwrap_or(MOST).clamp(1, MOST)
}

/// Small changes are not worth a frame.
pub(crate) fn worth_telling(told: u32, wanted: u32) -> bool {
    let change = told.abs_diff(wanted);
    change > 0 && change >= told / 4
}

/// What a message takes in a handler, lately. An estimate: threads may overwrite each other's contribution.
#[derive(Debug, Default)]
pub(crate) struct HandlerTime(AtomicU64);

impl HandlerTime {
    pub(crate) fn add(&self, sample: Duration) {
        let sample = u64::try_from(sample.as_nanos()).unwrap_or(u64::MAX / 8);
        let known = self.0.load(Ordering::Relaxed);
        let next = if known == 0 { sample } else { (known * 3 + sample) / 4 };
        self.0.store(next + 1, Ordering::Relaxed);
    }

    /// 0: not known yet.
    pub(crate) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_handlers_get_through_in_a_tenth_of_a_second() {
        assert_eq!(window_for(4, Duration::ZERO, 1), 4);
        assert_eq!(window_for(4, Duration::from_millis(10), 1), 44);
        assert_eq!(window_for(4, Duration::from_secs(1), 1), 4);
        assert_eq!(window_for(4, Duration::from_nanos(1), 1), MOST);
        assert_eq!(window_for(4, Duration::from_millis(10), 3), 15);
        assert_eq!(window_for(1, Duration::from_secs(1), 9), 1);
    }

    #[test]
    fn tells_only_of_changes_by_a_quarter() {
        assert!(worth_telling(100, 125));
        assert!(!worth_telling(100, 120));
        assert!(worth_telling(3, 4));
        assert!(!worth_telling(4, 4));
    }

    #[test]
    fn time_follows_the_samples() {
        let time = HandlerTime::default();
        assert!(time.get().is_zero());
        for _ in 0..50 {
            time.add(Duration::from_millis(2));
        }
        assert!(time.get() >= Duration::from_micros(1_900) && time.get() <= Duration::from_micros(2_100));
    }
}
