//! What handlers return, and what they can do while they run.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{run, Events};
use sluice_worker::testing::{delivery, FakeGateway};
use sluice_worker::{
    BoxError, Code, Context, EventKind, ItemResult, Message, Next, Options, Outcome, Reject, Reply, ResultCode, Retry,
    Settlement, Worker,
};
use tokio::sync::Semaphore;

/// Settles by what the payload says.
async fn obey(message: Message) -> Result<Vec<Reply>, BoxError> {
    match message.payload() {
        b"one" => Ok(vec![Reply::new("1").to("topic").qos(1)]),
        b"two" => Ok(vec![Reply::new("1"), Reply::new("2")]),
        b"retry" => Err(Retry::new("later").after(Duration::from_secs(3)))?,
        b"reject" => Err(Reject::new("bad"))?,
        b"fail" => Err("no such luck")?,
        b"panic" => panic!("at {}", "once"),
        b"large" => Ok(vec![Reply::new(vec![0; 5 << 20])]),
        _ => Ok(vec![]),
    }
}

#[tokio::test]
async fn what_a_handler_returns_becomes_a_settle() {
    let gateway = FakeGateway::start().await;
    let mut options = gateway.options();
    let events = Events::of(&mut options);
    let worker = Worker::new(options, obey);
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let mut answers = Vec::new();
    for payload in ["none", "one", "two", "retry", "reject", "fail", "panic", "large"] {
        let id = stream.deliver(delivery("t", payload));
        let settle = stream.expect_settle().await;
        assert_eq!(settle.delivery_id, id);
        answers.push((
            settle.outcome,
            settle.reason,
            settle.retry_after.as_secs(),
            settle.replies.len(),
        ));
    }
    let too_large = answers.pop().unwrap();
    assert_eq!((too_large.0, too_large.3), (Outcome::Reject, 0));
    assert!(
        too_large.1.contains("larger than the gateway takes (4194304 bytes"),
        "{}",
        too_large.1
    );
    let of = |outcome, reason: &str, after, replies| (outcome, reason.to_owned(), after, replies);
    let expected = [
        of(Outcome::Ack, "", 0, 0),
        of(Outcome::Ack, "", 0, 1),
        of(Outcome::Ack, "", 0, 2),
        of(Outcome::Retry, "later", 3, 0),
        of(Outcome::Reject, "bad", 0, 0),
        of(Outcome::Retry, "no such luck", 0, 0),
        of(Outcome::Retry, "at once", 0, 0),
    ];
    assert_eq!(answers, expected);
    assert!(events.expect(EventKind::ItemRefused).await.text.contains("larger"));
    worker.drain();
    running.await.unwrap().unwrap();
    let stats = worker.stats();
    assert_eq!((stats.streams, stats.received, stats.settled), (0, 8, 8));
}

async fn all_are_settled(options: Options, gateway: FakeGateway, pause: Option<Duration>) -> usize {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let worker = Worker::new(options, {
        let most = Arc::clone(&most);
        move |_: Message| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
            }
        }
    });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let mut ids = Vec::new();
    for size in [1, 70, 1, 28] {
        ids.extend(stream.deliver_all((0..size).map(|_| delivery("t", "x"))));
    }
    let mut settled: Vec<u64> = stream
        .expect_settles(100)
        .await
        .iter()
        .map(|settle| settle.delivery_id)
        .collect();
    settled.sort_unstable();
    assert_eq!(settled, ids);
    worker.drain();
    running.await.unwrap().unwrap();
    most.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_handlers_run_than_the_concurrency_says() {
    for (concurrency, pause) in [
        (0, None),
        (0, Some(1)),
        (1, None),
        (1, Some(1)),
        (7, None),
        (7, Some(20)),
    ] {
        let gateway = FakeGateway::start().await;
        let options = Options {
            concurrency: Some(concurrency),
            ..gateway.options()
        };
        let most = all_are_settled(options, gateway, pause.map(Duration::from_millis)).await;
        let allowed = concurrency.max(1);
        assert!(most <= allowed, "{most} of {concurrency}");
        if pause.is_some() {
            assert_eq!(most, allowed, "all slots are used");
        }
    }
}

