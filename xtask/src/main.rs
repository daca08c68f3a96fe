//! `cargo xtask`: the only build interface of A9N.
//!
//! It builds the bare-metal crates with the right target and flags, makes boot volumes, starts
//! and supervises QEMU, runs every test and check. Of the other crates of the workspace it uses
//! only data: the interface, `a9n-abi`, whose reference it writes, and `koito-manifest`. Of the
//! rest it knows the names and the files that they produce.

#![forbid(unsafe_code)]

mod bench;
mod bochs;
mod check;
mod cli;
mod compile;
mod console;
mod desk;
mod disk;
mod doc;
mod drive;
mod gdb;
mod guest;
mod interactive;
mod linux;
mod manifest;
mod modules;
mod new;
mod packages;
mod process;
mod progress;
mod qemu;
mod reference;
mod repository;
mod rootfs;
mod session;
mod suites;
mod supervise;
mod system;
mod toolchain;
mod userland;
mod volume;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Arguments, Command};
use repository::Repository;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let verdict = supervise::install_signal_handler().and_then(|()| execute(arguments.command));
    match verdict {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<ExitCode> {
    let repository = Repository::locate()?;
    match command {
        Command::Run(options) => interactive::run(&repository, &options),
        Command::Test(options) => suites::run(&repository, &options),
        Command::Graph(options) => manifest::graph::run(&repository, &options),
        Command::Bench(options) => bench::run(&repository, &options),
        Command::Image(options) => disk::run(&repository, &options),
        Command::Rootfs(options) => rootfs::run(&repository, &options),
        Command::Gdb(options) => gdb::run(&repository, &options),
        Command::Check(options) => check::run(&repository, &options),
        Command::New(options) => new::run(&repository, &options),
        Command::Doc => doc::run(&repository),
        Command::Drive(options) => drive::run(&repository, &options),
    }
}
