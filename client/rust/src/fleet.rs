//! All streams of a worker: one to each address that the names stand for, dialled again when it ends. Everything is
//! decided by the task in `run`; others leave notes.

mod told;

use std::collections::BTreeMap;
use std::future::{poll_fn, Future};
use std::net::SocketAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::address::{choose, Address, Target};
use crate::auto_window;
use crate::backoff::Backoff;
use crate::core::Terms;
use crate::event::{Event, EventKind};
use crate::leases::earlier;
use crate::notes::{Note, Notes};
use crate::options::Options;
use crate::pool::Pool;
use crate::reader;
use crate::resolver::resolve_forever;
use crate::status::{Code, Status};
use crate::stream::Stream;

/// What a handler on the reader's task is taken to need until it is known.
const AT_FIRST: Duration = Duration::from_millis(5);

/// One replica.
struct Link {
    address: Address,
    backoff: Backoff,
    /// `None` between attempts. A stream that leaves on its gateway's wish is not here.
    stream: Option<u64>,
    /// When there is no stream.
    dial_at: Instant,
    /// False: its name no longer gives it; it is not dialled again.
    wanted: bool,
}

struct Serving {
    stream: Arc<Stream>,
    /// Since when; `None`: it had no Welcome yet.
    connected: Option<Instant>,
}

pub(crate) struct Fleet {
    options: Arc<Options>,
    terms: Arc<Terms>,
    pool: Arc<Pool>,
    notes: Notes,
    inbox: UnboundedReceiver<Note>,
    /// How many are connected, for `Worker::stats`.
    connected: Arc<AtomicU32>,
    targets: Vec<Target>,
    /// Per target. So the next, as last reported.
    found: Vec<Vec<Address>>,
    lookup_errors: Vec<Option<Status>>,
    links: BTreeMap<SocketAddr, Link>,
    /// All that have not ended, by their serial number.
    streams: BTreeMap<u64, Serving>,
    last_serial: u64,
    tasks: JoinSet<()>,
    leaving: bool,
    leave_by: Option<Instant>,
    result: Result<(), Status>,
}

impl Drop for Fleet {
    /// Also where the caller has dropped `run` before its end.
    fn drop(&mut self) {
        self.end_streams(&Status::new(Code::Cancelled, "the worker is gone"));
        self.pool.abort();
        self.connected.store(0, Ordering::Relaxed);
    }
}

impl Fleet {
    pub(crate) fn new(
        options: Arc<Options>,
        pool: Arc<Pool>,
        notes: Notes,
        inbox: UnboundedReceiver<Note>,
        connected: Arc<AtomicU32>,
    ) -> Result<Self, Status> {
        let targets = options.gateways.iter().map(|gateway| Target::parse(gateway));
        let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
        let instance = match options.instance.as_str() {
            "" => format!("{}-{}", host_name(), std::process::id()),
            given => given.to_owned(),
        };
        let terms = Terms {
            worker_name: options.worker_name.clone(),
            instance,
            chains: options.chains.clone(),
            lease_ms: u32::try_from(options.lease.as_millis()).unwrap_or(u32::MAX),
            window_messages: options.window_messages,
            window_bytes: options.window_bytes,
            connect_timeout: options.connect_timeout,
        };
        Ok(Self {
            terms: Arc::new(terms),
            pool,
            notes,
            inbox,
            connected,
            found: vec![Vec::new(); targets.len()],
            lookup_errors: vec![None; targets.len()],
            targets,
            links: BTreeMap::new(),
            streams: BTreeMap::new(),
            last_serial: 0,
            tasks: JoinSet::new(),
            leaving: false,
            leave_by: None,
            result: Ok(()),
            options,
        })
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(self.options.reconnect_first, self.options.reconnect_longest)
    }

    /// Returns when all streams have ended and no handler runs.
    pub(crate) async fn run(mut self) -> Result<(), Status> {
        let options = Arc::clone(&self.options);
        self.tasks.spawn(resolve_forever(
            self.targets.clone(),
            options.family,
            options.resolver.clone(),
            options.resolve_interval,
            self.backoff(),
            self.notes.clone(),
        ));
        for index in 0..self.targets.len() {
            if let Some(ip) = self.targets[index].literal {
                let lookup = choose(&self.targets[index], &[ip], options.family);
                self.on_found(index, lookup, options.resolve_interval);
            }
        }
        while !self.leaving || !self.streams.is_empty() {
            self.notes.alarm.begin_round();
            if let Some(until) = self.round(Instant::now()) {
                self.notes.alarm.wake_by(until);
            }
            if let Some(note) = self.next_note().await {
                self.on_note(note);
                while let Ok(note) = self.inbox.try_recv() {
                    self.on_note(note);
                }
            }
            while self.tasks.try_join_next().is_some() {}
        }
        self.pool.finish().await;
        self.result.clone()
    }

