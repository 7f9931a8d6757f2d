//! OpenTelemetry around handlers. With the feature `otel`, which adds the crate `opentelemetry` (the API only).

use std::future::Future;
use std::sync::Arc;

use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{
    FutureExt as _, SpanContext, SpanId, SpanKind, Status as SpanStatus, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _,
};
use opentelemetry::{Context as Trace, KeyValue};

use crate::context::Context;
use crate::handler::{Middleware, Next};
use crate::message::Message;
use crate::reply::Reply;
use crate::settlement::{Outcome, Settlement};

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// A span for each message, of the kind consumer, by OpenTelemetry's conventions for messaging. It continues the trace
/// that the message's user properties `traceparent` and `tracestate` carry (W3C Trace Context), and is current while the
/// handler runs. RETRY and REJECT are errors of the span.
///
/// ```
/// use sluice_worker::otel::OpenTelemetry;
/// use sluice_worker::{Message, Options, Worker};
/// let worker = Worker::new(Options::new(["gateway:7443"], ["chain"]), |_: Message| async {})
///     .with(OpenTelemetry::new().inject_into_replies());
/// ```
#[derive(Debug)]
pub struct OpenTelemetry {
    tracer: Arc<BoxedTracer>,
    inject: bool,
}

impl OpenTelemetry {
    /// With the global tracer provider, as it is set by now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tracer: Arc::new(global::tracer("sluice-worker")),
            inject: false,
        }
    }

    /// Puts the span's context into the user properties of replies, so that who receives them continues the trace. A
    /// reply that has a `traceparent` keeps it.
    #[must_use]
    pub fn inject_into_replies(mut self) -> Self {
        self.inject = true;
        self
    }
}

impl Default for OpenTelemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for OpenTelemetry {
    fn call(
        &self,
        message: Message,
        context: Context,
        next: Next,
    ) -> impl Future<Output = Settlement> + Send + 'static {
        let (tracer, inject) = (Arc::clone(&self.tracer), self.inject);
        async move {
            let parent =
                remote_parent(&message).map_or_else(Trace::new, |parent| Trace::new().with_remote_span_context(parent));
            // Not with the topic: there may be as many as there are devices.
            let span = tracer
                .span_builder(format!("process {}", message.chain()))
                .with_kind(SpanKind::Consumer)
                .with_attributes(attributes(&message))
                .start_with_context(&*tracer, &parent);
            let trace = parent.with_span(span);
            let properties = if inject {
                properties_of(trace.span().span_context())
            } else {
                Vec::new()
            };
            let properties: Arc<[(String, String)]> = properties.into();
            // A handler that panics leaves the span without an outcome; it ends with the trace all the same.
            let work = next.run(message, context.with_properties(Arc::clone(&properties)));
            let mut settlement = work.with_context(trace.clone()).await;
            finish(&trace, &settlement);
            for reply in &mut settlement.replies {
                add(reply, &properties);
            }
            settlement
        }
    }
}

fn attributes(message: &Message) -> Vec<KeyValue> {
    let size = i64::try_from(message.payload().len()).unwrap_or(i64::MAX);
    vec![
        KeyValue::new("messaging.system", "mqtt"),
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.destination.name", message.topic().to_owned()),
        KeyValue::new("messaging.message.id", message.message_id().to_owned()),
        KeyValue::new("messaging.message.body.size", size),
        KeyValue::new("sluice.chain", message.chain().to_owned()),
        KeyValue::new("sluice.route", message.route().to_owned()),
        KeyValue::new("sluice.attempt", i64::from(message.attempt())),
    ]
}

fn finish(trace: &Trace, settlement: &Settlement) {
    let span = trace.span();
    let outcome = match settlement.outcome {
        Outcome::Ack => "ACK",
        Outcome::Retry => "RETRY",
        Outcome::Reject => "REJECT",
        Outcome::Drop => "DROP",
    };
    span.set_attribute(KeyValue::new("sluice.outcome", outcome));
    if matches!(settlement.outcome, Outcome::Retry | Outcome::Reject) {
        span.set_attribute(KeyValue::new("error.type", outcome));
        span.set_status(SpanStatus::error(settlement.reason.clone()));
    }
    span.end();
}

/// `00-TRACE-SPAN-FLAGS`. A later version may have more behind.
fn remote_parent(message: &Message) -> Option<SpanContext> {
    let text = message.user_property(PARENT)?;
    let mut parts = text.split('-');
    let mut hex = |len: usize| {
        let part = parts.next()?;
        let good = part.len() == len && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        good.then_some(part)
    };
    let version = hex(2)?;
    let (trace, span, flags) = (hex(32)?, hex(16)?, hex(2)?);
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let state = message
        .user_property(STATE)
        .and_then(|state| state.parse::<TraceState>().ok());
    let parent = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        state.unwrap_or_default(),
    );
    parent.is_valid().then_some(parent)
}

fn properties_of(span: &SpanContext) -> Vec<(String, String)> {
    if !span.is_valid() {
        return Vec::new();
    }
    let flags = span.trace_flags().to_u8();
    let parent = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
    let mut properties = vec![(PARENT.to_owned(), parent)];
    let state = span.trace_state().header();
    if !state.is_empty() {
        properties.push((STATE.to_owned(), state));
    }
    properties
}

/// Unless the reply carries a trace of its own.
pub(crate) fn add(reply: &mut Reply, properties: &[(String, String)]) {
    if !reply.user_properties.iter().any(|(name, _)| name == PARENT) {
        reply.user_properties.extend_from_slice(properties);
    }
}
