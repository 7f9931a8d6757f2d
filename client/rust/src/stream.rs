//! One stream to one gateway replica, as the tasks around it share it: its reader, the connection that asks for what is
//! to be written, handlers, and the fleet.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::sync::Notify;

use crate::address::Address;
use crate::core::{Core, Out, Taken, Terms};
use crate::decode::GatewayParts;
use crate::leases::{Group, Held, Running};
use crate::notes::{Note, Notes};
use crate::outbox::{Chunk, Frame};
use crate::status::{Code, Status};

/// A lock that a panic elsewhere does not take away: everything guarded by one is whole between two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct State {
    core: Core,
    /// Of the connection, which waits for something to write.
    writer: Option<Waker>,
    /// Why it was cancelled.
    why: Option<Status>,
}

pub(crate) struct Stream {
    pub address: Address,
    /// Tells this one from others, before and after it, to the same address.
    pub serial: u64,
    state: Mutex<State>,
    alive: AtomicBool,
    max_item_bytes: AtomicUsize,
    send_buffer_bytes: usize,
    /// For handlers: there is room to send, a delivery was lost, or the stream has ended.
    changed: Notify,
    /// For the reader: the window is held to again.
    readable: Notify,
    cancelled: Notify,
    notes: Notes,
}

impl Stream {
    pub(crate) fn new(
        address: Address,
        serial: u64,
        terms: Arc<Terms>,
        window: u32,
        send_buffer_bytes: usize,
        notes: Notes,
    ) -> Self {
        let state = State {
            core: Core::new(terms, window, Instant::now()),
            writer: None,
            why: None,
        };
        Self {
            address,
            serial,
            state: Mutex::new(state),
            alive: AtomicBool::new(true),
            max_item_bytes: AtomicUsize::new(0),
            send_buffer_bytes,
            changed: Notify::new(),
            readable: Notify::new(),
            cancelled: Notify::new(),
            notes,
        }
    }

