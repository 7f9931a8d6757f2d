use super::*;
use crate::proto::{Delivery, Drain, GatewayFrame, Ping, Pong, Revoke, Welcome, WorkerFrame};
use crate::settlement::Settlement;

const MS: Duration = Duration::from_millis(1);

struct Player {
    core: Core,
    now: Instant,
}

impl Player {
    fn new(window_messages: Option<u32>) -> Self {
        let terms = Terms {
            worker_name: "name".into(),
            instance: "instance".into(),
            chains: vec!["chain".into()],
            lease_ms: 5_000,
            window_messages,
            window_bytes: 1_000,
            connect_timeout: 700 * MS,
        };
        let now = Instant::now();
        let core = Core::new(Arc::new(terms), window_messages.unwrap_or(8), now);
        Self { core, now }
    }

    fn greeted(window_messages: Option<u32>) -> Self {
        let mut player = Self::new(window_messages);
        assert!(player.frame().is_some_and(|frame| frame.hello.is_some()));
        player.hear(usual()).unwrap();
        player
    }

    #[allow(clippy::needless_pass_by_value)] // Reads better where it is called.
    fn hear(&mut self, frame: GatewayFrame) -> Result<Taken, Status> {
        let parts = crate::decode::decode(&frame.encode_to_vec().into()).unwrap();
        let taken = self.core.on_frame(parts, self.now);
        if !self.core.over_window() {
            self.core.set_reading(self.now);
        }
        taken
    }

    fn deliver(&mut self, ids: &[u64]) -> Arc<Group> {
        let delivery = |id: &u64| Delivery {
            delivery_id: *id,
            lease_ms: 2_000,
            payload: vec![0; 10].into(),
            ..Default::default()
        };
        let deliveries = ids.iter().map(delivery).collect();
        self.hear(GatewayFrame {
            deliveries,
            ..Default::default()
        })
        .unwrap()
        .batch
        .unwrap()
        .0
    }

    fn settle(&mut self, group: &Group, index: usize) {
        let held = &group.deliveries[index];
        assert!(held.begin() && held.finish());
        let mut chunk = Chunk {
            settled: 1,
            settled_bytes: held.window_bytes,
            items: 1,
            ..Chunk::default()
        };
        encode::put_settle(&mut chunk.bytes, held.id, &Settlement::default(), 1 << 20).unwrap();
        self.core.append(&mut chunk);
    }

    fn frame(&mut self) -> Option<WorkerFrame> {
        match self.core.take(self.now) {
            Out::Frame(frame) => Some(WorkerFrame::decode(frame.pieces.concat().as_slice()).unwrap()),
            Out::HalfClose => panic!("half-closed"),
            Out::Nothing => None,
        }
    }

    fn after(&mut self, pause: Duration) -> Result<Instant, Status> {
        self.now += pause;
        self.core.tick(self.now)
    }
}

fn usual() -> GatewayFrame {
    let welcome = Welcome {
        protocol_version: 1,
        heartbeat_interval_ms: 1_000,
        features: vec!["began".into()],
        ..Default::default()
    };
    GatewayFrame {
        welcome: Some(welcome),
        ..Default::default()
    }
}

