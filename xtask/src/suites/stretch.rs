//! The longest stretch of kernel instructions with interrupts off, under adversarial loads.
//!
//! `tests/stretch` is the load: it prints `load NUMBER NAME` before each, and `stretch: done` at
//! its end. `tests/meter`, a plugin of QEMU, counts the kernel's instructions. One test each load:
//! it passes if no stretch is longer than [`LIMIT`]. The table goes to `target/a9n/stretch.txt`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Tally;
use crate::bench::symbols::{Executable, Symbols};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::console::{Cleaner, Console, Event, Port};
use crate::process::{self, host_cargo_command};
use crate::progress::Step;
use crate::qemu::{Ending, Serial};
use crate::repository::Repository;
use crate::session::Session;

const SYSTEM: &str = "tests/stretch";
const METER: &str = "a9n-meter";
/// Instructions that may pass between two looks for interrupts.
const LIMIT: u64 = 3000;
/// Numbers of CPUs that it runs with.
const CPUS: [u32; 3] = [1, 4, 8];
/// Loads of which none begins for so long hang; a busy machine only takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest stretch under one load.
#[derive(Debug, PartialEq, Eq)]
struct Longest {
    load: u32,
    instructions: u64,
    /// Lower half of the address at which the kernel was entered.
    entry: u32,
    /// Instructions by the lower half of the address of their block.
    blocks: Vec<(u32, u64)>,
}

/// Upper half of the kernel's addresses.
const KERNEL: u64 = 0xffff_ffff_0000_0000;

/// Builds meter and load, and measures.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let meter = build_meter(repository, step)?;
    let mut tally = Tally::default();
    let mut table = String::new();
    for cpus in CPUS {
        let options = BootOptions {
            build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
            entry: Some(Entry::Direct),
            cpus: Some(cpus),
            ..BootOptions::default()
        };
        let mut session = Session::prepare(repository, &options)?;
        let report = session.scratch_file("stretches");
        session.machine.meter = Some((meter.clone(), report.clone()));
        let mut console = Console::start(&mut session.command(&Serial::Pipe))?;
        let names = listen(&mut console, step)?;
        drop(console);
        let text = fs::read_to_string(&report).context("the meter left no report")?;
        let executable = Executable::read(&session.volume.kernel)?;
        let symbols = executable.symbols()?;
        for (load, name) in &names {
            let longest = parse(&text, *load)?;
            let line = describe(&longest, name, cpus, |address| function(&symbols, address));
            if longest.instructions > LIMIT {
                tally.fail(format!("more than {LIMIT} instructions at a stretch: {line}"));
            } else {
                tally.passed += 1;
            }
            table += &format!("{line}\n");
        }
    }
    let longest = table.lines().max_by_key(|line| leading_number(line)).unwrap_or_default();
    tally.notes.push(format!("longest: {longest}"));
    let file = repository.products().join("stretch.txt");
    fs::write(&file, table).with_context(|| format!("cannot write {}", file.display()))?;
    tally.notes.push(format!("all of them: {}", repository.relative(&file).display()));
    Ok(tally)
}

fn build_meter(repository: &Repository, step: &Step) -> Result<PathBuf> {
    let folder = repository.products().join("meter");
    let mut command = host_cargo_command(repository.root(), "build");
    command.args(["--release", "--package", METER, "--target-dir"]).arg(&folder);
    process::build(METER, &mut command, step)?;
    let library = folder.join("release").join("liba9n_meter.so");
    if !library.is_file() {
        bail!("the build succeeded but left no {}", library.display());
    }
    Ok(library)
}

/// The names of all loads, once they are over.
fn listen(port: &mut dyn Port, step: &Step) -> Result<BTreeMap<u32, String>> {
    let mut cleaner = Cleaner::default();
    let mut output = vec![];
    loop {
        match port.next(Instant::now() + PATIENCE) {
            Event::Output(bytes) => {
                output.extend(cleaner.clean(&bytes));
                if let Some(line) = String::from_utf8_lossy(&output).lines().last() {
                    step.detail(line);
                }
            }
            Event::Ended(Ending::Passed) => break,
            Event::Ended(ending) => bail!(
                "the loads did not come to their end: {}\n{}{}",
                ending.describe(),
                port.complaints(),
                String::from_utf8_lossy(&output)
            ),
            Event::Silence => bail!("the loads hang\n{}", String::from_utf8_lossy(&output)),
        }
    }
    let output = String::from_utf8_lossy(&output);
    if !output.lines().any(|line| line.trim() == "stretch: done") {
        bail!("the loads did not come to their end\n{output}");
    }
    let loads = output.lines().filter_map(|line| {
        let (number, name) = line.trim().strip_prefix("load ")?.split_once(' ')?;
        Some((number.parse().ok()?, name.to_owned()))
    });
    Ok(loads.collect())
}

/// What the meter's report says of `load`: `LOAD COUNT ENTRY BLOCK:COUNT ...`, addresses in
/// hexadecimal.
fn parse(report: &str, load: u32) -> Result<Longest> {
    let hexadecimal = |text: &str| u32::from_str_radix(text, 16);
    for line in report.lines() {
        let mut words = line.split(' ');
        let (Some(number), Some(count), Some(entry)) = (words.next(), words.next(), words.next())
        else {
            bail!("the meter reports {line:?}");
        };
        if number.parse() == Ok(load) {
            let blocks = words
                .map(|word| {
                    let (address, count) = word.split_once(':').context("a block without count")?;
                    Ok((hexadecimal(address)?, count.parse()?))
                })
                .collect::<Result<_>>()?;
            return Ok(Longest {
                load,
                instructions: count.parse()?,
                entry: hexadecimal(entry)?,
                blocks,
            });
        }
    }
    bail!("the meter saw nothing of load {load}")
}

/// The function that contains the address with this lower half.
fn function(symbols: &Symbols<'_>, address: u32) -> String {
    let near = symbols.near(KERNEL | u64::from(address));
    near.split('+').next().unwrap_or_default().to_owned()
}

/// `INSTRUCTIONS  load (CPUS), entered at SYMBOL, FUNCTION INSTRUCTIONS, ...`.
fn describe(longest: &Longest, name: &str, cpus: u32, function: impl Fn(u32) -> String) -> String {
    let mut functions = BTreeMap::<String, u64>::new();
    for (address, count) in &longest.blocks {
        *functions.entry(function(*address)).or_default() += count;
    }
    let mut functions: Vec<_> = functions.into_iter().collect();
    functions.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let where_: Vec<String> =
        functions.iter().take(6).map(|(name, count)| format!("{name} {count}")).collect();
    format!(
        "{:>6}  {name} (CPUs: {cpus}), from {}: {}",
        longest.instructions,
        function(longest.entry),
        where_.join(", ")
    )
}

fn leading_number(line: &str) -> u64 {
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_load_entry_and_places() {
        let report = "1 70 80201000 80201000:70\n12 90 80202000 80202000:20 80203010:70\n";
        let longest = parse(report, 12).unwrap();
        let blocks = vec![(0x8020_2000, 20), (0x8020_3010, 70)];
        let entry = 0x8020_2000;
        assert_eq!(longest, Longest { load: 12, instructions: 90, entry, blocks });
        assert!(parse(report, 2).is_err());
        let function = |address| if address < 0x8020_3000 { "enter" } else { "work" }.to_owned();
        let line = describe(&longest, "hard", 4, function);
        assert_eq!(line, "    90  hard (CPUs: 4), from enter: work 70, enter 20");
        assert_eq!(leading_number(&line), 90);
    }
}
