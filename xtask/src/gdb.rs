//! `cargo xtask gdb`: the kernel in a debugger, from the first instruction on.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cli::BootOptions;
use crate::console::{Console, Event, Port};
use crate::process::find_program;
use crate::qemu::{Debugger, Serial};
use crate::repository::Repository;
use crate::session::Session;
use crate::supervise::{Supervised, leave_keyboard_to_child};

/// Where QEMU's `-s` listens.
const REMOTE: &str = "target remote localhost:1234";

/// `cargo xtask gdb`.
pub fn run(repository: &Repository, options: &BootOptions) -> Result<ExitCode> {
    let mut session = Session::prepare(repository, options)?;
    session.machine.debugger = Some(Debugger::Tcp);
    let serial = session.scratch_file("serial.log");
    let mut console = Console::start(&mut session.command(&Serial::File(serial.clone())))?;
    let settled = Instant::now() + Duration::from_millis(300);
    if let Event::Ended(ending) = console.next(settled) {
        bail!("{}\n{}", ending.describe(), console.complaints());
    }
    println!("serial console: tail -f {}", serial.display());

    let Some(gdb) = find_program("gdb") else {
        println!("gdb is not installed. QEMU waits for a debugger; from another terminal:");
        println!("  gdb {} -ex '{REMOTE}'", session.volume.kernel.display());
        println!("Ctrl-C ends QEMU.");
        return wait(&mut console);
    };
    leave_keyboard_to_child();
    let mut command = Command::new(gdb);
    command.arg("--quiet").arg(&session.volume.kernel).args(["-ex", REMOTE]);
    Supervised::spawn(&mut command)?.wait(None);
    Ok(ExitCode::SUCCESS)
}

fn wait(console: &mut Console) -> Result<ExitCode> {
    loop {
        let deadline = Instant::now() + Duration::from_secs(60);
        if let Event::Ended(ending) = console.next(deadline) {
            bail!("{}\n{}", ending.describe(), console.complaints());
        }
    }
}
