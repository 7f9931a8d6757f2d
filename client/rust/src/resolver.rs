//! Looks names up again and again.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use crate::address::{choose, Address, Target};
use crate::backoff::Backoff;
use crate::notes::{Note, Notes};
use crate::options::Family;
use crate::sources::Resolver;
use crate::status::{Code, Status};

/// What became of one look-up.
pub(crate) type Lookup = Result<Vec<Address>, Status>;

/// Looks up every name among `targets` (not the literals) at once and then every `interval`; sooner, after a pause of
/// `failed`, while one of them cannot be found: who starts before the gateways' name is there is not to wait for long.
pub(crate) async fn resolve_forever(
    targets: Vec<Target>,
    family: Family,
    resolver: Option<Resolver>,
    interval: Duration,
    mut failed: Backoff,
    notes: Notes,
) {
    let names: Vec<(usize, &Target)> = targets
        .iter()
        .enumerate()
        .filter(|(_, target)| target.literal.is_none())
        .collect();
    if names.is_empty() {
        return;
    }
    loop {
        let mut again = interval;
        let mut found_all = true;
        for (index, target) in &names {
            let lookup = look_up(target, family, resolver.as_ref()).await;
            if let (Err(status), true) = (&lookup, found_all) {
                found_all = false;
                again = interval.min(failed.next(status.code()));
            }
            notes.send(Note::Found(*index, lookup, again));
        }
        if found_all {
            failed.reset();
        }
        tokio::time::sleep(again).await;
    }
}

async fn look_up(target: &Target, family: Family, resolver: Option<&Resolver>) -> Lookup {
    let not_found = |why: String| Status::new(Code::NotFound, why);
    let found: Vec<IpAddr> = if let Some(resolver) = resolver {
        // In a task of its own, so that a panic in it is an error like others.
        let found = tokio::spawn(resolver.look_up(&target.host)).await;
        let found = found.map_err(|_| not_found("the resolver panicked".to_owned()))?;
        found.map_err(|error| not_found(error.to_string()))?
    } else {
        let host = target.host.clone();
        let found = tokio::task::spawn_blocking(move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            found.map(|found| found.map(|address| address.ip()).collect())
        });
        let found = found.await.map_err(|error| not_found(error.to_string()))?;
        found.map_err(|error| not_found(error.to_string()))?
    };
    choose(target, &found, family)
}
