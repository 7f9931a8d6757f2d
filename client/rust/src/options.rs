//! Everything that can be set on a worker, with default, unit and consequence.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::address::Target;
use crate::event::Event;
use crate::reply::ItemResult;
use crate::sources::{Resolver, TokenSource};
use crate::status::{Code, Status};

/// PEM files, read by each connection attempt, so that renewed files are taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `None`: the system's roots.
    pub ca_file: Option<PathBuf>,
    /// For mutual TLS; goes with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`, in PKCS#8, PKCS#1 or SEC1.
    pub key_file: Option<PathBuf>,
    /// The name that the gateway's certificate must carry. `None`: the host as given in [`Options::gateways`].
    pub server_name: Option<String>,
}

/// How the worker speaks to gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// By [`Options::tls`].
    #[default]
    Tls,
    /// Anyone on the way can read and change everything, and take the token.
    Plaintext,
}

/// Which addresses of a name that has both kinds are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv6 addresses only where there is no IPv4 one.
    #[default]
    PreferIpv4,
    /// The other way round.
    PreferIpv6,
    /// A replica with an address of each kind is given two streams.
    All,
}

/// What a worker is made of. [`Worker::run`](crate::Worker::run) refuses what is out of range, naming the field.
///
/// ```
/// use sluice_worker::Options;
/// let options = Options { worker_name: "alarm".into(), ..Options::new(["gateway:7443"], ["temperature"]) };
/// ```
#[derive(Clone)]
pub struct Options {
    /// `HOST:PORT`, `[IPv6]:PORT` or `HOST` (port 7443); at least one. Each name is looked up for all its addresses,
    /// and one stream is kept to each: list a headless Service, or every replica.
    pub gateways: Vec<String>,

    /// The chains that this worker serves: 1 … 1,000, each of 1 … 256 bytes.
    pub chains: Vec<String>,

    /// What kind of worker this is, for people and logs; at most 256 bytes. Default: `"worker"`.
    pub worker_name: String,

    /// Which one of them; at most 256 bytes. Empty (the default): `HOST-PROCESS`.
    pub instance: String,

    /// How many messages one stream may have delivered but not settled; at least 1. `None` (the default): as many as
    /// the handlers get through in 100 ms, by how long they have taken lately, shared by the streams that have something
    /// to do; never fewer than `concurrency`, never more than 1,000 a stream. Fixed, a larger one keeps the worker
    /// busy over longer distances to the gateway; a smaller one spreads a backlog more evenly over workers, and loses
    /// less time when this one dies.
    pub window_messages: Option<u32>,

    /// The same in bytes of payload, topic and properties; 0: no limit of its own. With `window_messages` it bounds the
    /// memory of this process: so much (and one message larger than that) for each stream. Default: 64 MiB.
    pub window_bytes: u64,

    /// How many handlers run at once, over all streams: 0 … 4,096. `None` (the default): the machine's CPUs, at least 4.
    /// Handlers that mostly wait for something else can do with many more. 0: one for each stream, on the stream's own
    /// task; while it waits, that stream reads nothing.
    pub concurrency: Option<usize>,

    /// How long a message is kept from other workers after this one has vanished without closing its stream: 0 … a day,
    /// to the millisecond. Zero (the default): as the chain says. Long handlers need no long lease: leases are extended
    /// at their half while a handler runs.
    pub lease: Duration,

    /// TLS, unless plain text is asked for.
    pub security: Security,

    /// With [`Security::Tls`] only.
    pub tls: Tls,

    /// A file with a bearer token for the gateway (`workers.auth.jwt`), such as a projected token of Kubernetes; blanks
    /// and line breaks around it do not count. Read by each connection attempt, so that a renewed token is taken up; a
    /// gateway asks for a new connection before the token ends. `None` (the default): no token.
    pub token_file: Option<PathBuf>,

    /// Instead of `token_file`: a function that gives the token, called by each connection attempt.
    pub token: Option<TokenSource>,

    /// Which addresses of a name are used.
    pub family: Family,

    /// Looks names up. `None` (the default): the system's resolver.
    pub resolver: Option<Resolver>,

    /// How often names are looked up again: 1 s … a day. New addresses get a stream, vanished ones are not dialled
    /// again. A name that cannot be found is looked up again after a pause as below, if that is shorter. Default: 10 s.
    pub resolve_interval: Duration,

