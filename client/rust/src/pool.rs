//! Runs handlers: at most so many at once, over all streams.
//!
//! Most handlers are ready when they are first polled. A task of their own would cost more than they do, so messages are
//! worked off in a row by *runners*, each of which holds one of the slots. Where handlers are known to be cheap, the
//! stream's reader is the runner. A runner that waits for its handler sees to it that another takes what is left; one
//! that a handler blocks is noticed by the fleet's clock within a millisecond.

use std::collections::VecDeque;
use std::future::{poll_fn, Future};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::auto_window::HandlerTime;
use crate::context::Batch;
use crate::handler::Erased;
use crate::message::Message;
use crate::notes::Alarm;
use crate::stream::lock;

/// Work that takes less than a few wake-ups is better done by one runner than by two.
const WORTH_A_RUNNER: Duration = Duration::from_micros(50);
/// Below, what runners do about a message costs more than the handler, and they only get in each other's way.
const CHEAP: Duration = Duration::from_micros(5);
const PATIENCE: Duration = Duration::from_millis(1);

/// Messages of one frame that no handler has begun.
pub(crate) struct Job {
    pub batch: Arc<Batch>,
    /// Of the first of `messages`.
    pub index: usize,
    pub messages: std::vec::IntoIter<Message>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// When the first of them became so.
    front_since: Option<Instant>,
    /// Messages in `jobs`.
    queued: usize,
    /// Slots in use, and how many of them wait for their handler.
    running: usize,
    waiting: usize,
}

pub(crate) struct Pool {
    /// 0: there is no pool; readers work everything off.
    slots: usize,
    queue: Mutex<Queue>,
    tasks: Mutex<JoinSet<()>>,
    handler: OnceLock<Arc<dyn Erased>>,
    alarm: Arc<Alarm>,
    /// How long a handler keeps its thread until it is ready, or waits. Zero: not known yet.
    pub poll_time: HandlerTime,
    /// How long a message takes in all.
    pub time: HandlerTime,
    pub received: AtomicU64,
    pub settled: AtomicU64,
}

impl Pool {
    pub(crate) fn new(slots: usize, alarm: Arc<Alarm>) -> Self {
        Self {
            slots,
            queue: Mutex::default(),
            tasks: Mutex::default(),
            handler: OnceLock::new(),
            alarm,
            poll_time: HandlerTime::default(),
            time: HandlerTime::default(),
            received: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }
    }

    /// Before anything is submitted.
    pub(crate) fn set_handler(&self, handler: Arc<dyn Erased>) {
        let _ = self.handler.set(handler);
    }

