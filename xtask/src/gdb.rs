//! `cargo xtask gdb`: the kernel in a debugger, from the first instruction on, or a program from its
//! own first instruction on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSegment};

use crate::cli::GdbOptions;
use crate::console::{Console, Event, Port};
use crate::process::find_program;
use crate::qemu::{Debugger, Serial};
use crate::repository::Repository;
use crate::session::Session;
use crate::supervise::{Supervised, leave_keyboard_to_child};
use crate::volume::Volume;

/// Where QEMU's `-s` listens.
const REMOTE: &str = "target remote localhost:1234";

/// `cargo xtask gdb`.
pub fn run(repository: &Repository, options: &GdbOptions) -> Result<ExitCode> {
    let mut session = Session::prepare(repository, &options.boot)?;
    let kernel = session.volume.kernel.clone();
    let arguments = match &options.program {
        Some(name) => program_arguments(&program(&session.volume, name)?, &kernel)?,
        None => vec![kernel.display().to_string(), "-ex".into(), REMOTE.into()],
    };
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
        let quoted: Vec<String> = arguments.iter().map(|it| format!("'{it}'")).collect();
        println!("  gdb {}", quoted.join(" "));
        println!("Ctrl-C ends QEMU.");
        return wait(&mut console);
    };
    leave_keyboard_to_child();
    let mut command = Command::new(gdb);
    command.arg("--quiet").args(arguments);
    Supervised::spawn(&mut command)?.wait(None);
    Ok(ExitCode::SUCCESS)
}

/// The ELF file of the program `name`.
fn program(volume: &Volume, name: &str) -> Result<PathBuf> {
    if name == "init" {
        return Ok(volume.init.clone());
    }
    match volume.modules.iter().find(|(module, _)| module == name) {
        Some((_, file)) => Ok(file.clone()),
        None => {
            let known = volume.modules.iter().map(|(module, _)| format!(", {module}"));
            bail!("there is no program {name:?}; there are: init{}", known.collect::<String>())
        }
    }
}

/// What gdb is told to attach to the program in `file`, on the kernel in `kernel`.
///
/// All programs lie at the same addresses, each in its own space, so the breakpoint at its entry counts
/// only where the memory holds this program's first instructions.
fn program_arguments(file: &Path, kernel: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let elf = object::File::parse(bytes.as_slice())
        .with_context(|| format!("{} is no program", file.display()))?;
    let entry = elf.entry();
    let start = elf
        .segments()
        .find_map(|segment| segment.data_range(entry, 16).ok().flatten())
        .with_context(|| format!("{} has no first instruction", file.display()))?;
    let conditions: Vec<String> = (entry..)
        .step_by(8)
        .zip(start.chunks_exact(8))
        .map(|(address, word)| {
            let word = word.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            format!("*(unsigned long *){address:#x} == {word:#x}")
        })
        .collect();
    let commands = [
        format!("add-symbol-file {}", kernel.display()),
        REMOTE.to_owned(),
        format!("hbreak *{entry:#x} if {}", conditions.join(" && ")),
        "continue".to_owned(),
    ];
    let mut arguments = vec![file.display().to_string()];
    for command in commands {
        arguments.extend(["-ex".to_owned(), command]);
    }
    Ok(arguments)
}

fn wait(console: &mut Console) -> Result<ExitCode> {
    loop {
        let deadline = Instant::now() + Duration::from_secs(60);
        if let Event::Ended(ending) = console.next(deadline) {
            bail!("{}\n{}", ending.describe(), console.complaints());
        }
    }
}
