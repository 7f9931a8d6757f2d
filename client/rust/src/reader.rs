//! The task of one stream: connects, reads frames, and has their handlers run.

use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use crate::connect;
use crate::context::Batch;
use crate::decode;
use crate::notes::Note;
use crate::options::Options;
use crate::pool::{Job, Pool};
use crate::reply::{ItemResult, ResultCode};
use crate::status::{Code, Status};
use crate::stream::Stream;

/// Serves until the stream has ended. A panic within ends it, too.
pub(crate) async fn serve(stream: Arc<Stream>, options: Arc<Options>, pool: Arc<Pool>) {
    let status = {
        let mut work = pin!(read_frames(&stream, &options, &pool));
        let caught = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
            polled.unwrap_or_else(|_| Poll::Ready(Err(Status::new(Code::Internal, "the stream's task panicked"))))
        });
        caught.await.err().unwrap_or_else(Status::ok)
    };
    stream.end();
    stream.note(Note::Ended(Arc::clone(&stream), status));
}

/// What comes first: the work, or the stream's being cancelled.
async fn unless_cancelled<T>(stream: &Stream, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let mut work = pin!(work);
    let mut cancelled = pin!(stream.cancelled());
    poll_fn(|cx| {
        // First: what cancels the stream breaks the work, too, and is the better reason.
        if let Poll::Ready(why) = cancelled.as_mut().poll(cx) {
            return Poll::Ready(Err(why));
        }
        work.as_mut().poll(cx)
    })
    .await
}

async fn read_frames(stream: &Arc<Stream>, options: &Options, pool: &Arc<Pool>) -> Result<(), Status> {
    let mut frames = unless_cancelled(stream, connect::open(stream, options)).await?;
    loop {
        let next = unless_cancelled(stream, async {
            stream.readable().await;
            frames.message().await.map_err(|status| connect::from_tonic(&status))
        });
        let Some(frame) = next.await? else {
            return Ok(());
        };
        on_frame(stream, &frame, options, pool).await?;
    }
}

async fn on_frame(stream: &Arc<Stream>, frame: &Bytes, options: &Options, pool: &Arc<Pool>) -> Result<(), Status> {
    let parts = decode::decode(frame);
    let parts = parts.map_err(|_| Status::new(Code::InvalidArgument, "the gateway sent what is no frame"))?;
    let taken = stream.on_frame(parts)?;
    if let Some(welcome) = taken.welcome {
        stream.note(Note::Connected(Arc::clone(stream), welcome));
    }
    for result in &taken.results {
        tell(stream, result, options);
    }
    if let Some(drain) = taken.drain {
        stream.note(Note::GatewayDrains(Arc::clone(stream), drain.reason));
    }
    if let Some(when) = taken.wake {
        stream.wake_by(when);
    }
    if let Some((group, messages)) = taken.batch {
        let stream = Arc::clone(stream);
        let job = Job {
            batch: Arc::new(Batch { stream, group }),
            index: 0,
            messages: messages.into_iter(),
        };
        pool.submit(job).await;
    }
    Ok(())
}

fn tell(stream: &Arc<Stream>, result: &ItemResult, options: &Options) {
    if let Some(on_result) = &options.on_result {
        on_result(result);
        return;
    }
    let refused = result.reply_id == 0 && !matches!(result.code, ResultCode::Ok | ResultCode::Clipped);
    if refused {
        let said = &result.message;
        stream.report_refused(if said.is_empty() {
            result.code.name().to_owned()
        } else {
            said.clone()
        });
    }
}
