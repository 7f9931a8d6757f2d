//! Watches temperatures: each sensor reading is answered with a verdict.
//!
//! ```text
//! plant/boiler/temp         {"sensor":"boiler","celsius":81.5}
//! plant/boiler/reply/alarm  {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}
//! ```

use std::process::ExitCode;

use serde_json::Value;
use sluice_worker::{Message, Options, Reject, Reply, Security, Worker};

const PROGRAM: &str = "sluice-temperature-alarm";
const HELP: &str = r#"Watches temperatures: takes sensor readings from Sluice gateways and answers each with a verdict.
A reading {"sensor":"boiler","celsius":81.5} on plant/boiler/temp is answered on plant/boiler/reply/alarm
with {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}, at the reading's own QoS. What is no such
reading goes to the gateway's dead letters. Ctrl-C or SIGTERM lets what is in work finish first.

  sluice-temperature-alarm --gateway 127.0.0.1:7443 --chain temperature

  --gateway HOST:PORT[,…]  where gateways are; a name stands for all its addresses
  --chain NAME             serve this chain; may be repeated
  --name NAME              what the gateway's logs call this worker [temperature-alarm]
  --window N               most messages in work at once, per gateway [by how long the handler takes]
  --concurrency N          how many handlers run at once; 0 runs them on the connection's own task [the CPUs, at least 4]
  --ca-file FILE           PEM file to check the gateway's certificate with; without it: plain text
  --cert-file FILE         this worker's certificate, where the gateway asks for one
  --key-file FILE          the key that goes with --cert-file
  --token-file FILE        bearer token to show the gateway; read anew for each connection
  --limit N                raise the alarm above this many degrees Celsius [80]"#;

/// "plant/boiler/temp" → "plant/boiler/reply/alarm"; a topic of one level gets the reply below itself.
fn alarm_topic(topic: &str) -> String {
    let parent = topic.rsplit_once('/').map_or(topic, |(parent, _)| parent);
    format!("{parent}/reply/alarm")
}

fn check(message: &Message, limit: f64) -> Result<Reply, Reject> {
    let reading: Value = serde_json::from_slice(message.payload()).unwrap_or_default();
    if !reading.is_object() {
        return Err(Reject::new("the payload is not a JSON object"));
    }
    let Value::String(sensor) = &reading["sensor"] else {
        return Err(Reject::new("\"sensor\" must be a string"));
    };
    let Some(celsius) = reading["celsius"].as_f64() else {
        return Err(Reject::new("\"celsius\" must be a number"));
    };
    let sensor = Value::from(sensor.as_str());
    let (given, alarm) = (&reading["celsius"], celsius > limit);
    // Rust writes 80, not 80.0: as a person would.
    let verdict = format!(r#"{{"sensor":{sensor},"celsius":{given},"alarm":{alarm},"limit":{limit}}}"#);
    Ok(Reply::new(verdict).to(alarm_topic(message.topic())).qos(message.qos()))
}

/// `Err`: what to say before leaving, and the exit status.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(Options, f64), (String, u8)> {
    let mut options = Options {
        worker_name: "temperature-alarm".to_owned(),
        ..Options::default()
    };
    let mut limit = 80.0;
    while let Some(argument) = arguments.next() {
        if argument == "--help" || argument == "-h" {
            return Err((HELP.to_owned(), 0));
        }
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let known = HELP
            .lines()
            .any(|line| line.trim_start().starts_with(&format!("{flag} ")));
        if !flag.starts_with("--") || !known {
            return Err((format!("unknown argument {flag} (see --help)"), 2));
        }
        let value = inline.or_else(|| arguments.next());
        let value = value.ok_or_else(|| (format!("{flag} needs a value"), 2))?;
        let no_number = || (format!("{flag} {value}: not a number"), 2);
        match flag.as_str() {
            "--gateway" => options.gateways.extend(value.split(',').map(ToOwned::to_owned)),
            "--chain" => options.chains.push(value),
            "--name" => options.worker_name = value,
            "--window" => options.window_messages = Some(value.parse().map_err(|_| no_number())?),
            "--concurrency" => options.concurrency = Some(value.parse().map_err(|_| no_number())?),
            "--ca-file" => options.tls.ca_file = Some(value.into()),
            "--cert-file" => options.tls.cert_file = Some(value.into()),
            "--key-file" => options.tls.key_file = Some(value.into()),
            "--token-file" => options.token_file = Some(value.into()),
            _ => limit = value.parse().map_err(|_| no_number())?,
        }
    }
    for (flag, missing) in [
        ("--gateway", options.gateways.is_empty()),
        ("--chain", options.chains.is_empty()),
    ] {
        if missing {
            return Err((format!("{flag} is required (see --help)"), 2));
        }
    }
    let tls = options.tls.ca_file.is_some() || options.tls.cert_file.is_some() || options.tls.key_file.is_some();
    options.security = if tls { Security::Tls } else { Security::Plaintext };
    Ok((options, limit))
}

#[tokio::main]
async fn main() -> ExitCode {
    let (options, limit) = match parse(std::env::args().skip(1)) {
        Ok(parsed) => parsed,
        Err((help, 0)) => {
            println!("{help}");
            return ExitCode::SUCCESS;
        }
        Err((why, status)) => {
            eprintln!("{PROGRAM}: {why}");
            return ExitCode::from(status);
        }
    };
    let worker = Worker::new(options, move |message: Message| async move { check(&message, limit) });
    match worker.run_until_signal().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(status) => {
            eprintln!("{PROGRAM}: {status}");
            ExitCode::FAILURE
        }
    }
}
