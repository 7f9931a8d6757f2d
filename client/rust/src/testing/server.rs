//! gRPC's wire protocol, as far as a fake gateway needs it, over h2: faults can be made that a gRPC server would not make.

use bytes::{Buf, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::heard::Heard;
use super::stream::FakeStream;
use crate::proto::{GatewayFrame, WorkerFrame};
use crate::status::Status;

/// What a test does to its stream.
pub(super) enum Command {
    Frame(Box<GatewayFrame>),
    /// Bytes that take the place of an encoded frame.
    Raw(Bytes),
    End(Status),
    /// `RST_STREAM`.
    Reset,
    /// The connection is cut.
    Cut,
}

pub(super) async fn accept(listener: TcpListener, streams: mpsc::UnboundedSender<FakeStream>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(serve(socket, streams.clone()));
    }
}

async fn serve(socket: TcpStream, streams: mpsc::UnboundedSender<FakeStream>) {
    let _ = socket.set_nodelay(true);
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 20);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else {
        return;
    };
    let (cut, mut is_cut) = watch::channel(false);
    let mut calls = JoinSet::new();
    loop {
        let mut cut_now = std::pin::pin!(is_cut.wait_for(|cut| *cut));
        let next = std::future::poll_fn(|cx| {
            if std::future::Future::poll(cut_now.as_mut(), cx).is_ready() {
                return std::task::Poll::Ready(None);
            }
            connection.poll_accept(cx)
        });
        let Some(Ok((request, respond))) = next.await else {
            return;
        };
        calls.spawn(call(request, respond, streams.clone(), cut.clone()));
    }
}

async fn call(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    streams: mpsc::UnboundedSender<FakeStream>,
    cut: watch::Sender<bool>,
) {
    let (parts, body) = request.into_parts();
    let response = Response::builder().header("content-type", "application/grpc");
    let Ok(Ok(out)) = response.body(()).map(|response| respond.send_response(response, false)) else {
        return;
    };
    let (commands, inbox) = mpsc::unbounded_channel();
    let heard = Heard::default();
    let token = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let answers = commands.downgrade();
    let stream = FakeStream::new(heard.clone(), commands, token.map(ToOwned::to_owned));
    let writer = write(out, inbox, cut);
    let reader = read(body, LostAtTheEnd(heard), answers, stream, streams);
    let mut both = JoinSet::new();
    both.spawn(writer);
    both.spawn(reader);
    while both.join_next().await.is_some() {}
}

/// However the reader ends: what did not half-close is lost.
struct LostAtTheEnd(Heard);

impl Drop for LostAtTheEnd {
    fn drop(&mut self) {
        self.0.lost();
    }
}

async fn read(
    mut body: RecvStream,
    heard: LostAtTheEnd,
    answers: mpsc::WeakUnboundedSender<Command>,
    stream: FakeStream,
    streams: mpsc::UnboundedSender<FakeStream>,
) {
    let answer = |command: Option<Command>| {
        if let (Some(command), Some(answers)) = (command, answers.upgrade()) {
            let _ = answers.send(command);
        }
    };
    let mut stream = Some(stream);
    let mut buffer = BytesMut::new();
    loop {
        heard.0.reads().await;
        let data = match body.data().await {
            None => return answer(heard.0.half_closed()),
            Some(Err(_)) => return,
            Some(Ok(data)) => data,
        };
        let _ = body.flow_control().release_capacity(data.len());
        buffer.extend_from_slice(&data);
        while let Some(frame) = next_frame(&mut buffer) {
            answer(heard.0.frame(frame));
            if let Some(mut stream) = stream.take() {
                stream.take_hello();
                let _ = streams.send(stream);
            }
        }
    }
}

fn next_frame(buffer: &mut BytesMut) -> Option<WorkerFrame> {
    let head: [u8; 5] = buffer.get(..5)?.try_into().ok()?;
    let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if buffer.len() < 5 + len {
        return None;
    }
    buffer.advance(5);
    WorkerFrame::decode(buffer.split_to(len).freeze()).ok()
}

async fn write(mut out: SendStream<Bytes>, mut inbox: mpsc::UnboundedReceiver<Command>, cut: watch::Sender<bool>) {
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Frame(frame) => send(&mut out, &frame.encode_to_vec()),
            Command::Raw(bytes) => send(&mut out, &bytes),
            Command::End(status) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from(status.code() as u16));
                if let Ok(message) = HeaderValue::from_str(status.message()) {
                    trailers.insert("grpc-message", message);
                }
                let _ = out.send_trailers(trailers);
                return;
            }
            Command::Reset => return out.send_reset(Reason::CANCEL),
            Command::Cut => {
                cut.send_replace(true);
                return;
            }
        }
    }
    // The test has dropped its stream.
    out.send_reset(Reason::CANCEL);
}

fn send(out: &mut SendStream<Bytes>, frame: &[u8]) {
    let mut bytes = BytesMut::with_capacity(5 + frame.len());
    bytes.extend_from_slice(&[0]);
    bytes.extend_from_slice(&u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(frame);
    // h2 keeps it until the worker's window has room.
    let _ = out.send_data(bytes.freeze(), false);
}
