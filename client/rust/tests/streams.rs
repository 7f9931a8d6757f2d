//! How streams come, go, and come back.

mod common;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{run, Events};
use sluice_worker::testing::{delivery, Delivery, FakeGateway, FakeStream};
use sluice_worker::{Code, EventKind, Message, Options, Reply, Resolver, Security, Tls, TokenSource, Worker};
use tokio::sync::Semaphore;

async fn echo(message: Message) -> Reply {
    Reply::new(message.payload_bytes())
}

/// The next stream, on which a message was settled.
async fn served(gateway: &FakeGateway) -> FakeStream {
    let mut stream = gateway.accept().await;
    let id = stream.deliver(delivery("t", "x"));
    assert_eq!(stream.expect_settle().await.delivery_id, id);
    stream
}

#[tokio::test]
async fn comes_back_after_every_kind_of_loss() {
    let gateway = FakeGateway::start().await;
    let mut options = gateway.options();
    let events = Events::of(&mut options);
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    served(&gateway).await.lose_stream();
    served(&gateway).await.reset();
    served(&gateway).await.end(Code::Unavailable, "moving");
    gateway.accept_silently().await.end(Code::ResourceExhausted, "too many");
    let mut odd = served(&gateway).await;
    odd.send_raw(&b"\xffno frame"[..]);
    served(&gateway).await;
    worker.drain();
    running.await.unwrap().unwrap();
    let ends = events.all().into_iter().filter(|event| event.retry_in.is_some());
    let ends: Vec<_> = ends.map(|event| (event.kind, event.code)).collect();
    let expected = [
        (EventKind::Disconnected, Code::Unavailable),
        (EventKind::Disconnected, Code::Unavailable),
        (EventKind::Disconnected, Code::Unavailable),
        (EventKind::ConnectFailed, Code::ResourceExhausted),
        (EventKind::Disconnected, Code::InvalidArgument),
    ];
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn waits_for_a_gateway_that_is_not_there() {
    let gateway = FakeGateway::start().await;
    let address = gateway.address();
    let mut options = gateway.options();
    let events = Events::of(&mut options);
    gateway.close();
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    let event = events.expect(EventKind::ConnectFailed).await;
    assert_eq!((event.code, &event.address), (Code::Unavailable, &address));
    assert!(event.text.contains("refused"), "{}", event.text);
    let gateway = FakeGateway::listen(&address).await;
    gateway.accept().await;
    worker.stop();
    assert_eq!(running.await.unwrap().unwrap_err().code(), Code::Cancelled);
}

#[tokio::test]
async fn what_will_not_mend_waits_the_longest_at_once() {
    let gateway = FakeGateway::start().await;
    let mut options = Options {
        reconnect_longest: Duration::from_secs(3_600),
        ..gateway.options()
    };
    let events = Events::of(&mut options);
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    gateway.accept_silently().await.end(Code::Unauthenticated, "expired");
    let event = events.expect(EventKind::ConnectFailed).await;
    assert_eq!(event.code, Code::Unauthenticated);
    assert!(event.retry_in.unwrap() >= Duration::from_secs(1_800));
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn takes_leave_without_losing_anything() {
    let gateway = FakeGateway::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let worker = Worker::new(gateway.options(), {
        let gate = Arc::clone(&gate);
        move |_: Message| {
            let gate = Arc::clone(&gate);
            async move { gate.acquire().await.unwrap().forget() }
        }
    });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    stream.by_hand();
    let first = stream.deliver(delivery("t", "x"));
    assert_eq!(stream.expect_began().await, first);
    worker.drain();
    worker.drain();
    stream.expect_drain().await;
    let nonce = stream.expect_ping().await;
    // Under way when the gateway read the Drain.
    let second = stream.deliver(delivery("t", "x"));
    stream.pong(nonce);
    gate.add_permits(2);
    let settled = stream.expect_settles(2).await;
    assert_eq!([settled[0].delivery_id, settled[1].delivery_id], [first, second]);
    stream.expect_half_close().await;
    assert!(!running.is_finished(), "it reads on to the status");
    stream.end(Code::Ok, "");
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn to_a_gateways_drain_it_connects_again_and_finishes_the_old_stream_beside() {
    let gateway = FakeGateway::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let worker = Worker::new(gateway.options(), {
        let gate = Arc::clone(&gate);
        move |message: Message| {
            let gate = Arc::clone(&gate);
            async move {
                if message.payload() == b"wait" {
                    gate.acquire().await.unwrap().forget();
                }
            }
        }
    });
    let running = run(&worker);
    let mut old = gateway.accept().await;
    let held = old.deliver(delivery("t", "wait"));
    assert_eq!(old.expect_began().await, held);
    old.drain("moving");
    let mut new = gateway.accept().await;
    let id = new.deliver(delivery("t", "x"));
    assert_eq!(new.expect_settle().await.delivery_id, id);
    gate.add_permits(1);
    assert_eq!(old.expect_settle().await.delivery_id, held);
    old.expect_half_close().await;
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_ends_at_its_timeout_and_a_stop_at_once() {
    for by_drain in [true, false] {
        let gateway = FakeGateway::start().await;
        let mut options = Options {
            drain_timeout: Duration::from_millis(80),
            ..gateway.options()
        };
        let events = Events::of(&mut options);
        let worker = Worker::new(options, |_: Message, context: sluice_worker::Context| async move {
            context.abandoned().await;
        });
        let running = run(&worker);
        let mut stream = gateway.accept().await;
        stream.deliver(delivery("t", "x"));
        stream.expect_began().await;
        if by_drain {
            worker.drain();
        } else {
            worker.stop();
        }
        let code = if by_drain {
            Code::DeadlineExceeded
        } else {
            Code::Cancelled
        };
        assert_eq!(running.await.unwrap().unwrap_err().code(), code);
        assert_eq!(events.expect(EventKind::Disconnected).await.code, code);
        stream.expect_loss().await;
        assert_eq!(stream.pending()[0], 0);
    }
}

/// Tells that it was dropped.
struct Tell(Arc<AtomicBool>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_lets_go_of_everything() {
    let gateway = FakeGateway::start().await;
    let let_go = Arc::new(AtomicBool::new(false));
    let worker = Worker::new(gateway.options(), {
        let let_go = Arc::clone(&let_go);
        move |_: Message| {
            let tell = Tell(Arc::clone(&let_go));
            async move {
                let _tell = tell;
                std::future::pending::<()>().await;
            }
        }
    });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    stream.deliver(delivery("t", "x"));
    stream.expect_began().await;
    running.abort();
    stream.expect_loss().await;
    while !let_go.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    assert_eq!(worker.stats().streams, 0);
}

#[tokio::test]
async fn runs_once_and_only_with_good_options() {
    let gateway = FakeGateway::start().await;
    let worker = Worker::new(gateway.options(), echo);
    worker.drain();
    worker.run().await.unwrap();
    assert_eq!(worker.run().await.unwrap_err().code(), Code::FailedPrecondition);
    let worker = Worker::new(Options::new(["http://x"], ["chain"]), echo);
    assert_eq!(worker.run().await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_long_handler_is_told_of_and_its_lease_extended() {
    let gateway = FakeGateway::start().await;
    let worker = Worker::new(
        gateway.options(),
        |_: Message, context: sluice_worker::Context| async move {
            context.abandoned().await;
        },
    );
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let id = stream.deliver(Delivery {
        lease_ms: 300,
        ..delivery("t", "x")
    });
    assert_eq!(stream.expect_began().await, id);
    assert_eq!(stream.expect_extend().await, (id, 300));
    assert_eq!(stream.expect_extend().await, (id, 300));
    stream.revoke(id);
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_window_follows_how_long_handlers_take() {
    let gateway = FakeGateway::start().await;
    let options = Options {
        concurrency: Some(4),
        ..gateway.options()
    };
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    assert_eq!(stream.hello().window.as_ref().unwrap().messages, 4);
    stream.deliver_all((0..4).map(|_| delivery("t", "x")));
    stream.expect_settles(4).await;
    assert_eq!(stream.expect_window().await, (1_000, 64 << 20));
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn follows_what_a_name_stands_for() {
    let one = FakeGateway::listen("127.0.0.1:0").await;
    let port = one.address().rsplit(':').next().unwrap().to_owned();
    let two = FakeGateway::listen(&format!("127.0.0.2:{port}")).await;
    let found: Arc<Mutex<Vec<IpAddr>>> = Arc::new(Mutex::new(vec![]));
    let mut options = Options {
        gateways: vec![format!("gateways.example:{port}")],
        resolve_interval: Duration::from_secs(1),
        resolver: Some(Resolver::new({
            let found = Arc::clone(&found);
            move |host| {
                let found = found.lock().unwrap().clone();
                async move {
                    assert_eq!(host, "gateways.example");
                    if found.is_empty() {
                        return Err("not yet".into());
                    }
                    Ok(found)
                }
            }
        })),
        ..one.options()
    };
    let events = Events::of(&mut options);
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    let event = events.expect(EventKind::ResolveFailed).await;
    assert_eq!(
        (event.code, event.address.as_str()),
        (Code::NotFound, "gateways.example")
    );
    *found.lock().unwrap() = vec!["127.0.0.1".parse().unwrap()];
    let first = one.accept().await;
    *found.lock().unwrap() = vec!["127.0.0.2".parse().unwrap()];
    let _second = served(&two).await;
    assert_eq!(worker.stats().streams, 2, "a stream that works is left alone");
    first.lose_stream();
    events.expect(EventKind::Disconnected).await;
    assert!(!one.has_waiting().await);
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_token_is_asked_for_by_each_attempt() {
    let gateway = FakeGateway::start().await;
    let count = Arc::new(AtomicUsize::new(0));
    let mut options = gateway.options();
    options.token = Some(TokenSource::new(move || {
        let which = count.fetch_add(1, Ordering::SeqCst);
        async move {
            match which {
                0 => Err("the issuer sleeps".into()),
                1 => Ok("two tokens".to_owned()),
                _ => Ok(format!(" token-{which}\n")),
            }
        }
    }));
    let events = Events::of(&mut options);
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    let stream = gateway.accept().await;
    assert_eq!(stream.authorization(), Some("Bearer token-2"));
    stream.lose_stream();
    assert_eq!(gateway.accept().await.authorization(), Some("Bearer token-3"));
    let failed: Vec<_> = events
        .all()
        .into_iter()
        .filter(|event| event.kind == EventKind::ConnectFailed)
        .collect();
    assert!(failed[0].text.contains("the issuer sleeps"), "{}", failed[0].text);
    assert!(!failed[1].text.contains("two tokens"), "{}", failed[1].text);
    worker.stop();
    running.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn tls_is_the_default_and_no_plain_text_is_spoken() {
    let gateway = FakeGateway::start().await;
    let mut options = Options {
        security: Security::default(),
        tls: Tls::default(),
        ..gateway.options()
    };
    let events = Events::of(&mut options);
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    assert_eq!(events.expect(EventKind::ConnectFailed).await.code, Code::Unavailable);
    assert!(!gateway.has_waiting().await);
    worker.stop();
    running.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_listener_that_panics_does_not_end_the_worker() {
    let gateway = FakeGateway::start().await;
    let mut options = gateway.options();
    options.on_event = Some(Arc::new(|_| panic!("the listener's")));
    options.on_result = Some(Arc::new(|_| panic!("the result's")));
    let worker = Worker::new(options, echo);
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    stream.result(1, 1, 0, "");
    let mut stream = gateway.accept().await;
    stream.deliver(delivery("t", "x"));
    stream.expect_settle().await;
    worker.drain();
    running.await.unwrap().unwrap();
}
