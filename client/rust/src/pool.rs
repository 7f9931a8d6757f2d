//! Runs handlers: at most so many at once, over all streams.
//!
//! Most handlers are ready when they are first polled. A task of their own would cost more than they do, so messages are
//! worked off in a row by *runners*, each of which holds one of the slots. Where handlers are known to be cheap, the
//! stream's reader is the runner. A runner that waits for its handler sees to it that another takes what is left; one
//! that a handler blocks is noticed by the fleet's clock within a millisecond.

use std::any::Any;
use std::collections::VecDeque;
use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::auto_window::HandlerTime;
use crate::context::{Batch, Context};
use crate::encode::{self, TooLarge};
use crate::fleet::Alarm;
use crate::handler::{Erased, Handler, Typed};
use crate::leases::Group;
use crate::message::Message;
use crate::outbox::{Chunk, MAX_ITEMS};
use crate::settlement::{IntoSettlement, Settlement};
use crate::stream::lock;

/// Work that takes less than a few wake-ups is better done by one runner than by two.
const WORTH_A_RUNNER: Duration = Duration::from_micros(50);
/// Below, what runners do about a message costs more than the handler, and they only get in each other's way.
const CHEAP: Duration = Duration::from_micros(5);
const PATIENCE: Duration = Duration::from_millis(1);
/// Settles that gather are handed to the stream when they grow this large.
const SEND_AT: usize = 64 << 10;
/// So long a runner goes on without letting others have its thread.
const TURN: Duration = Duration::from_micros(500);

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
    poll_time: HandlerTime,
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

    fn is_cheap(&self) -> bool {
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

    fn spawn(&self, runner: impl Future<Output = ()> + Send + 'static) {
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
    fn claim(&self) -> Option<Job> {
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
    fn wait_begins(self: &Arc<Self>, rest: Job) {
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

    fn wait_ends(&self) {
        lock(&self.queue).waiting -= 1;
    }

    /// The reader was the runner of one job. What came meanwhile is another's.
    fn leave(self: &Arc<Self>) {
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

/// Settles on their way to a stream.
struct Settles<'a> {
    pool: &'a Pool,
    stream: Option<Arc<Batch>>,
    chunk: Chunk,
    finished: Vec<Arc<Group>>,
    through: u64,
}

impl<'a> Settles<'a> {
    fn new(pool: &'a Pool) -> Self {
        Self {
            pool,
            stream: None,
            chunk: Chunk::default(),
            finished: Vec::new(),
            through: 0,
        }
    }

    /// What follows is of this batch.
    fn turn_to(&mut self, batch: &Arc<Batch>) {
        if self
            .stream
            .as_ref()
            .is_some_and(|now| !Arc::ptr_eq(&now.stream, &batch.stream))
        {
            self.flush();
        }
        self.stream = Some(Arc::clone(batch));
    }

    /// A handler has come to its end; `None`: it was never called, since its delivery was lost before.
    fn through(&mut self, batch: &Batch, index: usize, settlement: Option<&Settlement>) {
        if let Some(settlement) = settlement {
            let held = &batch.group.deliveries[index];
            if held.finish() {
                self.put(batch, held.id, held.window_bytes, settlement);
            }
            self.through += 1;
        }
        if batch.group.one_is_through() {
            self.finished.push(Arc::clone(&batch.group));
        }
    }

    fn put(&mut self, batch: &Batch, delivery_id: u64, window_bytes: u64, settlement: &Settlement) {
        let max_bytes = batch.stream.max_item_bytes();
        let items = encode::items_of_settle(settlement);
        if self.chunk.items + items > MAX_ITEMS {
            self.flush();
        }
        let before = self.chunk.bytes.len();
        let too_large = items > MAX_ITEMS
            || encode::put_settle(&mut self.chunk.bytes, delivery_id, settlement, max_bytes) == Err(TooLarge);
        let items = if too_large {
            let why = TooLarge::text("the handler's replies are larger", max_bytes);
            batch.stream.report_refused(why.clone());
            let _ = encode::put_settle(&mut self.chunk.bytes, delivery_id, &Settlement::reject(why), usize::MAX);
            1
        } else {
            items
        };
        if self.chunk.bytes.len() > max_bytes && before > 0 {
            // Each fits into a frame, both do not.
            let last = self.chunk.bytes.split_off(before);
            self.flush();
            self.chunk.bytes = last;
        }
        self.chunk.items += items;
        self.chunk.settled += 1;
        self.chunk.settled_bytes += window_bytes;
        if self.chunk.bytes.len() >= SEND_AT {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.pool
            .settled
            .fetch_add(std::mem::take(&mut self.through), Ordering::Relaxed);
        if self.chunk.is_empty() && self.finished.is_empty() {
            return;
        }
        if let Some(batch) = &self.stream {
            batch.stream.send(&mut self.chunk, &mut self.finished);
        }
    }
}

/// A handler's work on one message, in memory that the next one uses again.
type Slot<F> = Pin<Box<Option<F>>>;

fn panic_text(panic: &(dyn Any + Send)) -> Settlement {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Settlement::retry(text.unwrap_or_else(|| "the handler panicked".to_owned()))
}

/// Polls the work in the slot, and empties it when it is ready or has panicked.
fn poll_slot<T: IntoSettlement, F: Future<Output = T>>(
    slot: &mut Slot<F>,
    cx: &mut TaskContext<'_>,
) -> Poll<Settlement> {
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let work = slot.as_mut().as_pin_mut();
        let settlement = work.map(|work| work.poll(cx).map(IntoSettlement::into_settlement));
        if settlement != Some(Poll::Pending) {
            slot.set(None);
        }
        settlement
    }));
    match polled {
        Ok(settlement) => settlement.unwrap_or_else(|| Poll::Ready(Settlement::default())),
        Err(panic) => {
            // What is left of the work may panic when it is dropped, too.
            let _ = catch_unwind(AssertUnwindSafe(|| slot.set(None)));
            Poll::Ready(panic_text(panic.as_ref()))
        }
    }
}

/// Works the job off until it is through, or a handler waits: that one's index.
fn advance<H: Handler<A>, A: 'static>(
    typed: &Typed<H, A>,
    job: &mut Job,
    settles: &mut Settles<'_>,
    slot: &mut Slot<H::Future>,
    cx: &mut TaskContext<'_>,
) -> Option<usize> {
    let before = Instant::now();
    let mut ran = 0;
    let mut waits = None;
    for message in job.messages.by_ref() {
        let index = job.index;
        job.index += 1;
        if !job.batch.stream.is_alive() || !job.batch.group.deliveries[index].begin() {
            settles.through(&job.batch, index, None);
            continue;
        }
        ran += 1;
        let context = Context::new(Arc::clone(&job.batch), index);
        let begun = catch_unwind(AssertUnwindSafe(|| {
            slot.set(Some(typed.handler.call(message, context)));
        }));
        let polled = match begun {
            Ok(()) => poll_slot(slot, cx),
            Err(panic) => Poll::Ready(panic_text(panic.as_ref())),
        };
        match polled {
            Poll::Ready(settlement) => settles.through(&job.batch, index, Some(&settlement)),
            Poll::Pending => {
                waits = Some(index);
                break;
            }
        }
    }
    if ran > 0 {
        let each = before.elapsed() / ran;
        settles.pool.poll_time.add(each);
        if waits.is_none() {
            settles.pool.time.add(each);
        }
    }
    waits
}

/// Waits for the handler in the slot, and settles.
async fn wait_for<T: IntoSettlement, F: Future<Output = T>>(
    batch: &Arc<Batch>,
    index: usize,
    slot: &mut Slot<F>,
    settles: &mut Settles<'_>,
) {
    let since = Instant::now();
    let settlement = poll_fn(|cx| poll_slot(slot, cx)).await;
    settles.pool.time.add(since.elapsed());
    settles.turn_to(batch);
    settles.through(batch, index, Some(&settlement));
}

/// A runner: takes jobs until there are none. Begins with a handler that a reader has begun, if there is one.
pub(crate) async fn work<H: Handler<A>, A: 'static>(
    typed: Arc<Typed<H, A>>,
    pool: Arc<Pool>,
    begun: Option<(Arc<Batch>, usize, Slot<H::Future>)>,
) {
    let mut settles = Settles::new(&pool);
    let mut slot: Slot<H::Future> = Box::pin(None);
    if let Some((batch, index, mut begun)) = begun {
        wait_for(&batch, index, &mut begun, &mut settles).await;
        pool.wait_ends();
        settles.flush();
        slot = begun;
    }
    let mut turn = Instant::now();
    while let Some(mut job) = pool.claim() {
        settles.turn_to(&job.batch);
        let waits = poll_fn(|cx| Poll::Ready(advance(&typed, &mut job, &mut settles, &mut slot, cx))).await;
        if let Some(index) = waits {
            settles.flush();
            let batch = Arc::clone(&job.batch);
            pool.wait_begins(job);
            wait_for(&batch, index, &mut slot, &mut settles).await;
            pool.wait_ends();
        }
        if !pool.is_cheap() {
            settles.flush();
        }
        if turn.elapsed() >= TURN {
            settles.flush();
            tokio::task::yield_now().await;
            turn = Instant::now();
        }
    }
    settles.flush();
}

