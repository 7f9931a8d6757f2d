//! What the tests share.
#![allow(dead_code)] // Not every test uses all of it.

use std::sync::{Arc, Mutex};

use sluice_worker::{Event, EventKind, Options, Status, Worker};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Runs a clone of the worker.
pub fn run(worker: &Worker) -> JoinHandle<Result<(), Status>> {
    let worker = worker.clone();
    tokio::spawn(async move { worker.run().await })
}

/// Keeps events, and lets a test wait for one.
#[derive(Clone)]
pub struct Events(Arc<(Mutex<Vec<Event>>, watch::Sender<usize>)>);

impl Events {
    /// Hears the events of workers with these options.
    pub fn of(options: &mut Options) -> Self {
        let events = Self(Arc::new((Mutex::default(), watch::channel(0).0)));
        let kept = events.clone();
        options.on_event = Some(Arc::new(move |event: &Event| {
            kept.0 .0.lock().unwrap().push(event.clone());
            kept.0 .1.send_modify(|count| *count += 1);
        }));
        events
    }

    pub fn all(&self) -> Vec<Event> {
        self.0 .0.lock().unwrap().clone()
    }

    /// The first event of this kind, if need be after a wait of up to 10 s.
    pub async fn expect(&self, kind: EventKind) -> Event {
        let mut changed = self.0 .1.subscribe();
        let wait = async {
            loop {
                if let Some(event) = self.all().into_iter().find(|event| event.kind == kind) {
                    return event;
                }
                changed.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(std::time::Duration::from_secs(10), wait).await;
        found.unwrap_or_else(|_| panic!("no {kind:?} in {:#?}", self.all()))
    }
}
