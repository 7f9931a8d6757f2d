//! Where gateways are: what the user named, and what the names stand for now. Pure.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::options::Family;
use crate::status::{Code, Status};

const DEFAULT_PORT: u16 = 7443;

/// `HOST:PORT` as the user gave it, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// Nothing to look up.
    pub literal: Option<IpAddr>,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        let bad = |why: &str| {
            let remedy = "give HOST:PORT, [IPv6]:PORT or HOST";
            Err(Status::new(
                Code::InvalidArgument,
                format!("gateways: \"{text}\": {why}; {remedy}"),
            ))
        };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let Some((host, rest)) = rest.split_once(']') else {
                return bad("the closing ] is missing");
            };
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return bad("only :PORT may follow the ]"),
            }
        } else {
            match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            }
        };
        if host.is_empty() {
            return bad("the host is missing");
        }
        if host.contains('/') {
            return bad("it is not a URL");
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(digits) => match digits.parse::<u16>() {
                Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => port,
                _ => return bad("the port is not a number from 1 to 65535"),
            },
        };
        let literal = host.parse().ok();
        if literal.is_none() && host.contains(':') {
            return bad("it is no IPv6 address");
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            literal,
        })
    }
}

/// One gateway replica to dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub socket: SocketAddr,
    /// The name it was found under: what its certificate must carry.
    pub host: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

/// Those of a name's addresses that are used: sorted, each once.
pub(crate) fn choose(target: &Target, found: &[IpAddr], family: Family) -> Result<Vec<Address>, Status> {
    let preferred = |ip: &IpAddr| match family {
        Family::PreferIpv4 => ip.is_ipv4(),
        Family::PreferIpv6 => ip.is_ipv6(),
        Family::All => true,
    };
    let any_preferred = found.iter().any(preferred);
    let mut chosen: Vec<Address> = found
        .iter()
        .filter(|ip| !any_preferred || preferred(ip))
        .map(|ip| Address {
            socket: SocketAddr::new(*ip, target.port),
            host: target.host.clone(),
        })
        .collect();
    chosen.sort();
    chosen.dedup();
    if chosen.is_empty() {
        return Err(Status::new(Code::NotFound, "the name has no address"));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, u16, bool) {
        let target = Target::parse(text).unwrap();
        (target.host, target.port, target.literal.is_some())
    }

    #[test]
    fn takes_names_and_numbers_with_and_without_a_port() {
        assert_eq!(parsed("gateway:9"), ("gateway".into(), 9, false));
        assert_eq!(parsed("gateway"), ("gateway".into(), 7443, false));
        assert_eq!(parsed("192.0.2.7:1"), ("192.0.2.7".into(), 1, true));
        assert_eq!(parsed("[2001:db8::7]:5"), ("2001:db8::7".into(), 5, true));
        assert_eq!(parsed("2001:db8::7"), ("2001:db8::7".into(), 7443, true));
    }

    #[test]
    fn says_what_is_wrong_and_what_is_allowed() {
        for (text, why) in [
            ("", "the host is missing"),
            (":1", "the host is missing"),
            ("http://x", "not a number"),
            ("a/b", "not a URL"),
            ("a:0", "not a number from 1 to 65535"),
            ("a:+5", "not a number"),
            ("a:65536", "not a number"),
            ("[::1", "closing ]"),
            ("[::1]x", "only :PORT"),
            ("a:b:c", "no IPv6 address"),
        ] {
            let status = Target::parse(text).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert!(status.message().contains(why), "{text}: {status}");
            assert!(status.message().contains("give HOST:PORT"), "{status}");
        }
    }

    #[test]
    fn uses_one_family_unless_told_otherwise() {
        let target = Target::parse("gateway:1").unwrap();
        let found: Vec<IpAddr> = ["::1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]
            .map(|ip| ip.parse().unwrap())
            .into();
        let texts = |family| -> Vec<String> {
            choose(&target, &found, family)
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(texts(Family::PreferIpv4), ["127.0.0.1:1", "127.0.0.2:1"]);
        assert_eq!(texts(Family::PreferIpv6), ["[::1]:1"]);
        assert_eq!(texts(Family::All).len(), 3);
        assert_eq!(choose(&target, &found[..1], Family::PreferIpv4).unwrap().len(), 1);
        assert_eq!(choose(&target, &[], Family::All).unwrap_err().code(), Code::NotFound);
    }
}