#[test]
fn says_hello_and_waits_for_the_welcome() {
    let mut player = Player::new(Some(4));
    let hello = player.frame().unwrap().hello.unwrap();
    assert_eq!(
        (hello.min_protocol_version, hello.max_protocol_version, hello.lease_ms),
        (1, 1, 5_000)
    );
    assert_eq!(
        (hello.worker_name.as_str(), hello.instance.as_str()),
        ("name", "instance")
    );
    assert_eq!(
        (hello.chains, hello.features),
        (vec!["chain".to_owned()], vec!["began".to_owned()])
    );
    assert_eq!(hello.sdk, format!("sluice-rust/{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(
        hello.window,
        Some(proto::Window {
            messages: 4,
            bytes: 1_000
        })
    );
    assert!(player.frame().is_none());
    assert_eq!(player.after(MS).unwrap(), player.now + 699 * MS);
    assert_eq!(player.after(700 * MS).unwrap_err().code(), Code::DeadlineExceeded);
}

#[test]
fn a_stream_begins_with_one_welcome_of_a_version_it_speaks() {
    let mut player = Player::new(None);
    assert_eq!(
        player.hear(GatewayFrame::default()).unwrap_err().code(),
        Code::InvalidArgument
    );
    let mut newer = usual();
    newer.welcome.as_mut().unwrap().protocol_version = 2;
    assert_eq!(
        Player::new(None).hear(newer).unwrap_err().code(),
        Code::FailedPrecondition
    );
    assert_eq!(
        Player::greeted(None).hear(usual()).unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[test]
fn leaves_when_the_gateway_has_read_its_drain_and_nothing_is_held() {
    let mut player = Player::greeted(None);
    let group = player.deliver(&[1]);
    assert!(player.core.drain());
    assert!(player.frame().unwrap().drain.is_some());
    let nonce = player.frame().unwrap().ping.unwrap().nonce;
    let late = player.deliver(&[2]);
    player.settle(&group, 0);
    assert_eq!(player.frame().unwrap().settles.len(), 1);
    // A Pong of an earlier Ping is no proof; one of a later Ping is.
    player
        .hear(GatewayFrame {
            pong: Some(Pong { nonce: nonce - 1 }),
            ..Default::default()
        })
        .unwrap();
    player.settle(&late, 0);
    assert_eq!(player.frame().unwrap().settles.len(), 1);
    assert!(player.frame().is_none());
    player
        .hear(GatewayFrame {
            pong: Some(Pong { nonce: nonce + 1 }),
            ..Default::default()
        })
        .unwrap();
    assert!(matches!(player.core.take(player.now), Out::HalfClose));
    assert!(player.frame().is_none());
}

#[test]
fn to_a_gateways_drain_it_settles_and_half_closes() {
    let mut player = Player::greeted(None);
    let group = player.deliver(&[1]);
    player
        .hear(GatewayFrame {
            drain: Some(Drain::default()),
            ..Default::default()
        })
        .unwrap();
    assert!(player.frame().is_none());
    player.settle(&group, 0);
    assert_eq!(player.frame().unwrap().settles.len(), 1);
    assert!(matches!(player.core.take(player.now), Out::HalfClose));
}

#[test]
fn tells_what_has_begun_after_50_ms_and_extends_only_that() {
    let mut player = Player::greeted(None);
    let group = player.deliver(&[1, 2, 3]);
    assert!(group.deliveries[0].begin() && group.deliveries[1].begin());
    let next = player.after(49 * MS).unwrap();
    assert!(player.frame().is_none());
    assert_eq!(next, player.now + MS);
    player.after(MS).unwrap();
    assert_eq!(player.frame().unwrap().began, [1, 2]);
    player.after(50 * MS).unwrap();
    assert!(player.frame().is_none());
    player.after(900 * MS).unwrap();
    let extends = player.frame().unwrap().extends;
    assert_eq!(
        extends,
        [1, 2].map(|delivery_id| proto::Extend {
            delivery_id,
            lease_ms: 2_000
        })
    );
}

#[test]
fn a_clipped_lease_is_not_extended_again() {
    let mut player = Player::greeted(None);
    let group = player.deliver(&[1]);
    assert!(group.deliveries[0].begin());
    player.after(50 * MS).unwrap();
    assert_eq!(player.frame().unwrap().began, [1]);
    let clipped = proto::Result {
        delivery_id: 1,
        code: 11,
        ..Default::default()
    };
    player
        .hear(GatewayFrame {
            results: vec![clipped],
            ..Default::default()
        })
        .unwrap();
    player.after(1_500 * MS).unwrap();
    assert!(player.frame().is_none_or(|frame| frame.extends.is_empty()));
}

#[test]
fn a_revoked_delivery_is_held_no_more() {
    let mut player = Player::greeted(None);
    let group = player.deliver(&[1, 2]);
    let revokes = vec![Revoke {
        delivery_id: 1,
        reason: 2,
    }];
    assert!(
        player
            .hear(GatewayFrame {
                revokes,
                ..Default::default()
            })
            .unwrap()
            .lost
    );
    assert!(!group.deliveries[0].begin());
    player
        .hear(GatewayFrame {
            drain: Some(Drain::default()),
            ..Default::default()
        })
        .unwrap();
    player.settle(&group, 1);
    player.frame().unwrap();
    assert!(matches!(player.core.take(player.now), Out::HalfClose));
}

#[test]
fn speaks_once_in_half_an_interval_and_gives_up_after_two_silent_ones() {
    let mut player = Player::greeted(None);
    assert_eq!(player.after(499 * MS).unwrap(), player.now + MS);
    assert!(player.frame().is_none());
    player.after(MS).unwrap();
    assert!(player.frame().unwrap().ping.is_some());
    player.after(1_499 * MS).unwrap();
    assert_eq!(player.after(MS).unwrap_err().code(), Code::DeadlineExceeded);
}

#[test]
fn a_gateway_that_is_not_read_is_not_called_silent() {
    let mut player = Player::greeted(Some(1));
    let group = player.deliver(&[1, 2]);
    assert!(player.core.over_window());
    for _ in 0..5 {
        player.after(1_000 * MS).unwrap();
    }
    player.settle(&group, 0);
    while player.frame().is_some() {}
    assert!(!player.core.over_window());
    player.core.set_reading(player.now);
    player.after(1_999 * MS).unwrap();
    player.after(MS).unwrap_err();
}

#[test]
fn one_message_larger_than_the_window_is_read_on_from_two_are_not() {
    let mut player = Player::greeted(None);
    let large = |id| Delivery {
        delivery_id: id,
        payload: vec![0; 2_000].into(),
        ..Default::default()
    };
    player
        .hear(GatewayFrame {
            deliveries: vec![large(1)],
            ..Default::default()
        })
        .unwrap();
    assert!(!player.core.over_window());
    player
        .hear(GatewayFrame {
            deliveries: vec![large(2)],
            ..Default::default()
        })
        .unwrap();
    assert!(player.core.over_window());
}

#[test]
fn answers_pings_and_tells_windows_that_are_worth_it() {
    let mut player = Player::new(None);
    player.frame();
    let mut welcome = usual();
    welcome.welcome.as_mut().unwrap().max_window = Some(proto::Window { messages: 20, bytes: 0 });
    player.hear(welcome).unwrap();
    player
        .hear(GatewayFrame {
            ping: Some(Ping { nonce: 0 }),
            ..Default::default()
        })
        .unwrap();
    player.core.set_window(9);
    assert_eq!(player.frame().unwrap().pong, Some(Pong { nonce: 0 }));
    player.core.set_window(10);
    assert_eq!(player.frame().unwrap().window.unwrap().messages, 10);
    player.core.set_window(1_000);
    assert_eq!(player.frame().unwrap().window.unwrap().messages, 20);
    player.core.set_window(900);
    assert!(player.frame().is_none());
}

#[test]
fn refused_items_are_told_of_once_a_second() {
    let mut player = Player::greeted(None);
    assert!(player.core.may_report(player.now));
    assert!(!player.core.may_report(player.now + 999 * MS));
    assert!(player.core.may_report(player.now + 1_000 * MS));
}
