//! Sets the process up and hands over to the command line.

use std::process::ExitCode;

use curfew::cli::Cli;

// musl's allocator serialises all threads; under load that is most of the time spent. Beside
// glibc's it would hold twice the memory of an idle process.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two providers are compiled in where a dependency brings its own; a choice by rustls would
    // then be a panic at the first handshake.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody has installed a provider before main");
    // A bug must not look like a finding: a panic's own exit code means nothing to scripts.
    std::panic::catch_unwind(Cli::main)
        .unwrap_or_else(|_| curfew::cli::shared::exit::Exit::Internal.into())
}
