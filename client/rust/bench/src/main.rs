//! Measures the SDK beside a floor: the same frames over bare tonic and prost, without an SDK. The gateway is a second
//! process; the worker has one thread.

mod floor;
mod gateway;
mod sdk;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const HELP: &str =
    "Measures the Rust SDK beside the floor of bare tonic and prost: 128 B echoed, 1,000 in flight, one thread.

  --seconds N    of each measurement [1]
  --rounds N     of all measurements; medians are shown [5]
  --frames N,…   messages to a frame [1,8,64]
  --only WHAT    floor or sdk";

/// In flight at most.
const WINDOW: usize = 1_000;
const PAYLOAD: usize = 128;

#[derive(Clone, Copy, Default)]
struct Measured {
    per_second: f64,
    cpu_micros: f64,
}

/// What `count` grew by, and the CPU time of this thread, over a while in the middle of a run.
async fn measure(duration: Duration, count: impl Fn() -> u64) -> Measured {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (began, before, cpu_before) = (Instant::now(), count(), cpu_nanos());
    tokio::time::sleep(duration).await;
    let messages = u32::try_from(count() - before).map_or(f64::MAX, f64::from);
    Measured {
        per_second: messages / began.elapsed().as_secs_f64(),
        cpu_micros: (cpu_nanos() - cpu_before) / messages / 1e3,
    }
}

/// Of the main thread, which is the only one that works.
fn cpu_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|nanos| nanos.parse().ok())
        .unwrap_or(0.0)
}

struct Gateway(Child, String);

impl Gateway {
    fn start() -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut child = Command::new(program).arg("gateway").stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut address)?;
        }
        Ok(Self(child, address.trim().to_owned()))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn medians(all: &[Measured]) -> Measured {
    Measured {
        per_second: median(all.iter().map(|one| one.per_second).collect()),
        cpu_micros: median(all.iter().map(|one| one.cpu_micros).collect()),
    }
}

struct Plan {
    seconds: f64,
    rounds: usize,
    frames: Vec<usize>,
    only: Option<String>,
}

fn parse(arguments: &[String]) -> Option<Plan> {
    let mut plan = Plan {
        seconds: 1.0,
        rounds: 5,
        frames: vec![1, 8, 64],
        only: None,
    };
    for pair in arguments.chunks(2) {
        let [flag, value] = pair else { return None };
        match flag.as_str() {
            "--seconds" => plan.seconds = value.parse().ok().filter(|seconds| *seconds > 0.0)?,
            "--rounds" => plan.rounds = value.parse().ok().filter(|rounds| *rounds > 0)?,
            "--frames" => {
                plan.frames = value
                    .split(',')
                    .map(|frame| frame.parse().ok())
                    .collect::<Option<Vec<_>>>()?;
            }
            "--only" if value == "floor" || value == "sdk" => plan.only = Some(value.clone()),
            _ => return None,
        }
    }
    Some(plan)
}

fn run(plan: &Plan) -> std::io::Result<()> {
    let gateway = Gateway::start()?;
    let duration = Duration::from_secs_f64(plan.seconds);
    let wants = |what: &str| plan.only.as_deref().is_none_or(|only| only == what);
    println!("messages      floor               SDK                 SDK / floor");
    println!("to a frame    1/s      µs CPU     1/s      µs CPU     by rate");
    for frame in &plan.frames {
        let (mut floors, mut sdks) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            // A runtime of its own, so that nothing of one run is left in the next.
            let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
            if wants("floor") {
                floors.push(runtime()?.block_on(floor::run(&gateway.1, *frame, duration)));
            }
            if wants("sdk") {
                sdks.push(runtime()?.block_on(sdk::run(&gateway.1, *frame, duration)));
            }
        }
        let row = |all: &[Measured]| {
            if all.is_empty() {
                Measured::default()
            } else {
                medians(all)
            }
        };
        let (floor, sdk) = (row(&floors), row(&sdks));
        println!(
            "{frame:>10} {:>9.0} {:>10.2} {:>10.0} {:>10.2} {:>11.2}",
            floor.per_second,
            floor.cpu_micros,
            sdk.per_second,
            sdk.cpu_micros,
            sdk.per_second / floor.per_second
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["gateway"] {
        return gateway::main();
    }
    let Some(plan) = parse(&arguments) else {
        println!("{HELP}");
        return ExitCode::from(u8::from(!matches!(arguments.first().map(String::as_str), Some("--help" | "-h"))) * 2);
    };
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluice-worker-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
