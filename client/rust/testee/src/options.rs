//! Options as the suite gives them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sluice_worker::{BoxError, Event, ItemResult, Options, Resolver, Security, TokenSource};

use crate::{convert, emit};

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

fn set<T>(option: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *option = value;
    }
}

/// Lines of `NAME ADDRESS…`.
fn look_up(file: &str, host: &str) -> Result<Vec<IpAddr>, BoxError> {
    let content = std::fs::read_to_string(file)?;
    for line in content.lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some(host) {
            return words.map(|word| word.parse().map_err(Into::into)).collect();
        }
    }
    Err(format!("{host} cannot be found").into())
}

/// An error says why the SDK's own types cannot hold them.
pub(crate) fn parse(given: &Value) -> Result<Options, String> {
    let text = |name: &str| given[name].as_str().map(ToOwned::to_owned);
    let path = |name: &str| given[name].as_str().filter(|path| !path.is_empty()).map(PathBuf::from);
    let millis = |name: &str| convert::number(&given[name]).map(Duration::from_millis);
    for (name, value) in given.as_object().into_iter().flatten() {
        if value.as_f64().is_some_and(|number| number < 0.0) {
            return Err(format!("{name} is {value}; allowed is 0 or more"));
        }
    }
    let mut options = Options::new(texts(&given["gateways"]), texts(&given["chains"]));
    set(&mut options.worker_name, text("worker_name"));
    set(&mut options.instance, text("instance"));
    options.window_messages = convert::number(&given["window_messages"]);
    set(&mut options.window_bytes, convert::number(&given["window_bytes"]));
    options.concurrency = convert::number(&given["concurrency"]);
    set(&mut options.lease, millis("lease_ms"));
    set(&mut options.resolve_interval, millis("resolve_interval_ms"));
    set(&mut options.reconnect_first, millis("reconnect_first_ms"));
    set(&mut options.reconnect_longest, millis("reconnect_longest_ms"));
    set(&mut options.connect_timeout, millis("connect_timeout_ms"));
    set(&mut options.drain_timeout, millis("drain_timeout_ms"));
    set(
        &mut options.send_buffer_bytes,
        convert::number(&given["send_buffer_bytes"]),
    );
    options.security = match given["security"].as_str() {
        Some("tls") => Security::Tls,
        _ => Security::Plaintext,
    };
    options.tls.ca_file = path("ca_file");
    options.tls.cert_file = path("cert_file");
    options.tls.key_file = path("key_file");
    options.tls.server_name = text("server_name").filter(|name| !name.is_empty());
    options.token_file = path("token_file");
    options.token = text("token").map(|token| {
        TokenSource::new(move || {
            let token = token.clone();
            async { Ok(token) }
        })
    });
    options.resolver = text("resolve_file").map(|file| {
        Resolver::new(move |host| {
            let found = look_up(&file, &host);
            async { found }
        })
    });
    options.on_event = Some(Arc::new(|event: &Event| emit(&convert::event(event))));
    options.on_result = Some(Arc::new(|result: &ItemResult| emit(&convert::result(result))));
    Ok(options)
}
