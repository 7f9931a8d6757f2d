fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = std::env::var("SLUICE_PROTO")?;
    tonic_prost_build::configure()
        .build_server(false)
        .compile_protos(&[format!("{proto}/sluice/v1/worker.proto")], &[proto])?;
    Ok(())
}
