//! `sluice-worker-generate PROTO_ROOT DIRECTORY`: the protocol's messages, as Rust, into the directory.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, out] = arguments.as_slice() else {
        eprintln!("usage: sluice-worker-generate PROTO_ROOT DIRECTORY");
        return ExitCode::from(2);
    };
    let proto = Path::new(root).join("sluice/v1/worker.proto");
    let made = prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .disable_comments(["."]) // Their drawings would be taken for code; worker.proto is the place to read them.
        .out_dir(out)
        .compile_protos(&[proto.as_path()], &[Path::new(root)]);
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluice-worker-generate: {error}");
            ExitCode::FAILURE
        }
    }
}
