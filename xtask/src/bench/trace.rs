//! Following a path instruction by instruction, from the first reading of the time-stamp counter
//! to the next.
//!
//! The bench program announces each path before it takes the first figure that counts. There the
//! machine is stopped, and taken on one instruction at a time; interrupts wait meanwhile.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// Part of the name of the function that announces a path, in both of Rust's manglings; and of the one that
/// announces a guest's.
const ANNOUNCEMENT: &str = "7measure14announce_bytes";
const GUEST_ANNOUNCEMENT: &str = "7measure19announce_guest_code";
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
    pub steps: Steps,
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

/// Follows the path called `name`, on the smallest machine on which it is measured.
pub fn record(repository: &Repository, name: &str) -> Result<Trace> {
    for cpus in boot::CPUS {
        let mut traces = record_all(repository, cpus, |announced| announced == name, 1)?;
        if let Some(trace) = traces.remove(name) {
            return Ok(trace);
        }
    }
    bail!("no path {name:?} is announced; a part of a path is traced with the whole")
}

/// Boots the bench program on a machine with `cpus` CPUs and follows the paths whose names are
/// `wanted`, until it has enough of them.
pub fn record_all(
    repository: &Repository,
    cpus: u32,
    wanted: impl Fn(&str) -> bool,
    enough: usize,
) -> Result<BTreeMap<String, Trace>> {
    let mut session = boot::prepare(repository, cpus)?;
    let socket = session.scratch_file("debugger");
    session.machine.debugger = Some(Debugger::Socket(socket.clone()));
    let kernel = Executable::read(&session.volume.kernel)?;
    let compiler = kernel.compiler().context("the kernel does not say who compiled it")?;
    let kernel = kernel.symbols().context("in the kernel")?;
    let modules = session.volume.modules.iter().map(|(_, path)| path);
    let programs: Vec<Executable> = std::iter::once(&session.volume.init)
        .chain(modules)
        .map(|path| Executable::read(path))
        .collect::<Result<_>>()?;
    let programs: Vec<Symbols<'_>> =
        programs.iter().map(Executable::symbols).collect::<Result<_>>()?;

    let step = Step::start(format!("following paths with {cpus} CPUs"));
    let console = Console::start(&mut session.command(&Serial::Pipe))?;
    let mut machine = Remote::connect(&socket).with_context(|| console.complaints())?;
    for stop in programs.iter().flat_map(announcements).collect::<BTreeSet<u64>>() {
        machine.stop_at(stop)?;
    }
    let mut traces = BTreeMap::new();
    while traces.len() < enough && machine.run()? {
        step.still_working();
        let registers = machine.registers()?;
        let name = announced_name(&mut machine, &registers)?;
        let here = registers.instruction;
        let guest = match programs.iter().any(|it| it.address(GUEST_ANNOUNCEMENT) == Some(here)) {
            true => Some(GuestCode::announced(&mut machine, &registers)?),
            false => None,
        };
        // Past the stop, which would hold it again.
        machine.step()?;
        if let Some(program) = programs.iter().find(|it| announcements(it).any(|at| at == here))
            && wanted(&name)
        {
            step.detail(&name);
            // A guest's exits go to a program beside the one that announces it.
            let partners =
                programs.iter().filter(|it| guest.is_some() && !std::ptr::eq(*it, program));
            let programs: Vec<&Symbols<'_>> = std::iter::once(program).chain(partners).collect();
            let sources = Sources { kernel: &kernel, programs: &programs, root: repository.root() };
            let steps = follow(&mut machine, &sources, guest)?;
            traces.insert(name, Trace { compiler: compiler.clone(), steps });
        }
    }
    step.done();
    Ok(traces)
}

/// Where a program announces paths.
fn announcements(program: &Symbols<'_>) -> impl Iterator<Item = u64> {
    [ANNOUNCEMENT, GUEST_ANNOUNCEMENT].into_iter().filter_map(|name| program.address(name))
}

