//! Which deliveries are held, which of them handlers have begun, and when their leases are to be extended: at half the
//! lease, again and again. Costs once per frame, nothing per message. Pure: time comes as a parameter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicU8, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HELD: u8 = 0; // Waits for a handler.
const RUNNING: u8 = 1; // In a handler.
const DONE: u8 = 2; // Settled.
const LOST: u8 = 3; // The gateway gave it to another worker.

/// A delivery from its receipt to its settle.
#[derive(Debug)]
pub(crate) struct Held {
    pub id: u64,
    pub window_bytes: u64,
    state: AtomicU8,
    /// 0: not to be extended, any more. The next two are written by the keeper only.
    lease_ms: AtomicU64,
    /// When the gateway was told that a handler has begun it, in milliseconds of the keeper plus 1; 0: it was not.
    told: AtomicU64,
}

impl Held {
    pub(crate) fn new(id: u64, lease_ms: u32, window_bytes: u64) -> Self {
        Self {
            id,
            window_bytes,
            state: AtomicU8::new(HELD),
            lease_ms: AtomicU64::new(u64::from(lease_ms)),
            told: AtomicU64::new(0),
        }
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// False: it was lost before.
    pub(crate) fn begin(&self) -> bool {
        self.change(HELD, RUNNING)
    }

    /// False: it was lost while the handler ran.
    pub(crate) fn finish(&self) -> bool {
        self.change(RUNNING, DONE)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.state.load(Ordering::Relaxed) == LOST
    }

    fn is_open(&self) -> bool {
        matches!(self.state.load(Ordering::Relaxed), HELD | RUNNING)
    }

    fn is_running(&self) -> bool {
        self.state.load(Ordering::Relaxed) == RUNNING
    }

    fn was_told(&self) -> bool {
        self.told.load(Ordering::Relaxed) != 0
    }
}

/// The deliveries of one frame.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub deliveries: Box<[Held]>,
    /// Not yet through the handlers.
    left: AtomicUsize,
    /// Names it in the keeper.
    key: AtomicU64,
}

impl Group {
    pub(crate) fn new(deliveries: Box<[Held]>) -> Self {
        Self {
            left: AtomicUsize::new(deliveries.len()),
            deliveries,
            key: AtomicU64::new(0),
        }
    }

    /// One is through. True: it was the last.
    pub(crate) fn one_is_through(&self) -> bool {
        self.left.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Half of the shortest lease of those still held, from `now`; `None`: none is to be extended.
    fn due(&self, now: Instant) -> Option<Instant> {
        let leases = self.deliveries.iter().filter(|held| held.is_open());
        let shortest = leases
            .map(|held| held.lease_ms.load(Ordering::Relaxed))
            .filter(|ms| *ms > 0)
            .min()?;
        Some(now + Duration::from_millis(shortest) / 2)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub delivery_id: u64,
    pub lease_ms: u64,
}

/// Of what the gateway was told and is still in a handler.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Running {
    pub count: usize,
    /// When the last of them was told.
    pub youngest: Option<Instant>,
}

struct Entry {
    due: Option<Instant>,
    group: Arc<Group>,
}

pub(crate) struct LeaseKeeper {
    made: Instant,
    /// The gateway wants to know what has begun, and extends nothing else.
    tells_begun: bool,
    groups: BTreeMap<u64, Entry>,
    last_key: u64,
    /// Not later than the first of the groups' dues.
    next: Option<Instant>,
}

impl LeaseKeeper {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            made: now,
            tells_begun: false,
            groups: BTreeMap::new(),
            last_key: 0,
            next: None,
        }
    }

    pub(crate) fn tell_begun(&mut self) {
        self.tells_begun = true;
    }

    pub(crate) fn add(&mut self, group: &Arc<Group>, received: Instant) {
        self.last_key += 1;
        group.key.store(self.last_key, Ordering::Relaxed);
        let due = group.due(received);
        self.next = earlier(self.next, due);
        let group = Arc::clone(group);
        self.groups.insert(self.last_key, Entry { due, group });
    }

    /// When the last of the group is through.
    pub(crate) fn remove(&mut self, group: &Group) {
        self.groups.remove(&group.key.load(Ordering::Relaxed));
        if self.groups.is_empty() {
            self.next = None;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.groups.clear();
        self.next = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Held> {
        self.groups.values().flat_map(|entry| entry.group.deliveries.iter())
    }

    /// Marks a delivery that the gateway has given to another worker. Its window bytes; `None`: it is not held.
    pub(crate) fn mark_lost(&mut self, delivery_id: u64) -> Option<u64> {
        let held = self.all().find(|held| held.id == delivery_id)?;
        (held.change(HELD, LOST) || held.change(RUNNING, LOST)).then_some(held.window_bytes)
    }

    /// Its lease cannot be extended any further.
    pub(crate) fn stop_extending(&mut self, delivery_id: u64) {
        if let Some(held) = self.all().find(|held| held.id == delivery_id) {
            held.lease_ms.store(0, Ordering::Relaxed);
        }
    }

    /// What handlers have begun since the last call.
    pub(crate) fn take_begun(&mut self, now: Instant) -> Vec<u64> {
        let told = self.stamp(now);
        let fresh = self.all().filter(|held| held.is_running() && !held.was_told());
        fresh
            .map(|held| {
                held.told.store(told, Ordering::Relaxed);
                held.id
            })
            .collect()
    }

    pub(crate) fn running(&self) -> Running {
        let told = self.all().filter(|held| held.was_told() && held.is_running());
        told.fold(Running::default(), |mut running, held| {
            let since = self.made + Duration::from_millis(held.told.load(Ordering::Relaxed) - 1);
            running.count += 1;
            running.youngest = running.youngest.max(Some(since));
            running
        })
    }

    /// What is to be extended at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Extension> {
        let mut extensions = Vec::new();
        if self.next.is_none_or(|next| next > now) {
            return extensions;
        }
        self.next = None;
        for entry in self.groups.values_mut() {
            if entry.due.is_some_and(|due| due <= now) {
                for held in &entry.group.deliveries {
                    let lease_ms = held.lease_ms.load(Ordering::Relaxed);
                    if held.is_open() && lease_ms > 0 && (!self.tells_begun || held.was_told()) {
                        let delivery_id = held.id;
                        extensions.push(Extension { delivery_id, lease_ms });
                    }
                }
                entry.due = entry.group.due(now);
            }
            self.next = earlier(self.next, entry.due);
        }
        extensions
    }

    /// When `take_due` is worth a call.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    fn stamp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.made).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }
}

pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(ids: &[u64], lease_ms: u32) -> Arc<Group> {
        Arc::new(Group::new(ids.iter().map(|id| Held::new(*id, lease_ms, 10)).collect()))
    }

    fn ids(extensions: &[Extension]) -> Vec<u64> {
        extensions.iter().map(|extension| extension.delivery_id).collect()
    }

    #[test]
    fn extends_at_half_the_lease_again_and_again_until_done() {
        let now = Instant::now();
        let mut keeper = LeaseKeeper::new(now);
        let held = group(&[1, 2], 1_000);
        keeper.add(&held, now);
        assert_eq!(keeper.next(), Some(now + Duration::from_millis(500)));
        assert!(keeper.take_due(now + Duration::from_millis(499)).is_empty());
        assert_eq!(ids(&keeper.take_due(now + Duration::from_millis(500))), [1, 2]);
        assert!(held.deliveries[0].begin() && held.deliveries[0].finish());
        assert_eq!(ids(&keeper.take_due(now + Duration::from_secs(1))), [2]);
        keeper.remove(&held);
        assert!(keeper.is_empty() && keeper.next().is_none());
    }

    #[test]
    fn with_began_only_what_was_told_is_extended() {
        let now = Instant::now();
        let mut keeper = LeaseKeeper::new(now);
        keeper.tell_begun();
        let held = group(&[1, 2], 1_000);
        keeper.add(&held, now);
        assert!(held.deliveries[1].begin());
        assert_eq!(keeper.take_begun(now + Duration::from_millis(50)), [2]);
        assert!(keeper.take_begun(now + Duration::from_millis(100)).is_empty());
        let running = keeper.running();
        assert_eq!(
            (running.count, running.youngest),
            (1, Some(now + Duration::from_millis(50)))
        );
        assert_eq!(ids(&keeper.take_due(now + Duration::from_millis(500))), [2]);
        keeper.stop_extending(2);
        assert!(keeper.take_due(now + Duration::from_secs(1)).is_empty());
    }

    #[test]
    fn what_is_lost_is_neither_begun_nor_settled() {
        let now = Instant::now();
        let mut keeper = LeaseKeeper::new(now);
        let held = group(&[1, 2], 0);
        keeper.add(&held, now);
        assert_eq!(keeper.next(), None);
        assert_eq!(keeper.mark_lost(1), Some(10));
        assert_eq!(keeper.mark_lost(1), None);
        assert_eq!(keeper.mark_lost(9), None);
        assert!(!held.deliveries[0].begin());
        assert!(held.deliveries[1].begin());
        assert_eq!(keeper.mark_lost(2), Some(10));
        assert!(!held.deliveries[1].finish() && held.deliveries[1].is_lost());
        assert!(!held.one_is_through() && held.one_is_through());
    }
}
