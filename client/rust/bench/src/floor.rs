//! The floor: the same frames over bare tonic and prost.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;
use sluice_worker::proto::{GatewayFrame, Hello, Reply, Settle, WorkerFrame};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Endpoint;
use tonic::Status;

use crate::{measure, Measured};

#[derive(Clone, Copy)]
struct Prost;

impl Codec for Prost {
    type Encode = WorkerFrame;
    type Decode = GatewayFrame;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Prost {
    type Item = WorkerFrame;
    type Error = Status;

    fn encode(&mut self, frame: WorkerFrame, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        frame.encode(out).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Prost {
    type Item = GatewayFrame;
    type Error = Status;

    fn decode(&mut self, frame: &mut DecodeBuf<'_>) -> Result<Option<GatewayFrame>, Status> {
        GatewayFrame::decode(frame)
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

struct Frames(UnboundedReceiver<WorkerFrame>);

impl futures_core::Stream for Frames {
    type Item = WorkerFrame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WorkerFrame>> {
        self.0.poll_recv(cx)
    }
}

async fn serve(
    gateway: String,
    frame: usize,
    count: Arc<AtomicU64>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (sender, frames) = unbounded_channel();
    let hello = Hello {
        instance: frame.to_string(),
        ..Hello::default()
    };
    sender.send(WorkerFrame {
        hello: Some(hello),
        ..WorkerFrame::default()
    })?;
    let channel = Endpoint::from_shared(format!("http://{gateway}"))?.connect().await?;
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let method = PathAndQuery::from_static("/sluice.v1.WorkerService/Work");
    let mut incoming = client
        .streaming(tonic::Request::new(Frames(frames)), method, Prost)
        .await?
        .into_inner();
    while let Some(frame) = incoming.message().await? {
        count.fetch_add(frame.deliveries.len() as u64, Ordering::Relaxed);
        let settles = frame.deliveries.into_iter().map(|delivery| Settle {
            delivery_id: delivery.delivery_id,
            replies: vec![Reply {
                topic: "bench/reply".to_owned(),
                payload: delivery.payload,
                ..Reply::default()
            }],
            ..Settle::default()
        });
        let settles: Vec<Settle> = settles.collect();
        if !settles.is_empty() {
            sender.send(WorkerFrame {
                settles,
                ..WorkerFrame::default()
            })?;
        }
    }
    Ok(())
}

pub(crate) async fn run(gateway: &str, frame: usize, duration: Duration) -> Measured {
    let count = Arc::new(AtomicU64::new(0));
    let serving = tokio::spawn(serve(gateway.to_owned(), frame, Arc::clone(&count)));
    let measured = measure(duration, || count.load(Ordering::Relaxed)).await;
    serving.abort();
    measured
}