/// The name that is the argument of an announcement: address and length.
fn announced_name(machine: &mut Remote, registers: &Registers) -> Result<String> {
    let argument = |register| registers.value(register).unwrap_or_default();
    let length = argument(Register::RSI).min(64) as usize;
    let bytes = machine.memory(argument(Register::RDI), length)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a guest executes, which a debugger cannot read while it does: it knows nothing of nested paging.
struct GuestCode {
    bytes: Vec<u8>,
    /// Where the guest has it.
    address: u64,
}

impl GuestCode {
    /// The code that is an argument of an announcement: address and length here, and the address there.
    fn announced(machine: &mut Remote, registers: &Registers) -> Result<Self> {
        let argument = |register| registers.value(register).unwrap_or_default();
        let length = argument(Register::RCX).min(64) as usize;
        let bytes = machine.memory(argument(Register::RDX), length)?;
        Ok(Self { bytes, address: argument(Register::R8) })
    }

    /// What the instruction at `address` begins with.
    fn at(&self, address: u64) -> Result<&[u8]> {
        let place = address.checked_sub(self.address).map(|place| place as usize);
        let bytes = place.and_then(|place| self.bytes.get(place..));
        bytes.with_context(|| format!("the guest is at {address:#x}, which nobody has announced"))
    }
}

/// Where instructions come from.
pub struct Sources<'a, 's> {
    pub kernel: &'a Symbols<'s>,
    /// The programs, which lie at different addresses, in that order.
    pub programs: &'a [&'a Symbols<'s>],
    pub root: &'a Path,
}

impl<'a, 's> Sources<'a, 's> {
    /// The source of the instruction that is next.
    fn of(&self, registers: &Registers) -> &'a Symbols<'s> {
        if registers.in_kernel() {
            return self.kernel;
        }
        let begins_before = |it: &&&Symbols<'_>| it.first() <= registers.instruction;
        self.programs.iter().rev().find(begins_before).copied().unwrap_or(self.programs[0])
    }
}

/// Instructions, each with its source.
pub type Steps = Vec<(Executed, Place)>;

/// Takes a machine from one instruction to the next.
struct Follower<'a, 's> {
    machine: &'a mut Remote,
    sources: &'a Sources<'a, 's>,
    /// Neither the kernel nor a program changes its code.
    known: HashMap<(bool, u64), (Vec<u8>, Place)>,
    /// Of the guest that is followed.
    guest: Option<GuestCode>,
}

impl<'a, 's> Follower<'a, 's> {
    fn new(machine: &'a mut Remote, sources: &'a Sources<'a, 's>) -> Self {
        Self { machine, sources, known: HashMap::new(), guest: None }
    }

    /// The instruction that is next. One that is not mapped is none: it faults.
    fn look(&mut self) -> Result<(Executed, Place)> {
        let mut registers = self.machine.registers()?;
        if registers.in_guest()
            && let Some(guest) = &self.guest
        {
            let executed = Executed::decode(guest.at(registers.instruction)?, &registers)?;
            return Ok((executed, Place { function: "the guest".into(), ..Place::default() }));
        }
        while !self.known.contains_key(&(registers.in_kernel(), registers.instruction))
            && self.machine.memory(registers.instruction, 1)?.is_empty()
        {
            self.machine.step()?;
            registers = self.machine.registers()?;
        }
        let at = registers.instruction;
        let symbols = self.sources.of(&registers);
        let (bytes, place) = match self.known.entry((registers.in_kernel(), at)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let bytes = self.machine.memory(at, LONGEST)?;
                entry.insert((bytes, symbols.place(at, self.sources.root)?))
            }
        };
        let mut executed = Executed::decode(bytes, &registers)?;
        if let Some(target) = executed.target {
            executed.name_target(&symbols.near(target));
        }
        Ok((executed, place.clone()))
    }
}

/// Steps to the first reading of the counter at user level, or by a guest if that is followed, and from there
/// to the next.
fn follow(
    machine: &mut Remote,
    sources: &Sources<'_, '_>,
    guest: Option<GuestCode>,
) -> Result<Steps> {
    let mut steps = vec![];
    let by_guest = guest.is_some();
    let mut follower = Follower { guest, ..Follower::new(machine, sources) };
    for _ in 0..LONGEST_PREPARATION + LONGEST_PATH {
        let (executed, place) = follower.look()?;
        let is_meant = !executed.in_kernel && executed.in_guest == by_guest;
        let is_stamp = executed.kind == Kind::Stamp && is_meant;
        if is_stamp && !steps.is_empty() {
            return Ok(steps);
        }
        if is_stamp || !steps.is_empty() {
            steps.push((executed, place));
        }
        follower.machine.step()?;
    }
    bail!("the path does not come to its end")
}

/// Steps to the instruction at one of `ends`.
pub fn follow_to(machine: &mut Remote, ends: &[u64], sources: &Sources<'_, '_>) -> Result<Steps> {
    let mut steps = vec![];
    let mut follower = Follower::new(machine, sources);
    for _ in 0..LONGEST_PATH {
        let step = follower.look()?;
        if ends.contains(&step.0.address) && !step.0.in_kernel {
            return Ok(steps);
        }
        steps.push(step);
        follower.machine.step()?;
    }
    bail!("the path does not come to its end")
}
