//! SIGTERM and SIGINT: the first drains, the second stops.

use crate::status::{Code, Status};

/// Calls `on_signal` with 1, 2, … for each signal. Never returns, save with an error.
#[cfg(unix)]
pub(crate) async fn watch(on_signal: impl Fn(u32)) -> Result<std::convert::Infallible, Status> {
    use std::future::poll_fn;
    use std::task::Poll;
    use tokio::signal::unix::{signal, SignalKind};

    let listen =
        |kind| signal(kind).map_err(|error| Status::new(Code::Internal, format!("cannot watch signals: {error}")));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    for count in 1.. {
        poll_fn(|cx| {
            if terminate.poll_recv(cx).is_ready() || interrupt.poll_recv(cx).is_ready() {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
        on_signal(count);
    }
    Err(Status::new(Code::Internal, "too many signals"))
}

#[cfg(not(unix))]
pub(crate) async fn watch(on_signal: impl Fn(u32)) -> Result<std::convert::Infallible, Status> {
    for count in 1.. {
        let signal = tokio::signal::ctrl_c().await;
        signal.map_err(|error| Status::new(Code::Internal, format!("cannot watch signals: {error}")))?;
        on_signal(count);
    }
    Err(Status::new(Code::Internal, "too many signals"))
}
