//! What the fleet makes of what streams and the resolver tell it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Fleet, Link};
use crate::backoff::Backoff;
use crate::event::EventKind;
use crate::proto;
use crate::resolver::Lookup;
use crate::status::{Code, Status};
use crate::stream::Stream;

/// A stream that has served this long was no failure: the next pause starts from the first again.
const STEADY: Duration = Duration::from_secs(1);

impl Fleet {
    fn link_of(&mut self, stream: &Stream) -> Option<&mut Link> {
        let link = self.links.get_mut(&stream.address.socket);
        link.filter(|link| link.stream == Some(stream.serial))
    }

    pub(super) fn on_connected(&mut self, stream: &Stream, welcome: &proto::Welcome) {
        if let Some(serving) = self.streams.get_mut(&stream.serial) {
            serving.connected = Some(Instant::now());
            self.connected.fetch_add(1, Ordering::Relaxed);
        }
        let address = stream.address.to_string();
        let chains: Vec<&str> = welcome
            .accepted_chains
            .iter()
            .map(|chain| chain.chain.as_str())
            .collect();
        let text = format!(
            "connected to gateway {} at {address} (session {}), serving {}",
            welcome.gateway,
            welcome.session_id,
            chains.join(", ")
        );
        self.raise(EventKind::Connected, &address, &Status::ok(), text, None);
        for refused in &welcome.refused_chains {
            let text = format!(
                "gateway {address} delivers nothing from chain {}: {}",
                refused.chain, refused.reason
            );
            self.raise(EventKind::ChainRefused, &address, &Status::ok(), text, None);
        }
    }

    pub(super) fn on_gateway_drains(&mut self, stream: &Stream, reason: &str) {
        let address = stream.address.to_string();
        let why = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        let text = format!("gateway {address} drains{why}");
        self.raise(EventKind::Draining, &address, &Status::ok(), text, None);
        let now = Instant::now();
        let connected = self.streams.get(&stream.serial).and_then(|serving| serving.connected);
        let leaving = self.leaving;
        if let Some(link) = self.link_of(stream).filter(|_| !leaving) {
            // The next stream does not wait for this one's last handlers.
            link.stream = None;
            link.dial_at = now;
            // Taking leave is no failure. Of one that hardly came, the next waits a little all the same.
            link.backoff.reset();
            if connected.is_none_or(|since| now - since < STEADY) {
                link.dial_at = now + link.backoff.next(Code::Unavailable);
            }
            if !link.wanted {
                self.links.remove(&stream.address.socket);
            }
        }
    }

    pub(super) fn on_ended(&mut self, stream: &Stream, status: &Status) {
        let now = Instant::now();
        let address = stream.address.to_string();
        let connected = self
            .streams
            .remove(&stream.serial)
            .and_then(|serving| serving.connected);
        if connected.is_some() {
            self.connected.fetch_sub(1, Ordering::Relaxed);
        }
        let leaving = self.leaving;
        let mut pause = None;
        if let Some(link) = self.link_of(stream) {
            link.stream = None;
            if leaving || !link.wanted {
                self.links.remove(&stream.address.socket);
            } else {
                if connected.is_some_and(|since| now - since >= STEADY) {
                    link.backoff.reset();
                }
                let after = link.backoff.next(status.code());
                link.dial_at = now + after;
                pause = Some(after);
            }
        }
        let (kind, text) = match connected {
            Some(_) => (EventKind::Disconnected, format!("the stream ended to {address}")),
            None => (EventKind::ConnectFailed, format!("no stream to {address}")),
        };
        self.raise(kind, &address, status, text, pause);
    }

    // ---- what names stand for

    pub(super) fn on_found(&mut self, target: usize, lookup: Lookup, again: Duration) {
        match lookup {
            Ok(addresses) => {
                self.lookup_errors[target] = None;
                self.found[target] = addresses;
                self.follow_names();
            }
            // Said once until it changes: it is tried again every few seconds.
            Err(status) if self.lookup_errors[target].as_ref() != Some(&status) => {
                let host = self.targets[target].host.clone();
                let text = format!("cannot look up {host}");
                self.raise(EventKind::ResolveFailed, &host, &status, text, Some(again));
                self.lookup_errors[target] = Some(status);
            }
            Err(_) => {}
        }
    }

    fn follow_names(&mut self) {
        let mut wanted = BTreeSet::new();
        for address in self.found.iter().flatten() {
            // The same replica under two names is one.
            if wanted.insert(address.socket) {
                let backoff = Backoff::new(self.options.reconnect_first, self.options.reconnect_longest);
                let link = self.links.entry(address.socket).or_insert_with(|| Link {
                    address: address.clone(),
                    backoff,
                    stream: None,
                    dial_at: Instant::now(),
                    wanted: true,
                });
                link.wanted = true;
            }
        }
        // A stream that still works is left alone: its gateway drains it when it goes.
        self.links.retain(|replica, link| {
            link.wanted = wanted.contains(replica);
            link.wanted || link.stream.is_some()
        });
    }
}