    /// Changes the state, then wakes the connection, which looks for itself whether there is something to write.
    fn change<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let mut state = lock(&self.state);
        let result = change(&mut state.core);
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        result
    }

    /// False once settles can no longer reach the gateway.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// The largest item that may be sent.
    pub(crate) fn max_item_bytes(&self) -> usize {
        self.max_item_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, note: Note) {
        self.notes.send(note);
    }

    /// `tick` is to be called at `when` at the latest.
    pub(crate) fn wake_by(&self, when: Instant) {
        self.notes.alarm.wake_by(when);
    }

    // ---- the fleet

    /// Leaves when all that is held is settled.
    pub(crate) fn drain(&self) {
        if !self.change(Core::drain) {
            self.cancel(Status::new(Code::Cancelled, "the worker shuts down"));
        }
    }

    /// Ends at once, for this reason.
    pub(crate) fn cancel(&self, why: Status) {
        lock(&self.state).why.get_or_insert(why);
        self.cancelled.notify_one();
        self.is_over();
    }

    /// When it wants to be called next; `None`: never again.
    pub(crate) fn tick(&self, now: Instant) -> Option<Instant> {
        if !self.is_alive() {
            return None;
        }
        match self.change(|core| core.tick(now)) {
            Ok(next) => Some(next),
            Err(why) => {
                self.cancel(why);
                None
            }
        }
    }

    pub(crate) fn set_window(&self, messages: u32) {
        self.change(|core| core.set_window(messages));
    }

    /// Whether it has something to do, and what its handlers are at.
    pub(crate) fn load(&self, now: Instant) -> (bool, Running) {
        let state = lock(&self.state);
        (state.core.is_active(now), state.core.running())
    }

    // ---- the reader

    /// Returns when the stream was cancelled.
    pub(crate) async fn cancelled(&self) -> Status {
        loop {
            if let Some(why) = lock(&self.state).why.clone() {
                return why;
            }
            self.cancelled.notified().await;
        }
    }

    /// Returns when the next frame may be read.
    pub(crate) async fn readable(&self) {
        loop {
            {
                let mut state = lock(&self.state);
                if !state.core.over_window() {
                    state.core.set_reading(Instant::now());
                    return;
                }
            }
            self.readable.notified().await;
        }
    }

    pub(crate) fn on_frame(&self, parts: GatewayParts) -> Result<Taken, Status> {
        let greets = parts.welcome.is_some();
        let taken = self.change(|core| {
            let taken = core.on_frame(parts, Instant::now());
            if greets {
                self.max_item_bytes.store(core.max_item_bytes(), Ordering::Relaxed);
            }
            taken
        })?;
        if taken.lost {
            self.changed.notify_waiters();
        }
        Ok(taken)
    }

    /// Raises an event at most once a second.
    pub(crate) fn report_refused(self: &Arc<Self>, what: String) {
        if lock(&self.state).core.may_report(Instant::now()) {
            self.note(Note::ItemRefused(Arc::clone(self), what));
        }
    }

    /// It is over: who waits for it is told, and what it held is given up.
    pub(crate) fn end(&self) {
        self.is_over();
        self.change(Core::end);
    }

    fn is_over(&self) {
        self.alive.store(false, Ordering::Relaxed);
        // The connection lets go of the call, too.
        self.change(|_| ());
        self.changed.notify_waiters();
    }

    // ---- handlers

    /// Takes what `chunk` holds and leaves it empty; `finished` are through.
    pub(crate) fn send(&self, chunk: &mut Chunk, finished: &mut Vec<Arc<Group>>) {
        if !self.is_alive() {
            chunk.clear();
            finished.clear();
            return;
        }
        self.change(|core| {
            if !chunk.is_empty() {
                core.append(chunk);
            }
            for group in finished.drain(..) {
                core.finish(&group);
            }
        });
    }

    /// The same for replies ahead of their settle, under the bound on unsent bytes.
    pub(crate) async fn send_early(&self, chunk: &mut Chunk, held: &Held) -> Result<(), Status> {
        let len = chunk.bytes.len();
        let limit = self.send_buffer_bytes;
        let mut lost = false;
        let over = self.until(|| {
            self.change(|core| {
                lost = held.is_lost();
                let room = !lost && core.has_room(len, limit);
                if room {
                    core.append(chunk);
                }
                room || lost
            })
        });
        let text = match over.await {
            true if !lost => return Ok(()),
            true => "the gateway has given the message to another worker",
            false => "the stream has ended",
        };
        Err(Status::new(Code::Unavailable, text))
    }

    /// Returns when `condition` holds, or false: the stream has ended.
    pub(crate) async fn until(&self, mut condition: impl FnMut() -> bool) -> bool {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // Before the look: what changes after it is not missed.
            changed.as_mut().enable();
            if !self.is_alive() {
                return false;
            }
            if condition() {
                return true;
            }
            changed.await;
        }
    }
}

/// What the connection asks for the next frame. Ends with the half-close.
pub(crate) struct Outgoing(pub Arc<Stream>);

/// The stream is over without a half-close: the call is to be reset, not ended as if all were well.
pub(crate) struct Reset;

impl futures_core::Stream for Outgoing {
    type Item = Result<Frame, Reset>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = &self.0;
        let mut state = lock(&stream.state);
        if !stream.is_alive() {
            return Poll::Ready(Some(Err(Reset)));
        }
        match state.core.take(Instant::now()) {
            Out::Frame(frame) => {
                let readable = !state.core.over_window();
                drop(state);
                if readable {
                    stream.readable.notify_one();
                }
                stream.changed.notify_waiters();
                Poll::Ready(Some(Ok(frame)))
            }
            Out::HalfClose => Poll::Ready(None),
            Out::Nothing => {
                if !state.writer.as_ref().is_some_and(|writer| writer.will_wake(cx.waker())) {
                    state.writer = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}
