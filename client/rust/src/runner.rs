//! Works messages off in a row. A handler's work lives in memory that the next one uses again, so that a message whose
//! handler is ready at once costs no allocation and no task.

use std::any::Any;
use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use crate::context::{Batch, Context};
use crate::handler::{Handler, Typed};
use crate::pool::{Job, Pool};
use crate::settlement::{IntoSettlement, Settlement};
use crate::settles::Settles;

/// So long a runner goes on without letting others have its thread.
const TURN: Duration = Duration::from_micros(500);

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
