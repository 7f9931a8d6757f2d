//! Reads commands from standard input, writes events to standard output: docs/conformance.md says which.

mod convert;
mod handler;
mod options;

use std::io::{BufRead, Write};
use std::sync::Arc;

use serde_json::{json, Value};
use sluice_worker::{Code, Worker};

use crate::handler::Gates;

/// Writes one event as one line.
pub(crate) fn emit(event: &Value) {
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: standard input will have ended, too.
    let _ = writeln!(out, "{event}").and_then(|()| out.flush());
}

fn run(command: &Value, gates: &Arc<Gates>, runtime: &tokio::runtime::Handle) -> Option<Worker> {
    let given = &command["options"];
    let options = match options::parse(given) {
        Ok(options) => options,
        Err(why) => {
            emit(&json!({"event": "ended", "status": "INVALID_ARGUMENT", "text": why}));
            return None;
        }
    };
    let gates = Arc::clone(gates);
    let worker = Worker::new(options, move |message, context| {
        handler::handle(message, context, Arc::clone(&gates))
    });
    let running = worker.clone();
    let signals = given["signals"].as_bool().unwrap_or(false);
    runtime.spawn(async move {
        let ended = if signals {
            running.run_until_signal().await
        } else {
            running.run().await
        };
        let (status, text) = match ended {
            Ok(()) => (Code::Ok, String::new()),
            Err(status) => (status.code(), status.message().to_owned()),
        };
        emit(&json!({"event": "ended", "status": status.name(), "text": text}));
    });
    Some(worker)
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let gates = Arc::new(Gates::default());
    let mut worker: Option<Worker> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Ok(command) = serde_json::from_str::<Value>(&line) else {
            eprintln!("testee: no command: {line}");
            continue;
        };
        match (command["cmd"].as_str(), &worker) {
            (Some("run"), _) => worker = run(&command, &gates, runtime.handle()),
            (Some("drain"), Some(worker)) => worker.drain(),
            (Some("stop"), Some(worker)) => worker.stop(),
            (Some("release"), _) => gates.release(command["gate"].as_str().unwrap_or_default()),
            (Some("stats"), Some(worker)) => {
                let stats = worker.stats();
                let (streams, received, settled) = (stats.streams, stats.received, stats.settled);
                emit(&json!({"event": "stats", "streams": streams, "received": received, "settled": settled}));
            }
            _ => eprintln!("testee: unknown command, or no worker: {line}"),
        }
    }
    // Handlers that wait are not waited for.
    runtime.shutdown_background();
    Ok(())
}
