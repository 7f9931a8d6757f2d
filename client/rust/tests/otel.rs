//! Spans around handlers, heard by a tracer of the test's own.

mod common;

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use common::run;
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, Tracer,
    TracerProvider,
};
use opentelemetry::{global, Context as Trace, InstrumentationScope, KeyValue};
use sluice_worker::otel::OpenTelemetry;
use sluice_worker::testing::{delivery, Delivery, FakeGateway};
use sluice_worker::{Context, Message, Reject, Reply, Worker};

#[derive(Debug, Default)]
struct Record {
    name: String,
    kind: Option<SpanKind>,
    parent: Option<SpanContext>,
    attributes: Vec<KeyValue>,
    status: Status,
    ended: bool,
}

type Records = Arc<Mutex<Vec<Record>>>;

#[derive(Clone, Debug)]
struct Recorder(Records);

#[derive(Debug)]
struct Recorded(Records, usize, SpanContext);

impl TracerProvider for Recorder {
    type Tracer = Self;
    fn tracer_with_scope(&self, _: InstrumentationScope) -> Self {
        self.clone()
    }
}

impl Tracer for Recorder {
    type Span = Recorded;
    fn build_with_context(&self, builder: SpanBuilder, parent: &Trace) -> Recorded {
        let parent = parent.has_active_span().then(|| parent.span().span_context().clone());
        let trace = parent.as_ref().map_or(TraceId::from(7), SpanContext::trace_id);
        let state = parent
            .as_ref()
            .map(|parent| parent.trace_state().clone())
            .unwrap_or_default();
        let mut records = self.0.lock().unwrap();
        records.push(Record {
            name: builder.name.into_owned(),
            kind: builder.span_kind,
            parent,
            attributes: builder.attributes.unwrap_or_default(),
            ..Record::default()
        });
        let span = SpanContext::new(trace, SpanId::from(9), TraceFlags::SAMPLED, false, state);
        Recorded(Arc::clone(&self.0), records.len() - 1, span)
    }
}

impl Span for Recorded {
    fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(&mut self, _: T, _: SystemTime, _: Vec<KeyValue>) {}
    fn span_context(&self) -> &SpanContext {
        &self.2
    }
    fn is_recording(&self) -> bool {
        true
    }
    fn set_attribute(&mut self, attribute: KeyValue) {
        self.0.lock().unwrap()[self.1].attributes.push(attribute);
    }
    fn set_status(&mut self, status: Status) {
        self.0.lock().unwrap()[self.1].status = status;
    }
    fn update_name<T: Into<Cow<'static, str>>>(&mut self, _: T) {}
    fn add_link(&mut self, _: SpanContext, _: Vec<KeyValue>) {}
    fn end_with_timestamp(&mut self, _: SystemTime) {
        self.0.lock().unwrap()[self.1].ended = true;
    }
}

fn traced(parent: &str, payload: &'static str) -> Delivery {
    let property = |name: &str, value: &str| sluice_worker::proto::UserProperty {
        name: name.into(),
        value: value.into(),
    };
    let user_properties = vec![property("traceparent", parent), property("tracestate", "vendor=1")];
    Delivery {
        user_properties,
        ..delivery("plant/temp", payload)
    }
}

#[tokio::test]
async fn a_span_continues_the_messages_trace_and_goes_on_in_replies() {
    let records = Records::default();
    global::set_tracer_provider(Recorder(Arc::clone(&records)));
    let gateway = FakeGateway::start().await;
    let worker = Worker::new(gateway.options(), |message: Message, context: Context| async move {
        if message.payload() == b"bad" {
            return Err(Reject::new("no number"));
        }
        let current = Trace::current().span().span_context().span_id();
        context.send(Reply::new(current.to_string())).await.unwrap();
        Ok(vec![
            Reply::new("a"),
            Reply::new("b").user_property("traceparent", "mine"),
        ])
    })
    .with(OpenTelemetry::new().inject_into_replies());
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    stream.deliver(traced(&format!("00-{trace}-b7ad6b7169203331-01"), "x"));
    let settle = stream.expect_settle().await;
    let expected = [
        ("traceparent", format!("00-{trace}-0000000000000009-01")),
        ("tracestate", "vendor=1".to_owned()),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(settle.replies[0].user_properties, expected);
    assert_eq!(
        settle.replies[1].user_properties,
        [("traceparent".to_owned(), "mine".to_owned())]
    );
    let (_, early) = stream.expect_reply().await;
    assert_eq!(
        (early.user_properties.as_slice(), &early.payload[..]),
        (&expected[..], &b"0000000000000009"[..])
    );
    for wrong in [
        "",
        "00-0-0-0",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
        stream.deliver(traced(wrong, "bad"));
        stream.expect_settle().await;
    }
    worker.drain();
    running.await.unwrap().unwrap();

    let records = records.lock().unwrap();
    let good = &records[0];
    assert_eq!(
        (good.name.as_str(), &good.kind, good.ended),
        ("process chain", &Some(SpanKind::Consumer), true)
    );
    let parent = good.parent.as_ref().unwrap();
    assert!(parent.is_remote() && parent.span_id().to_string() == "b7ad6b7169203331");
    let has = |record: &Record, name: &'static str, value: &'static str| {
        record.attributes.contains(&KeyValue::new(name, value))
    };
    assert!(has(good, "messaging.system", "mqtt") && has(good, "messaging.destination.name", "plant/temp"));
    assert!(has(good, "sluice.outcome", "ACK") && good.status == Status::Unset);
    assert_eq!(records.len(), 4);
    for bad in &records[1..] {
        assert!(bad.parent.is_none() && bad.ended);
        assert!(has(bad, "error.type", "REJECT") && bad.status == Status::error("no number"));
    }
}
