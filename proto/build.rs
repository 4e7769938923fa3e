//! Compiles the `.proto` files beside it with protox, a protobuf compiler in Rust, so that no `protoc` has to be installed.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;
use prost::Message as _;

fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-changed=booking");
    let files = protox::Compiler::new(["."])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(proto_files()?)?
        .file_descriptor_set();
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    // With the comments: reflection clients show them.
    fs::write(out.join("descriptor.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}

fn proto_files() -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir("booking/v1")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