    fn handler(&self) -> Arc<dyn Erased> {
        Arc::clone(
            self.handler
                .get()
                .expect("a pool is given its handler before its first job"),
        )
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    pub(crate) fn is_cheap(&self) -> bool {
        let known = self.poll_time.get();
        !known.is_zero() && known < CHEAP
    }

    /// How many runners the queued work keeps busy for long enough.
    fn wanted(&self, queued: usize) -> usize {
        let known = self.poll_time.get();
        if known.is_zero() || known >= WORTH_A_RUNNER {
            self.slots
        } else if known < CHEAP {
            1
        } else {
            1 + queued * known.as_micros() as usize / WORTH_A_RUNNER.as_micros() as usize
        }
    }

    /// Has the handlers of a job run. Returns when the reader may go on.
    pub(crate) async fn submit(self: &Arc<Self>, job: Job) {
        self.received.fetch_add(job.messages.len() as u64, Ordering::Relaxed);
        if self.slots == 0 {
            return self.handler().here(Arc::clone(self), job).await;
        }
        let cheap = self.is_cheap();
        let mut start = 0;
        let mut at_once = None;
        {
            let mut queue = lock(&self.queue);
            let free = self.slots - queue.running;
            let active = queue.running - queue.waiting;
            if cheap && queue.jobs.is_empty() && active == 0 && free > 0 {
                queue.running += 1;
                at_once = Some(job);
            } else {
                let messages = job.messages.len();
                queue.front_since.get_or_insert_with(Instant::now);
                queue.queued += messages;
                queue.jobs.push_back(job);
                let useful = free.min(messages);
                let wanted = self.wanted(queue.queued);
                // Where handlers are slow, those that are busy will not come to this job soon.
                start = if wanted >= self.slots {
                    useful
                } else {
                    wanted.saturating_sub(active).min(useful)
                };
                queue.running += start;
                if start < useful {
                    self.alarm.wake_by(Instant::now() + PATIENCE);
                }
            }
        }
        if let Some(job) = at_once {
            let handler = self.handler();
            let mut job = Some(job);
            poll_fn(|cx| {
                if let Some(job) = job.take() {
                    Arc::clone(&handler).at_once(self, job, cx);
                }
                Poll::Ready(())
            })
            .await;
        }
        for _ in 0..start {
            self.spawn(self.handler().runner(Arc::clone(self)));
        }
    }

    /// Starts a runner if work has waited too long while slots are free. Returns when to call it again.
    pub(crate) fn nudge(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        {
            let mut queue = lock(&self.queue);
            let since = queue.front_since?;
            if queue.running >= self.slots {
                return None;
            }
            if now < since + PATIENCE {
                return Some(since + PATIENCE);
            }
            queue.running += 1;
        }
        self.spawn(self.handler().runner(Arc::clone(self)));
        Some(now + PATIENCE)
    }

    pub(crate) fn spawn(&self, runner: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(runner);
    }

    /// Lets go of all handlers at once.
    pub(crate) fn abort(&self) {
        lock(&self.tasks).abort_all();
    }

    /// Returns when no handler runs. Nothing is submitted any more; what waits is of streams that have ended.
    pub(crate) async fn finish(&self) {
        loop {
            let ended = poll_fn(|cx| lock(&self.tasks).poll_join_next(cx)).await;
            if ended.is_none() {
                return;
            }
        }
    }

    /// Something to do for a runner: a job, or one message of it where that takes long. `None`: its slot is free again.
    pub(crate) fn claim(&self) -> Option<Job> {
        let whole = self.is_cheap();
        let mut queue = lock(&self.queue);
        let Some(front) = queue.jobs.front_mut() else {
            queue.running -= 1;
            return None;
        };
        let job = if whole || front.messages.len() == 1 {
            queue.jobs.pop_front()
        } else {
            let index = front.index;
            front.index += 1;
            let one: Vec<Message> = front.messages.next().into_iter().collect();
            let batch = Arc::clone(&front.batch);
            let messages = one.into_iter();
            Some(Job { batch, index, messages })
        };
        queue.queued -= job.as_ref().map_or(0, |job| job.messages.len());
        queue.front_since = (!queue.jobs.is_empty()).then(Instant::now);
        job
    }

    /// A runner will wait for its handler: `rest` is for others.
    pub(crate) fn wait_begins(self: &Arc<Self>, rest: Job) {
        let start = {
            let mut queue = lock(&self.queue);
            queue.waiting += 1;
            if rest.messages.len() > 0 {
                queue.queued += rest.messages.len();
                queue.jobs.push_front(rest);
                queue.front_since.get_or_insert_with(Instant::now);
            }
            let start = !queue.jobs.is_empty() && queue.running < self.slots;
            queue.running += usize::from(start);
            start
        };
        if start {
            self.spawn(self.handler().runner(Arc::clone(self)));
        }
    }

    pub(crate) fn wait_ends(&self) {
        lock(&self.queue).waiting -= 1;
    }

    /// The reader was the runner of one job. What came meanwhile is another's.
    pub(crate) fn leave(self: &Arc<Self>) {
        let more = {
            let mut queue = lock(&self.queue);
            let more = !queue.jobs.is_empty();
            queue.running -= usize::from(!more);
            more
        };
        if more {
            self.spawn(self.handler().runner(Arc::clone(self)));
        }
    }
}
