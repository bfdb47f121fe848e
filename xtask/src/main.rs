//! Developer commands of resolvet, run as `cargo xtask COMMAND`.

mod bench;
mod check;
mod component;
mod demo;
mod output;
mod packages;
mod policies;
mod run;
mod soak;
mod test;
mod tls_pake;
mod toolchain;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of resolvet")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show it: a lab on loopback, a domain that is accepted, one that is refused, and why.
    Demo(demo::Arguments),
    /// Run every check and every test, from a clean checkout: installs what is needed first.
    Test,
    /// Build and test TLS with a PAKE inside the handshake, which nothing else builds: it takes BoringSSL, cmake and libclang.
    TlsPake,
    /// Check the boundaries between crates, licences and reasons of dependencies.
    Check,
    /// Run the benchmarks.
    Bench(bench::Arguments),
    /// Swap policy sets while both cores evaluate, for as long as is wanted: nothing may be lost or mixed.
    Soak(soak::Arguments),
    /// Build every policy that ships, and the guests that tests need, to target/policies.
    Policies(policies::AllArguments),
    /// Build one policy's crate, wherever it is, to a component.
    Policy(policies::OneArguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::show(&arguments),
        Command::Test => test::all(),
        Command::TlsPake => tls_pake::all(),
        Command::Check => check::all(),
        Command::Bench(arguments) => bench::all(&arguments),
        Command::Soak(arguments) => soak::run_for(&arguments),
        Command::Policies(arguments) => policies::build_all(&arguments),
        Command::Policy(arguments) => policies::build_one(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}