#[tokio::test]
async fn a_handler_that_waits_holds_up_no_other() {
    let gateway = FakeGateway::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let options = Options {
        concurrency: Some(2),
        ..gateway.options()
    };
    let worker = Worker::new(options, {
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
    let mut stream = gateway.accept().await;
    // Cheap ones first, so that the reader takes to running them itself.
    stream.deliver_all((0..200).map(|_| delivery("t", "x")));
    stream.expect_settles(200).await;
    let payloads = ["x", "wait", "x", "x"];
    let ids = stream.deliver_all(payloads.map(|payload| delivery("t", payload)));
    let settled = stream.expect_settles(3).await;
    assert!(settled.iter().all(|settle| settle.delivery_id != ids[1]));
    let more = stream.deliver(delivery("t", "x"));
    assert_eq!(stream.expect_settle().await.delivery_id, more);
    assert_eq!(stream.expect_began().await, ids[1]);
    gate.add_permits(1);
    assert_eq!(stream.expect_settle().await.delivery_id, ids[1]);
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_its_thread_holds_up_no_other() {
    let gateway = FakeGateway::start().await;
    let (block, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let worker = Worker::new(gateway.options(), move |message: Message| {
        let blocked = Arc::clone(&blocked);
        async move {
            if message.payload() == b"block" {
                let _ = blocked.lock().unwrap().recv();
            }
        }
    });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let first = stream.deliver(delivery("t", "block"));
    let second = stream.deliver(delivery("t", "x"));
    assert_eq!(stream.expect_settle().await.delivery_id, second);
    block.send(()).unwrap();
    assert_eq!(stream.expect_settle().await.delivery_id, first);
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reply_ahead_of_its_settle_comes_first_and_bears_its_delivery() {
    let gateway = FakeGateway::start().await;
    let worker = Worker::new(gateway.options(), |_: Message, context: Context| async move {
        context.send(Reply::new("early").reply_id(7)).await.unwrap();
        let error = context.send(Reply::new(vec![0; 5 << 20])).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        Reply::new("late")
    });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let id = stream.deliver(delivery("t", "x"));
    let settle = stream.expect_settle().await;
    assert_eq!(settle.replies, [Reply::new("late")]);
    assert_eq!(stream.expect_reply().await, (id, Reply::new("early").reply_id(7)));
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_handler_hears_that_nobody_waits_for_it() {
    let gateway = FakeGateway::start().await;
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let worker = Worker::new(gateway.options(), move |_: Message, context: Context| {
        let told = told.clone();
        async move {
            assert!(!context.is_abandoned());
            context.abandoned().await;
            assert!(context.is_abandoned());
            let sent = context.send(Reply::new("x")).await;
            told.send(sent.map_err(|status| status.code())).unwrap();
        }
    });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let id = stream.deliver(delivery("t", "x"));
    assert_eq!(stream.expect_began().await, id);
    stream.revoke(id);
    assert_eq!(tells.recv().await.unwrap(), Err(Code::Unavailable));
    let id = stream.deliver(delivery("t", "x"));
    assert_eq!(stream.expect_began().await, id);
    assert_eq!(
        stream.pending(),
        [0; 4],
        "what was revoked is neither settled nor replied to"
    );
    stream.lose_stream();
    assert_eq!(tells.recv().await.unwrap(), Err(Code::Unavailable));
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn sending_waits_while_too_much_is_unsent() {
    let gateway = FakeGateway::start().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let options = Options {
        send_buffer_bytes: 1 << 20,
        ..gateway.options()
    };
    let worker = Worker::new(options, {
        let sent = Arc::clone(&sent);
        move |_: Message, context: Context| {
            let sent = Arc::clone(&sent);
            async move {
                for _ in 0..64 {
                    context.send(Reply::new(vec![0; 1 << 20])).await.unwrap();
                    sent.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    stream.stop_reading(true);
    stream.deliver(delivery("t", "x"));
    // What the connection takes in, and then nothing for a while.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = sent.load(Ordering::SeqCst);
        if now > 0 && now == before {
            break;
        }
        before = now;
    }
    assert!(before < 16, "{before} MiB are somewhere");
    stream.stop_reading(false);
    stream.expect_settle().await;
    assert_eq!(sent.load(Ordering::SeqCst), 64);
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn middleware_added_last_runs_first_and_sees_the_settlement() {
    let gateway = FakeGateway::start().await;
    let around = |name: &'static str| {
        move |message: Message, context: Context, next: Next| async move {
            let settlement = next.run(message, context).await;
            settlement.reply(Reply::new(name))
        }
    };
    let worker = Worker::new(gateway.options(), |_: Message| async { Reply::new("handler") })
        .with(around("inner"))
        .with(around("outer"))
        .with(|message: Message, context: Context, next: Next| async move {
            if message.payload() == b"stop" {
                return Settlement::drop("not wanted");
            }
            next.run(message, context).await
        });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    stream.deliver(delivery("t", "x"));
    assert_eq!(
        stream.expect_settle().await.replies,
        ["handler", "inner", "outer"].map(Reply::new)
    );
    stream.deliver(delivery("t", "stop"));
    assert_eq!(stream.expect_settle().await.outcome, Outcome::Drop);
    worker.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn results_are_told() {
    let gateway = FakeGateway::start().await;
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let mut options = gateway.options();
    options.on_result = Some(Arc::new(move |result: &ItemResult| told.send(result.clone()).unwrap()));
    let worker = Worker::new(options, |_: Message| async { Reply::new("x").reply_id(9) });
    let running = run(&worker);
    let mut stream = gateway.accept().await;
    let id = stream.deliver(delivery("t", "x"));
    stream.expect_settle().await;
    stream.result(9, id, 8, "not authorized");
    stream.result(10, id, 77, "");
    let result = tells.recv().await.unwrap();
    assert_eq!(
        (result.reply_id, result.delivery_id, result.code),
        (9, id, ResultCode::Refused)
    );
    assert_eq!(result.message, "not authorized");
    assert_eq!(tells.recv().await.unwrap().code, ResultCode::Unknown);
    worker.drain();
    running.await.unwrap().unwrap();
}