    /// The next note; `None`: it is time to look at the clock.
    async fn next_note(&mut self) -> Option<Note> {
        let alarm = Arc::clone(&self.notes.alarm);
        loop {
            let at = alarm.at();
            let far = Duration::from_secs(3_600);
            let sleep = tokio::time::sleep_until(at.unwrap_or_else(|| Instant::now() + far).into());
            let mut sleep = pin!(sleep);
            let mut changed = pin!(alarm.changed.notified());
            // `Err`: the alarm was set anew.
            let woken = poll_fn(|cx| {
                if let Poll::Ready(note) = self.inbox.poll_recv(cx) {
                    return Poll::Ready(Ok(note));
                }
                if sleep.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(None));
                }
                changed.as_mut().poll(cx).map(Err)
            });
            if let Ok(note) = woken.await {
                return note;
            }
        }
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Connected(stream, welcome) => self.on_connected(&stream, &welcome),
            Note::GatewayDrains(stream, reason) => self.on_gateway_drains(&stream, &reason),
            Note::ItemRefused(stream, what) => {
                let text = format!("stream to {}: {what}", stream.address);
                self.raise(
                    EventKind::ItemRefused,
                    &stream.address.to_string(),
                    &Status::ok(),
                    text,
                    None,
                );
            }
            Note::Ended(stream, status) => self.on_ended(&stream, &status),
            Note::Found(target, lookup, again) => self.on_found(target, lookup, again),
            Note::Drain => self.leave(),
            Note::Stop => self.stop(),
        }
    }

    // ---- time

    /// Dials and ticks what is due; returns when it wants to be called again.
    fn round(&mut self, now: Instant) -> Option<Instant> {
        let mut next = None;
        if self.leaving {
            if self.leave_by.is_some_and(|leave_by| now >= leave_by) {
                let text = "not everything in work was settled within the drain timeout";
                let status = Status::new(Code::DeadlineExceeded, text);
                self.result = Err(status.clone());
                self.end_streams(&status);
                self.leave_by = None;
            }
            next = self.leave_by;
        } else {
            let waiting = self.links.iter().filter(|(_, link)| link.stream.is_none());
            let due: Vec<SocketAddr> = waiting
                .clone()
                .filter(|(_, link)| now >= link.dial_at)
                .map(|(at, _)| *at)
                .collect();
            for (_, link) in waiting.filter(|(_, link)| now < link.dial_at) {
                next = earlier(next, Some(link.dial_at));
            }
            for replica in due {
                self.dial(replica, now);
            }
        }
        for serving in self.streams.values() {
            next = earlier(next, serving.stream.tick(now));
        }
        if self.options.window_messages.is_none() {
            let window = self.auto_window(now);
            for serving in self.streams.values() {
                serving.stream.set_window(window);
            }
        }
        earlier(next, self.pool.nudge(now))
    }

    /// What a stream should hold when nobody has said.
    fn auto_window(&self, now: Instant) -> u32 {
        let mut handler = self.pool.time.get();
        let slots = self.pool.slots();
        if slots == 0 {
            // Each stream has a task of its own, for handlers that are known to be short.
            return auto_window::window_for(1, if handler.is_zero() { AT_FIRST } else { handler }, 1);
        }
        let (mut active, mut running, mut youngest) = (0, 0, None);
        for serving in self.streams.values() {
            let (is_active, its) = serving.stream.load(now);
            active += usize::from(is_active);
            running += its.count;
            youngest = youngest.max(its.youngest);
        }
        // No slot is free: what waits has waited for as long as this, whatever handlers took before.
        if let (true, Some(youngest)) = (running >= slots, youngest) {
            handler = handler.max(now.saturating_duration_since(youngest));
        }
        auto_window::window_for(slots, handler, active)
    }

    fn dial(&mut self, replica: SocketAddr, now: Instant) {
        let window = self.options.window_messages.unwrap_or_else(|| self.auto_window(now));
        let Some(link) = self.links.get_mut(&replica) else {
            return;
        };
        self.last_serial += 1;
        let stream = Arc::new(Stream::new(
            link.address.clone(),
            self.last_serial,
            Arc::clone(&self.terms),
            window,
            self.options.send_buffer_bytes,
            self.notes.clone(),
        ));
        link.stream = Some(self.last_serial);
        let serving = Serving {
            stream: Arc::clone(&stream),
            connected: None,
        };
        self.streams.insert(self.last_serial, serving);
        self.tasks
            .spawn(reader::serve(stream, Arc::clone(&self.options), Arc::clone(&self.pool)));
    }

    // ---- the end

    fn leave(&mut self) {
        if self.leaving {
            return;
        }
        self.leaving = true;
        self.leave_by = Some(Instant::now() + self.options.drain_timeout);
        if self.streams.values().any(|serving| serving.connected.is_some()) {
            let text = "draining: what is in work is finished first".to_owned();
            self.raise(EventKind::Draining, "", &Status::ok(), text, None);
        }
        for serving in self.streams.values() {
            serving.stream.drain();
        }
    }

    fn stop(&mut self) {
        self.leaving = true;
        self.leave_by = None;
        if self.result.is_ok() {
            self.result = Err(Status::new(Code::Cancelled, "stopped"));
        }
        if let Err(status) = self.result.clone() {
            self.end_streams(&status);
        }
    }

    fn end_streams(&self, why: &Status) {
        for serving in self.streams.values() {
            serving.stream.cancel(why.clone());
        }
    }

    fn raise(&self, kind: EventKind, address: &str, status: &Status, text: String, retry_in: Option<Duration>) {
        let event = Event::new(kind, address, status, text, retry_in);
        let told = catch_unwind(AssertUnwindSafe(|| match &self.options.on_event {
            Some(on_event) => on_event(&event),
            None => event.log(),
        }));
        // A listener that panics has been told by the panic's own message; the worker goes on.
        drop(told);
    }
}

fn host_name() -> String {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let known = from_kernel
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok());
    let mut name = known
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "host".to_owned());
    name.truncate(200); // Names of hosts are ASCII, and Hello takes 256 bytes.
    name
}