/// Works a job off on the reader's task: there are no slots.
pub(crate) async fn work_off<H: Handler<A>, A: 'static>(typed: Arc<Typed<H, A>>, pool: Arc<Pool>, mut job: Job) {
    let mut settles = Settles::new(&pool);
    let mut slot: Slot<H::Future> = Box::pin(None);
    settles.turn_to(&job.batch);
    while let Some(index) = poll_fn(|cx| Poll::Ready(advance(&typed, &mut job, &mut settles, &mut slot, cx))).await {
        settles.flush();
        let batch = Arc::clone(&job.batch);
        wait_for(&batch, index, &mut slot, &mut settles).await;
    }
    settles.flush();
}

/// Works a job of cheap handlers off on the reader's task, which holds a slot. One that waits all the same goes on in a
/// runner, which takes the slot over, and so does what comes after it.
pub(crate) fn work_at_once<H: Handler<A>, A: 'static>(
    typed: &Arc<Typed<H, A>>,
    pool: &Arc<Pool>,
    mut job: Job,
    cx: &mut TaskContext<'_>,
) {
    let mut settles = Settles::new(pool);
    let mut slot: Slot<H::Future> = Box::pin(None);
    settles.turn_to(&job.batch);
    let waits = advance(typed, &mut job, &mut settles, &mut slot, cx);
    settles.flush();
    match waits {
        None => pool.leave(),
        Some(index) => {
            let begun = (Arc::clone(&job.batch), index, slot);
            pool.wait_begins(job);
            pool.spawn(work(Arc::clone(typed), Arc::clone(pool), Some(begun)));
        }
    }
}
