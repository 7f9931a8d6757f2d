//! A gateway that does as little as can be: it keeps the window full, and counts settles. Over h2, without gRPC's library,
//! so that it is faster than what it measures.

use std::process::ExitCode;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message as _;
use sluice_worker::proto::{Delivery, GatewayFrame, Welcome, WorkerFrame};
use tokio::net::{TcpListener, TcpStream};

use crate::{PAYLOAD, WINDOW};

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let served = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(serve(socket));
        }
        #[allow(unreachable_code)]
        Ok::<(), Failure>(())
    });
    ExitCode::from(u8::from(served.is_err()))
}

async fn serve(socket: TcpStream) -> Result<(), Failure> {
    socket.set_nodelay(true)?;
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(4 << 20)
        .initial_connection_window_size(8 << 20);
    let mut connection = builder.handshake::<_, Bytes>(socket).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        tokio::spawn(stream(request.into_body(), respond));
    }
    Ok(())
}

fn framed(frame: &GatewayFrame, out: &mut BytesMut) {
    out.put_u8(0);
    out.put_u32(u32::try_from(frame.encoded_len()).unwrap_or(u32::MAX));
    frame.encode_raw(out);
}

/// One encoded frame, whose delivery ids are overwritten: nine bytes hold any id of this process.
struct Template {
    bytes: Vec<u8>,
    ids: Vec<usize>,
}

const ID: u64 = 1 << 49; // Eight bytes as a varint.

impl Template {
    fn new(messages: usize) -> Self {
        let delivery = Delivery {
            delivery_id: ID,
            message_id: "018f6b2e-0000-7000-8000-000000000000".to_owned(),
            route: "bench".to_owned(),
            chain: "bench".to_owned(),
            topic: "plant/boiler/temperature".to_owned(),
            payload: vec![b'x'; PAYLOAD].into(),
            qos: 1,
            lease_ms: 30_000,
            attempt: 1,
            received_unix_ms: 1_700_000_000_000,
            ..Delivery::default()
        };
        let mut out = BytesMut::new();
        framed(
            &GatewayFrame {
                deliveries: vec![delivery; messages],
                ..GatewayFrame::default()
            },
            &mut out,
        );
        let mut id = vec![0x08];
        prost::encoding::encode_varint(ID, &mut id);
        let ids = out
            .windows(id.len())
            .enumerate()
            .filter(|(_, window)| *window == id)
            .map(|(at, _)| at + 1);
        Self {
            ids: ids.collect(),
            bytes: out.to_vec(),
        }
    }

    fn write(&mut self, last_id: &mut u64, out: &mut BytesMut) {
        for at in &self.ids {
            *last_id += 1;
            for (place, byte) in self.bytes[*at..*at + 7].iter_mut().enumerate() {
                *byte = ((*last_id >> (7 * place)) & 0x7f) as u8 | 0x80;
            }
        }
        out.extend_from_slice(&self.bytes);
    }
}

/// Settles in a frame, found by their tag. The first frame is a Hello.
fn count_settles(frame: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < frame.len() {
        let tag = frame[at];
        at += 1;
        let (mut len, mut shift) = (0, 0);
        while at < frame.len() {
            len |= usize::from(frame[at] & 0x7f) << shift;
            shift += 7;
            at += 1;
            if frame[at - 1] < 0x80 {
                break;
            }
        }
        count += usize::from(tag == 0x2a);
        at += len;
    }
    count
}

async fn stream(mut body: h2::RecvStream, mut respond: h2::server::SendResponse<Bytes>) -> Result<(), Failure> {
    let response = http::Response::builder()
        .header("content-type", "application/grpc")
        .body(())?;
    let mut out = respond.send_response(response, false)?;
    let mut buffer = BytesMut::new();
    let mut template: Option<Template> = None;
    let (mut in_flight, mut last_id) = (0, 0);
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        buffer.extend_from_slice(&data);
        let mut answer = BytesMut::new();
        while buffer.len() >= 5 {
            let len = u32::from_be_bytes([buffer[1], buffer[2], buffer[3], buffer[4]]) as usize;
            if buffer.len() < 5 + len {
                break;
            }
            buffer.advance(5);
            let frame = buffer.split_to(len);
            if template.is_some() {
                in_flight -= count_settles(&frame);
            } else {
                let hello = WorkerFrame::decode(&frame[..])?.hello.unwrap_or_default();
                template = Some(Template::new(hello.instance.parse()?));
                let welcome = Welcome {
                    protocol_version: 1,
                    heartbeat_interval_ms: 60_000,
                    max_frame_bytes: 4 << 20,
                    features: hello.features,
                    ..Welcome::default()
                };
                framed(
                    &GatewayFrame {
                        welcome: Some(welcome),
                        ..GatewayFrame::default()
                    },
                    &mut answer,
                );
            }
        }
        if let Some(template) = &mut template {
            while in_flight + template.ids.len() <= WINDOW {
                in_flight += template.ids.len();
                template.write(&mut last_id, &mut answer);
            }
        }
        if !answer.is_empty() {
            out.send_data(answer.freeze(), false)?;
        }
    }
    Ok(())
}
