//! A worker on tonic: answers each message with its payload and ends when it is told to drain.
//! worker HOST:PORT [CA_FILE [CERT_FILE KEY_FILE]]
use std::fs::read;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

mod pb {
    tonic::include_proto!("sluice.v1");
}
use pb::worker_service_client::WorkerServiceClient;
use pb::{Hello, Pong, Reply, Settle, Window, WorkerFrame};

async fn connect(args: &[String]) -> Result<Channel, Box<dyn std::error::Error>> {
    let Some(ca) = args.get(2) else {
        return Ok(Channel::from_shared(format!("http://{}", args[1]))?.connect().await?);
    };
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?));
    if let (Some(cert), Some(key)) = (args.get(3), args.get(4)) {
        tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?));
    }
    Ok(Channel::from_shared(format!("https://{}", args[1]))?.tls_config(tls)?.connect().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let mut client = WorkerServiceClient::new(connect(&args).await?);
    let (send, requests) = mpsc::channel(16);
    let hello = Hello {
        worker_name: "rust".into(),
        chains: vec!["c".into()],
        window: Some(Window { messages: 10, bytes: 0 }),
        ..Default::default()
    };
    send.send(WorkerFrame { hello: Some(hello), ..Default::default() }).await?;
    let mut send = Some(send);
    let mut frames = client.work(ReceiverStream::new(requests)).await?.into_inner();
    while let Some(frame) = frames.message().await? {
        let mut answer = WorkerFrame::default();
        if let Some(ping) = frame.ping {
            answer.pong = Some(Pong { nonce: ping.nonce });
        }
        for delivery in frame.deliveries {
            let reply = Reply { topic: "reply".into(), payload: delivery.payload, ..Default::default() };
            answer.settles.push(Settle {
                delivery_id: delivery.delivery_id,
                replies: vec![reply],
                ..Default::default()
            });
        }
        if let Some(send) = &send {
            if answer != WorkerFrame::default() {
                send.send(answer).await?;
            }
        }
        if frame.drain.is_some() {
            send = None;
        }
    }
    Ok(())
}
