//! Sets the process up and hands over to the command line.

use std::process::ExitCode;

use curfew::cli::Cli;

// musl's allocator serialises all threads, and glibc's keeps what a large drain has left; this one
// does neither.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two providers are compiled in where a dependency brings its own; a choice by rustls would
    // then be a panic at the first handshake.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody has installed a provider before main");
    // A bug must not look like a finding: a panic's own exit code means nothing to scripts.
    std::panic::catch_unwind(Cli::main).unwrap_or_else(|_| curfew::cli::Exit::Internal.into())
}
