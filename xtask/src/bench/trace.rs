//! Following a path instruction by instruction, from the first reading of the time-stamp counter
//! to the next.
//!
//! The bench program announces each path before it takes the first figure that counts. There the
//! machine is stopped, and taken on one instruction at a time; interrupts wait meanwhile.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use iced_x86::Register;

use super::boot;
use super::instruction::{Executed, Kind, LONGEST};
use super::remote::{Registers, Remote};
use super::symbols::{Executable, Place, Symbols};
use crate::console::{Console, Port};
use crate::progress::Step;
use crate::qemu::{Debugger, Serial};
use crate::repository::Repository;

/// Part of the name of the function that announces a path, in both of Rust's manglings.
const ANNOUNCEMENT: &str = "7measure14announce_bytes";
/// Instructions from an announcement to the first reading, at most.
const LONGEST_PREPARATION: usize = 10_000;
/// Instructions of a path, at most.
const LONGEST_PATH: usize = 1_000_000;

/// A path, executed once.
#[derive(Debug)]
pub struct Trace {
    /// Version of the compiler that made the kernel.
    pub compiler: String,
    /// Each instruction with its source, the first reading included, the last not: as many as the
    /// figure says.
    pub steps: Vec<(Executed, Place)>,
}

/// What a trace comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Instructions.
    pub instructions: usize,
    /// Expensive ones among them.
    pub expensive: usize,
    /// Instructions in kernel mode.
    pub in_kernel: usize,
    /// Cache lines of code that kernel mode executes.
    pub code_lines: usize,
    /// Cache lines that instructions in kernel mode read or write.
    pub data_lines: usize,
    /// Those among them that they write.
    pub written_lines: usize,
}

impl Trace {
    /// Boots the bench program and follows the path called `name`.
    pub fn record(repository: &Repository, name: &str) -> Result<Self> {
        let mut session = boot::prepare(repository, 1)?;
        let socket = session.scratch_file("debugger");
        session.machine.debugger = Some(Debugger::Socket(socket.clone()));
        let kernel = Executable::read(&session.volume.kernel)?;
        let programs = session.volume.modules.iter().map(|(_, path)| path);
        let programs = std::iter::once(&session.volume.init).chain(programs);
        let programs: Vec<Executable> =
            programs.map(|path| Executable::read(path)).collect::<Result<_>>()?;
        let compiler = kernel.compiler().context("the kernel does not say who compiled it")?;
        let kernel = kernel.symbols().context("in the kernel")?;
        let programs: Vec<Symbols<'_>> =
            programs.iter().map(Executable::symbols).collect::<Result<_>>()?;

        let step = Step::start(format!("following {name}"));
        let console = Console::start(&mut session.command(&Serial::Pipe))?;
        let mut machine = Remote::connect(&socket).with_context(|| console.complaints())?;
        let program = run_to_announcement(&mut machine, &programs, name)
            .with_context(|| format!("no path {name:?} is announced"))?;
        let symbols = Sources { kernel: &kernel, program, root: repository.root() };
        let steps = follow(&mut machine, &symbols)?;
        step.done();
        Ok(Self { compiler, steps })
    }

    /// What all of it comes to.
    pub fn sum(&self) -> Sum {
        sum(&self.steps)
    }

    /// What each way comes to: up to the first return from the kernel, and from there on.
    pub fn ways(&self) -> [Sum; 2] {
        let there = self.steps.iter().position(|(it, _)| it.kind == Kind::Return);
        let (there, back) = self.steps.split_at(there.map_or(self.steps.len(), |last| last + 1));
        [sum(there), sum(back)]
    }
}

/// What some steps come to.
fn sum(steps: &[(Executed, Place)]) -> Sum {
    let kernel = || steps.iter().map(|(it, _)| it).filter(|it| it.in_kernel);
    let count = |lines: BTreeSet<u64>| lines.len();
    Sum {
        instructions: steps.len(),
        expensive: steps.iter().filter(|(it, _)| it.is_expensive).count(),
        in_kernel: kernel().count(),
        code_lines: count(kernel().flat_map(|it| it.code.iter().copied()).collect()),
        data_lines: count(kernel().flat_map(Executed::data).collect()),
        written_lines: count(kernel().flat_map(|it| it.written.iter().copied()).collect()),
    }
}

/// Where instructions come from.
struct Sources<'a> {
    kernel: &'a Symbols<'a>,
    program: &'a Symbols<'a>,
    root: &'a Path,
}

/// Runs the machine until path `name` is announced; answers the symbols of the program that does.
fn run_to_announcement<'a>(
    machine: &mut Remote,
    programs: &'a [Symbols<'a>],
    name: &str,
) -> Result<&'a Symbols<'a>> {
    let announced = |it: &Symbols<'_>| it.address(ANNOUNCEMENT);
    let stops: BTreeSet<u64> = programs.iter().filter_map(announced).collect();
    for stop in &stops {
        machine.stop_at(*stop)?;
    }
    loop {
        machine.run()?;
        let registers = machine.registers()?;
        if announced_name(machine, &registers)? == name.as_bytes() {
            for stop in &stops {
                machine.forget_stop(*stop)?;
            }
            let here = Some(registers.instruction);
            let program = programs.iter().find(|program| announced(program) == here);
            return program.context("the machine stopped elsewhere");
        }
        // Past the stop, which would hold it again.
        machine.step()?;
    }
}

/// The name that is the argument of an announcement: address and length.
fn announced_name(machine: &mut Remote, registers: &Registers) -> Result<Vec<u8>> {
    let argument = |register| registers.value(register).unwrap_or_default();
    let length = argument(Register::RSI).min(64) as usize;
    machine.memory(argument(Register::RDI), length)
}

/// Steps to the first reading of the counter, and from there to the next.
fn follow(machine: &mut Remote, sources: &Sources<'_>) -> Result<Vec<(Executed, Place)>> {
    let mut steps = vec![];
    for _ in 0..LONGEST_PREPARATION + LONGEST_PATH {
        let registers = machine.registers()?;
        let bytes = machine.memory(registers.instruction, LONGEST)?;
        let mut executed = Executed::decode(&bytes, &registers)?;
        let is_stamp = executed.kind == Kind::Stamp;
        if is_stamp && !steps.is_empty() {
            return Ok(steps);
        }
        if is_stamp || !steps.is_empty() {
            let symbols = if executed.in_kernel { sources.kernel } else { sources.program };
            let place = symbols.place(executed.address, sources.root)?;
            if let Some(target) = executed.target {
                executed.name_target(&symbols.near(target));
            }
            steps.push((executed, place));
        }
        machine.step()?;
    }
    bail!("the path does not come to its end")
}
