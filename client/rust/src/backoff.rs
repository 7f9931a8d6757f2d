//! How long to wait before a connection is tried again. Pure, but for its randomness.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::status::Code;

#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        // The keys of a `RandomState` are the standard library's only source of randomness.
        let random = RandomState::new().build_hasher().finish() | 1;
        Self {
            first,
            longest,
            failures: 0,
            random,
        }
    }

    /// A random half … whole of a pause that doubles; with a code that will not go away by itself, of the longest.
    pub(crate) fn next(&mut self, code: Code) -> Duration {
        let whole = if code.is_fatal() {
            self.longest
        } else {
            let doubled = self.first.saturating_mul(1 << self.failures.min(20));
            self.failures += 1;
            doubled.min(self.longest)
        };
        // xorshift64*: spreads well enough for workers not to come back in step.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let random = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        let half = whole / 2;
        half + half.mul_f64(f64::from(u32::try_from(random).unwrap_or(u32::MAX)) / f64::from(u32::MAX))
    }

    /// After a stream that has served for a while.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);

    #[test]
    fn doubles_from_the_first_to_the_longest_within_half_and_whole() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        let mut whole = FIRST;
        for _ in 0..40 {
            let pause = backoff.next(Code::Unavailable);
            assert!(pause >= whole / 2 && pause <= whole, "{pause:?} of {whole:?}");
            whole = (whole * 2).min(LONGEST);
        }
        backoff.reset();
        assert!(backoff.next(Code::Unavailable) <= FIRST);
    }

    #[test]
    fn waits_the_longest_at_once_for_what_will_not_mend() {
        for code in [Code::Unauthenticated, Code::Unimplemented, Code::InvalidArgument] {
            assert!(Backoff::new(FIRST, LONGEST).next(code) >= LONGEST / 2);
        }
    }

    #[test]
    fn two_workers_do_not_come_back_in_step() {
        let mut one = Backoff::new(LONGEST, LONGEST);
        let mut two = Backoff::new(LONGEST, LONGEST);
        let differ = (0..8).any(|_| one.next(Code::Unavailable) != two.next(Code::Unavailable));
        assert!(differ);
    }
}