    /// The pause before a connection is tried again: doubled from the first to the longest, each time held to a random
    /// half … whole of itself. What will not mend by itself (a rejected identity, an unknown chain) waits the longest at
    /// once. 1 ms … a day. Default: 100 ms.
    pub reconnect_first: Duration,

    /// `reconnect_first` … a day. Default: 30 s.
    pub reconnect_longest: Duration,

    /// How long a connection may take from dialling to the gateway's Welcome: 1 ms … a day. Default: 10 s.
    pub connect_timeout: Duration,

    /// How long [`Worker::drain`](crate::Worker::drain) waits for handlers and for the gateway to take their settles: 0
    /// … a day. What is left is delivered again. Default: 20 s.
    pub drain_timeout: Duration,

    /// What may wait to be sent on one stream before [`Context::send`](crate::Context::send) waits: replies ahead of
    /// their settle, in bytes. Default: 16 MiB.
    pub send_buffer_bytes: usize,

    /// Called for every event, one at a time, by the task in [`Worker::run`](crate::Worker::run): must not block.
    /// `None` (the default): [`Event::log`].
    #[allow(clippy::type_complexity)]
    pub on_event: Option<Arc<dyn Fn(&Event) + Send + Sync>>,

    /// Called for each result, in order for one stream, by the stream's task: must not block. `None` (the default):
    /// results of replies are ignored, errors of items become events.
    #[allow(clippy::type_complexity)]
    pub on_result: Option<Arc<dyn Fn(&ItemResult) + Send + Sync>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gateways: Vec::new(),
            chains: Vec::new(),
            worker_name: "worker".to_owned(),
            instance: String::new(),
            window_messages: None,
            window_bytes: 64 << 20,
            concurrency: None,
            lease: Duration::ZERO,
            security: Security::Tls,
            tls: Tls::default(),
            token_file: None,
            token: None,
            family: Family::PreferIpv4,
            resolver: None,
            resolve_interval: Duration::from_secs(10),
            reconnect_first: Duration::from_millis(100),
            reconnect_longest: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(20),
            send_buffer_bytes: 16 << 20,
            on_event: None,
            on_result: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("gateways", &self.gateways)
            .field("chains", &self.chains)
            .field("worker_name", &self.worker_name)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

const MAX_NAME: usize = 256; // worker.proto, Hello. So the next.
const MAX_CHAINS: usize = 1_000;
const MAX_CONCURRENCY: usize = 4_096;
const DAY: Duration = Duration::from_secs(86_400); // Anything longer is a mistake in the unit.

impl Options {
    /// The defaults, with what has none.
    pub fn new<G, C>(gateways: G, chains: C) -> Self
    where
        G: IntoIterator<Item: Into<String>>,
        C: IntoIterator<Item: Into<String>>,
    {
        Self {
            gateways: gateways.into_iter().map(Into::into).collect(),
            chains: chains.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Whether a worker can be run with them.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`], naming the field, what was found, and what is allowed.
    pub fn validate(&self) -> Result<(), Status> {
        if self.gateways.is_empty() {
            return bad("gateways is empty; name at least one HOST:PORT");
        }
        for gateway in &self.gateways {
            Target::parse(gateway)?;
        }
        if self.chains.is_empty() || self.chains.len() > MAX_CHAINS {
            return bad(format!(
                "chains has {} entries; allowed are 1 … 1,000",
                self.chains.len()
            ));
        }
        if self.chains.iter().any(String::is_empty) {
            return bad("chains has an empty name; allowed are 1 … 256 bytes");
        }
        let names = [("worker_name", &self.worker_name), ("instance", &self.instance)];
        for (field, name) in self.chains.iter().map(|chain| ("chains", chain)).chain(names) {
            if name.len() > MAX_NAME {
                return bad(format!(
                    "{field}: a name of {} bytes; allowed are at most 256",
                    name.len()
                ));
            }
        }
        if self.window_messages == Some(0) {
            return bad("window_messages is 0: nothing would ever be delivered; allowed is 1 or more");
        }
        if let Some(concurrency) = self.concurrency.filter(|concurrency| *concurrency > MAX_CONCURRENCY) {
            return bad(format!("concurrency is {concurrency}; allowed are 0 … 4,096"));
        }
        for (field, value, lowest) in [
            ("lease", self.lease, Duration::ZERO),
            ("resolve_interval", self.resolve_interval, Duration::from_secs(1)),
            ("reconnect_first", self.reconnect_first, Duration::from_millis(1)),
            ("reconnect_longest", self.reconnect_longest, self.reconnect_first),
            ("connect_timeout", self.connect_timeout, Duration::from_millis(1)),
            ("drain_timeout", self.drain_timeout, Duration::ZERO),
        ] {
            if value < lowest || value > DAY {
                let (found, lowest, highest) = (value.as_millis(), lowest.as_millis(), DAY.as_millis());
                return bad(format!("{field} is {found} ms; allowed are {lowest} … {highest} ms"));
            }
        }
        if self.token.is_some() && self.token_file.is_some() {
            return bad("token and token_file are both set; allowed is one of them");
        }
        self.validate_tls()
    }

    fn validate_tls(&self) -> Result<(), Status> {
        let tls = &self.tls;
        if self.security == Security::Plaintext {
            if *tls == Tls::default() {
                return Ok(());
            }
            return bad("tls is set, but security is Plaintext; leave one of them out");
        }
        if tls.cert_file.is_some() != tls.key_file.is_some() {
            return bad("tls.cert_file and tls.key_file go together: set both or none");
        }
        check_file("tls.ca_file", tls.ca_file.as_deref())?;
        check_file("tls.cert_file", tls.cert_file.as_deref())?;
        check_file("tls.key_file", tls.key_file.as_deref())
    }

    /// How many handlers run at once.
    pub(crate) fn slots(&self) -> usize {
        let cpus = || std::thread::available_parallelism().map_or(4, |cpus| cpus.get().max(4));
        self.concurrency.unwrap_or_else(cpus)
    }
}

fn bad(what: impl Into<String>) -> Result<(), Status> {
    Err(Status::new(Code::InvalidArgument, what))
}

fn check_file(field: &str, path: Option<&Path>) -> Result<(), Status> {
    match path.map(|path| (path, File::open(path))) {
        Some((path, Err(error))) => bad(format!("{field}: cannot read {}: {error}", path.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Options {
        Options {
            security: Security::Plaintext,
            ..Options::new(["gateway:1"], ["chain"])
        }
    }

    #[test]
    fn the_defaults_are_good() {
        assert_eq!(plain().validate(), Ok(()));
        assert_eq!(Options::new(["gateway:1"], ["chain"]).validate(), Ok(()));
    }

    #[test]
    fn an_error_names_field_value_and_what_is_allowed() {
        type Change = fn(&mut Options);
        let cases: [(Change, &str, &str); 16] = [
            (|o| o.gateways.clear(), "gateways", "at least one"),
            (|o| o.gateways.push("x:y".into()), "gateways", "give HOST:PORT"),
            (|o| o.chains.clear(), "chains has 0", "1 … 1,000"),
            (|o| o.chains = vec!["c".into(); 1_001], "chains has 1001", "1 … 1,000"),
            (|o| o.chains.push(String::new()), "chains has an empty", "1 … 256"),
            (
                |o| o.chains.push("x".repeat(257)),
                "chains: a name of 257",
                "at most 256",
            ),
            (
                |o| o.worker_name = "x".repeat(257),
                "worker_name: a name of 257",
                "at most 256",
            ),
            (
                |o| o.instance = "x".repeat(257),
                "instance: a name of 257",
                "at most 256",
            ),
            (|o| o.window_messages = Some(0), "window_messages is 0", "1 or more"),
            (|o| o.concurrency = Some(4_097), "concurrency is 4097", "0 … 4,096"),
            (
                |o| o.resolve_interval = Duration::from_millis(999),
                "resolve_interval is 999 ms",
                "1000 … 86400000 ms",
            ),
            (
                |o| o.reconnect_longest = Duration::from_millis(99),
                "reconnect_longest is 99 ms",
                "100 … 86400000 ms",
            ),
            (
                |o| o.drain_timeout = DAY * 2,
                "drain_timeout is 172800000 ms",
                "0 … 86400000 ms",
            ),
            (|o| o.tls.server_name = Some("x".into()), "tls is set", "leave one"),
            (
                |o| {
                    o.token_file = Some("t".into());
                    o.token = Some(TokenSource::new(|| async { Ok(String::new()) }));
                },
                "token and token_file",
                "one of them",
            ),
            (
                |o| {
                    o.security = Security::Tls;
                    o.tls.ca_file = Some("/no/such/file".into());
                },
                "tls.ca_file: cannot read /no/such/file",
                "",
            ),
        ];
        for (change, field, allowed) in cases {
            let mut options = plain();
            change(&mut options);
            let status = options.validate().unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert!(
                status.message().contains(field) && status.message().contains(allowed),
                "{status}"
            );
        }
    }
}
