//! Watching the benchmark of Linux's calls from outside: what it does between two marks is followed
//! instruction by instruction, or only its changes of address space are counted.
//!
//! The machine runs until the program is ready to be started; then a debugger is there, and stops it where the
//! program says that something begins or ends. The emulator logs what is loaded as root of the page tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use iced_x86::Register;

use super::remote::Remote;
use super::symbols::{Executable, Symbols};
use super::trace::{Sources, Steps};
use crate::linux::figures::PROGRAM;
use crate::linux::{Clock, Guest, Kernel, Systems};
use crate::progress::Step;

/// Where the program says what begins, that a turn of it is over, and all of it.
const MARKS: [&str; 3] = ["mark_begins", "mark_turned", "mark_ends"];
/// In place of a name, when there are no more.
const OVER: &str = "over";
/// What the emulator logs with `-d mmu` when a root of page tables is loaded.
const SWITCH: &str = "CR3 update";

/// How often the address space changes, by the name of what is measured.
pub type Switches = BTreeMap<String, f64>;

/// The benchmark, under a kernel, under observation.
pub struct Watch {
    /// Dropped, it ends the machine.
    _guest: Guest,
    machine: Remote,
    log: PathBuf,
    begins: u64,
    turned: u64,
    ends: u64,
}

impl Watch {
    /// Boots a machine and starts the program.
    pub fn start(systems: &Systems, kernel: Kernel) -> Result<Self> {
        let program = Executable::read(systems.bench())?;
        let symbols = program.symbols()?;
        let mark = |name| symbols.address(name).context("the benchmark has lost its marks");
        let [begins, turned, ends] = MARKS.map(mark);
        let (begins, turned, ends) = (begins?, turned?, ends?);
        let (socket, log) = (systems.scratch_file("debugger"), systems.scratch_file("switches"));
        let mut guest = systems.boot_watched(kernel, Clock::Instructions, &socket, &log)?;
        let mut machine = Remote::interrupt(&socket)?;
        machine.stop_at(begins)?;
        machine.stop_at(ends)?;
        machine.go_on()?;
        Systems::start(&mut guest, kernel, PROGRAM)?;
        let mut watch = Self { _guest: guest, machine, log, begins, turned, ends };
        ensure!(watch.machine.has_stopped()?, "the benchmark does not begin");
        Ok(watch)
    }

    /// The name of what begins where the machine stands; `None` after the last.
    fn name(&mut self) -> Result<Option<String>> {
        let registers = self.machine.registers()?;
        ensure!(registers.instruction == self.begins, "the benchmark's marks are out of order");
        let argument = |register| registers.value(register).unwrap_or_default();
        let length = argument(Register::RSI).min(64) as usize;
        let bytes = self.machine.memory(argument(Register::RDI), length)?;
        let name = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(name).filter(|name| name != OVER))
    }

    /// Runs on to the next mark, past the one that it stands at.
    fn run(&mut self) -> Result<()> {
        self.machine.step()?;
        ensure!(self.machine.run()?, "the benchmark ends between two marks");
        Ok(())
    }

    /// How many of what was announced there were, at its end.
    fn units(&mut self) -> Result<u64> {
        let registers = self.machine.registers()?;
        ensure!(registers.instruction == self.ends, "the benchmark's marks are out of order");
        Ok(registers.value(Register::RDI).unwrap_or_default().max(1))
    }

    /// How many switches the emulator has logged so far.
    fn switches(&self) -> Result<u64> {
        let log = fs::read_to_string(&self.log).context("the emulator logs nothing")?;
        Ok(log.lines().filter(|line| line.starts_with(SWITCH)).count() as u64)
    }

    /// Changes of address space in everything that is measured, by name: each divided by how often it was
    /// done, since the emulator lets timers go off when it goes on after a stop.
    pub fn count_switches(mut self, step: &Step) -> Result<Switches> {
        let mut all = Switches::new();
        while let Some(name) = self.name()? {
            step.detail(&name);
            let before = self.switches()?;
            self.run()?;
            let units = self.units()?;
            let switches = self.switches()? - before;
            all.insert(name, switches as f64 / units as f64);
            self.run()?;
        }
        Ok(all)
    }

    /// Every instruction of one turn of what is called `wanted`, by whomever.
    pub fn follow(mut self, wanted: &str, sources: &Sources<'_, '_>) -> Result<Steps> {
        while let Some(name) = self.name()? {
            if name == wanted {
                self.machine.step()?;
                return super::trace::follow_to(
                    &mut self.machine,
                    &[self.turned, self.ends],
                    sources,
                );
            }
            self.run()?;
            self.run()?;
        }
        bail!("nothing that is measured is called {wanted:?}")
    }
}

/// The names in the programs that one meets on the way.
pub fn with_sources<T>(
    systems: &Systems,
    root: &Path,
    work: impl FnOnce(&Sources<'_, '_>) -> Result<T>,
) -> Result<T> {
    let [kernel, server] = systems.programs()?.map(|path| Executable::read(&path));
    let (kernel, server) = (kernel?, server?);
    let program = Executable::read(systems.bench())?;
    let programs: Vec<Symbols<'_>> =
        [&server, &program].map(Executable::symbols).into_iter().collect::<Result<_>>()?;
    let kernel = kernel.symbols()?;
    work(&Sources { kernel: &kernel, programs: &programs.iter().collect::<Vec<_>>(), root })
}
