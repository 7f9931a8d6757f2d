//! A call to a gateway: the connection, who the worker is, and frames as bytes.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use http::Uri;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::address::Address;
use crate::options::{Options, Security};
use crate::outbox::Frame;
use crate::status::{Code, Status};
use crate::stream::{Outgoing, Reset, Stream};

const METHOD: &str = "/sluice.v1.WorkerService/Work";
const USER_AGENT: &str = concat!("sluice-worker-rust/", env!("CARGO_PKG_VERSION"));
/// Of a token (worker.proto, "Who the worker is").
const MAX_TOKEN: usize = 8 << 10;

/// Dials, calls, and returns what comes. What goes out is asked of the stream.
pub(crate) async fn open(stream: &Arc<Stream>, options: &Options) -> Result<Streaming<Bytes>, Status> {
    let authorization = authorization(options).await?;
    let channel = endpoint(&stream.address, options).await?;
    let channel = channel.connect().await.map_err(|error| unavailable(&error))?;
    // What comes is bounded by the window, and the gateway says only later how large a frame can be.
    let mut client = Grpc::new(channel).max_decoding_message_size(usize::MAX);
    client.ready().await.map_err(|error| unavailable(&error))?;
    let mut request = tonic::Request::new(Outgoing(Arc::clone(stream)));
    if let Some(value) = authorization {
        request.metadata_mut().insert("authorization", value);
    }
    let method = PathAndQuery::from_static(METHOD);
    let response = client
        .streaming(request, method, FrameCodec)
        .await
        .map_err(|status| from_tonic(&status))?;
    Ok(response.into_inner())
}

fn unavailable(error: &dyn std::error::Error) -> Status {
    Status::new(Code::Unavailable, with_sources(error))
}

/// tonic's errors say little; what they stem from says it.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}

/// What the gateway said. A lost connection is UNAVAILABLE, as everywhere in gRPC but here.
pub(crate) fn from_tonic(status: &tonic::Status) -> Status {
    let code = Code::from(status.code());
    let cut_off = [
        "grpc-status header missing, mapped from HTTP status code 200",
        "Unexpected EOF decoding stream",
    ];
    let lost = cut_off.iter().any(|text| status.message().starts_with(text));
    if lost {
        return Status::new(Code::Unavailable, "the stream was cut off");
    }
    if status.source().is_none() {
        return Status::new(code, status.message());
    }
    let text = status.source().map_or_else(String::new, with_sources);
    match code {
        Code::Unknown | Code::Internal | Code::Cancelled => Status::new(Code::Unavailable, text),
        _ => Status::new(code, text),
    }
}

// ---- who the worker is

async fn read_file(path: &Path) -> Result<Vec<u8>, Status> {
    let path = path.to_owned();
    let name = path.display().to_string();
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let why = match read {
        Ok(Ok(content)) if content.is_empty() => format!("{name} is empty"),
        Ok(Ok(content)) => return Ok(content),
        Ok(Err(error)) => format!("cannot read {name}: {error}"),
        Err(_) => format!("cannot read {name}"),
    };
    Err(Status::new(Code::Unavailable, why))
}

/// The call's metadata. No error holds the token.
async fn authorization(options: &Options) -> Result<Option<MetadataValue<tonic::metadata::Ascii>>, Status> {
    let (token, whose) = if let Some(path) = &options.token_file {
        let content = read_file(path).await?;
        (
            String::from_utf8_lossy(&content).into_owned(),
            path.display().to_string(),
        )
    } else if let Some(source) = &options.token {
        let token = source.token().await;
        let token = token.map_err(|error| Status::new(Code::Unavailable, format!("no token: {error}")))?;
        (token, "the token function".to_owned())
    } else {
        return Ok(None);
    };
    let token = token.trim();
    let good = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        return Err(Status::new(
            Code::Unavailable,
            format!("{whose} holds no token, or more than one"),
        ));
    }
    if token.len() > MAX_TOKEN {
        let text = format!(
            "{whose} holds a token of {} bytes; allowed are {MAX_TOKEN}",
            token.len()
        );
        return Err(Status::new(Code::Unavailable, text));
    }
    let value = MetadataValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| Status::new(Code::Unavailable, format!("{whose} holds no token")))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

async fn endpoint(address: &Address, options: &Options) -> Result<Endpoint, Status> {
    let scheme = match options.security {
        Security::Tls => "https",
        Security::Plaintext => "http",
    };
    let made =
        Endpoint::from_shared(format!("{scheme}://{address}")).and_then(|endpoint| endpoint.user_agent(USER_AGENT));
    let endpoint = made.map_err(|error| unavailable(&error))?;
    if options.security == Security::Plaintext {
        return Ok(endpoint);
    }
    let files = &options.tls;
    // The address is dialled by number, the certificate is checked against the name.
    let name = files.server_name.as_ref().unwrap_or(&address.host);
    let mut tls = ClientTlsConfig::new().domain_name(name.as_str());
    tls = match &files.ca_file {
        Some(path) => tls.ca_certificate(Certificate::from_pem(read_file(path).await?)),
        None => tls.with_native_roots(),
    };
    if let (Some(cert), Some(key)) = (&files.cert_file, &files.key_file) {
        tls = tls.identity(Identity::from_pem(read_file(cert).await?, read_file(key).await?));
    }
    let mut endpoint = endpoint.tls_config(tls).map_err(|error| unavailable(&error))?;
    // A name that cannot stand in a URI (an IPv6 address) leaves the address there.
    if let Ok(origin) = format!("https://{name}").parse::<Uri>() {
        endpoint = endpoint.origin(origin);
    }
    Ok(endpoint)
}

// ---- frames as bytes

#[derive(Clone, Copy)]
struct FrameCodec;

impl Codec for FrameCodec {
    type Encode = Result<Frame, Reset>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for FrameCodec {
    type Item = Result<Frame, Reset>;
    type Error = tonic::Status;

    fn encode(&mut self, frame: Result<Frame, Reset>, out: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        let frame = frame.map_err(|Reset| tonic::Status::cancelled("the stream is over"))?;
        out.reserve(frame.pieces.iter().map(Vec::len).sum());
        for piece in &frame.pieces {
            out.put_slice(piece);
        }
        Ok(())
    }
}

impl Decoder for FrameCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, frame: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(frame.copy_to_bytes(frame.remaining())))
    }
}
