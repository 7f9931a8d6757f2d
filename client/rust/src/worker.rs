//! The worker as its user holds it.

use std::fmt;
use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};

use crate::fleet::Fleet;
use crate::handler::{layered, Erased, Handler, Middleware, Typed};
use crate::notes::{Alarm, Note, Notes};
use crate::options::Options;
use crate::pool::Pool;
use crate::signals;
use crate::status::{Code, Status};
use crate::stream::lock;

/// How a worker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connected now.
    pub streams: u32,
    /// Deliveries, since the worker was made.
    pub received: u64,
    /// Handlers that came to an end, whatever their outcome.
    pub settled: u64,
}

/// Takes messages from gateways, and settles each with what a handler makes of it.
///
/// A clone is the same worker: keep one to [`drain`](Self::drain) it from elsewhere.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
    handler: Arc<dyn Erased>,
}

struct Shared {
    options: Arc<Options>,
    pool: Arc<Pool>,
    notes: Notes,
    connected: Arc<AtomicU32>,
    /// Taken by `run`.
    inbox: Mutex<Option<UnboundedReceiver<Note>>>,
}

impl Worker {
    /// A worker that is not running yet; needs no runtime. The handler is an `async fn(Message) -> T` or an `async
    /// fn(Message, Context) -> T`, where `T` is [`IntoSettlement`](crate::IntoSettlement).
    pub fn new<H, A>(options: Options, handler: H) -> Self
    where
        H: Handler<A>,
        A: 'static,
    {
        let (sender, inbox) = unbounded_channel();
        let alarm = Arc::new(Alarm::new());
        let pool = Pool::new(options.slots(), Arc::clone(&alarm));
        let shared = Shared {
            options: Arc::new(options),
            pool: Arc::new(pool),
            notes: Notes { sender, alarm },
            connected: Arc::default(),
            inbox: Mutex::new(Some(inbox)),
        };
        Self {
            shared: Arc::new(shared),
            handler: Arc::new(Typed::new(handler)),
        }
    }

    /// Puts a middleware around the handler, and around those put there before. Costs two allocations a message.
    #[must_use]
    pub fn with(self, middleware: impl Middleware) -> Self {
        Self {
            handler: layered(middleware, self.handler),
            shared: self.shared,
        }
    }

    /// Serves until [`drain`](Self::drain) or [`stop`](Self::stop), over any number of lost connections. `Ok`:
    /// everything in work was settled. Dropped before its end it lets go of everything at once; what is in work is
    /// delivered again.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] at once: an option is wrong. [`Code::DeadlineExceeded`]: the drain timeout passed.
    /// [`Code::Cancelled`]: it was stopped. [`Code::FailedPrecondition`]: called a second time.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time.
    pub async fn run(&self) -> Result<(), Status> {
        let shared = &self.shared;
        shared.options.validate()?;
        let inbox = lock(&shared.inbox).take();
        let again = || Status::new(Code::FailedPrecondition, "run() was called before; make a new Worker");
        let inbox = inbox.ok_or_else(again)?;
        shared.pool.set_handler(Arc::clone(&self.handler));
        let fleet = Fleet::new(
            Arc::clone(&shared.options),
            Arc::clone(&shared.pool),
            shared.notes.clone(),
            inbox,
            Arc::clone(&shared.connected),
        )?;
        fleet.run().await
    }

    /// [`run`](Self::run), with SIGTERM and SIGINT (on Windows: Ctrl-C) taken over: the first drains, the second stops.
    /// They stay taken over after it has returned, as it is with tokio's signals.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); [`Code::Internal`]: the signals cannot be watched.
    pub async fn run_until_signal(&self) -> Result<(), Status> {
        let mut run = pin!(self.run());
        let mut watch = pin!(signals::watch(|count| match count {
            1 => self.drain(),
            _ => self.stop(),
        }));
        poll_fn(|cx| {
            // First, so that no signal is missed once it runs.
            if let Poll::Ready(Err(error)) = watch.as_mut().poll(cx) {
                return Poll::Ready(Err(error));
            }
            run.as_mut().poll(cx)
        })
        .await
    }

    /// Takes no new messages, finishes those in work, lets [`run`](Self::run) return. Returns at once. May be called
    /// several times, also before `run`.
    pub fn drain(&self) {
        self.shared.notes.send(Note::Drain);
    }

    /// Ends the streams as they are; what is in work will be delivered again. [`run`](Self::run) returns when running
    /// handlers have; they can look at [`Context::abandoned`](crate::Context::abandoned).
    pub fn stop(&self) {
        self.shared.notes.send(Note::Stop);
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            streams: self.shared.connected.load(Ordering::Relaxed),
            received: self.shared.pool.received.load(Ordering::Relaxed),
            settled: self.shared.pool.settled.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("options", &self.shared.options)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
