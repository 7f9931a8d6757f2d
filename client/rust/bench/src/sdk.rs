//! The SDK, as a user has it.

use std::time::Duration;

use sluice_worker::{Message, Options, Reply, Security, Worker};

use crate::{measure, Measured, WINDOW};

async fn echo(message: Message) -> Reply {
    Reply::new(message.payload_bytes()).to("bench/reply")
}

pub(crate) async fn run(gateway: &str, frame: usize, duration: Duration) -> Measured {
    let options = Options {
        security: Security::Plaintext,
        instance: frame.to_string(),
        window_messages: u32::try_from(WINDOW).ok(),
        on_event: Some(std::sync::Arc::new(|_| ())),
        ..Options::new([gateway], ["bench"])
    };
    let worker = Worker::new(options, echo);
    let running = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run().await }
    });
    let measured = measure(duration, || worker.stats().settled).await;
    worker.stop();
    let _ = running.await;
    measured
}
