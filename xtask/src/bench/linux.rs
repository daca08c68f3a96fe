//! `cargo xtask bench --linux`: what Linux's calls cost under Debian's own kernel and under KOITO, side by
//! side, in instructions.
//!
//! The same program, `tests/linux/programs/src/bench`, runs unmodified in both systems, in an emulator whose
//! time-stamp counter counts instructions. Such a count flatters messages between address spaces, so the changes
//! of address space stand beside it.

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::listing;
use super::watch::{Switches, Watch, with_sources};
use crate::cli::BenchOptions;
use crate::linux::figures::{self, Figures, Load};
use crate::linux::{Kernel, Systems, USUAL};
use crate::progress::Step;
use crate::repository::Repository;

const RESULTS: &str = "bench/linux.json";
/// What KOITO's figures are to be, as parts of Linux's: each at most, and their geometric mean.
const GOALS: (f64, f64) = (1.0, 0.7);

/// Both systems' figures by name, and how often each changes the address space meanwhile.
#[derive(Serialize)]
struct Results<'a> {
    linux: BTreeMap<&'a str, u64>,
    koito: BTreeMap<&'a str, u64>,
    linux_switches: Switches,
    koito_switches: Switches,
}

/// Measures, prints, records.
pub fn run(repository: &Repository, options: &BenchOptions) -> Result<ExitCode> {
    let step = Step::start("measuring Linux's calls");
    let mut systems = Systems::prepare(repository, &USUAL, &step)?;
    let linux = figures::measure(&systems, Kernel::Linux, Load::Single, &step)?;
    if linux.is_empty() {
        bail!("the benchmark says nothing under Linux");
    }
    let linux_switches = switches(&systems, Kernel::Linux, &step)?;
    let (mut koito, koito_switches) = match systems.runs_programs(Kernel::Koito)? {
        true => (
            figures::measure(&systems, Kernel::Koito, Load::Single, &step)?,
            switches(&systems, Kernel::Koito, &step)?,
        ),
        false => Default::default(),
    };
    // Linux does not come up on two CPUs that count instructions, at least not in minutes.
    if !koito.is_empty() {
        systems.cpus = 2;
        koito.extend(figures::measure(&systems, Kernel::Koito, Load::Double, &step)?);
    }
    step.done();
    let results =
        Results { linux: index(&linux), koito: index(&koito), linux_switches, koito_switches };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print!("{}", table(&linux, &results));
    }
    if options.update {
        let text = serde_json::to_string_pretty(&results)? + "\n";
        let file = repository.path(RESULTS);
        fs::write(&file, text).with_context(|| format!("cannot write {RESULTS}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints every instruction of what is called `name`, once, under KOITO, and what each function comes to.
pub fn show_trace(repository: &Repository, name: &str) -> Result<ExitCode> {
    let step = Step::start("following one of Linux's calls");
    let systems = Systems::prepare(repository, &USUAL, &step)?;
    let watch = Watch::start(&systems, Kernel::Koito)?;
    let steps = with_sources(&systems, repository.root(), |sources| watch.follow(name, sources))?;
    step.done();
    print!("{}{}", listing::instructions(&steps), listing::shares(&steps));
    println!("{} instructions", steps.len());
    Ok(ExitCode::SUCCESS)
}

fn index(figures: &Figures) -> BTreeMap<&str, u64> {
    figures.iter().map(|(name, figure)| (name.as_str(), *figure)).collect()
}

fn switches(systems: &Systems, kernel: Kernel, step: &Step) -> Result<Switches> {
    step.detail("counting changes of address space");
    Watch::start(systems, kernel)?.count_switches(step)
}

/// The figures side by side, with KOITO's as parts of Linux's, and both systems' changes of address space.
fn table(linux: &Figures, results: &Results<'_>) -> String {
    let Results { koito, linux_switches, koito_switches, .. } = results;
    let mut text = format!(
        "{:<20} {:>10} {:>10} {:>7}   {:>9} {:>9}\n",
        "instructions", "Linux", "KOITO", "ratio", "switches:", "KOITO's"
    );
    let mut logarithms = vec![];
    for (name, figure) in linux {
        let own = koito.get(name.as_str());
        let ratio = own.map(|own| *own as f64 / (*figure).max(1) as f64);
        logarithms.extend(ratio.map(|ratio| ratio.max(f64::MIN_POSITIVE).ln()));
        let own = own.map_or("-".into(), u64::to_string);
        let ratio = ratio.map_or("-".into(), |ratio| {
            format!("{ratio:.2}{}", if ratio > GOALS.0 { " !" } else { "" })
        });
        let [theirs, ours] = [linux_switches, koito_switches]
            .map(|all| all.get(name).map_or("-".into(), |count| format!("{count:.1}")));
        text += &format!("{name:<20} {figure:>10} {own:>10} {ratio:>7}   {theirs:>9} {ours:>9}\n");
    }
    for (name, own) in koito.iter().filter(|(name, _)| linux.iter().all(|(it, _)| it != *name)) {
        text += &format!("{name:<20} {:>10} {own:>10}\n", "-");
    }
    if !logarithms.is_empty() {
        let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
        text += &format!(
            "geometric mean of {} of {}: {mean:.2} (goal {})\n",
            logarithms.len(),
            linux.len(),
            GOALS.1
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_of_what_both_have() {
        let linux = vec![("a".to_owned(), 100), ("b".to_owned(), 100), ("c".to_owned(), 7)];
        let results = Results {
            linux: index(&linux),
            koito: BTreeMap::from([("a", 50), ("b", 200)]),
            linux_switches: Switches::new(),
            koito_switches: Switches::from([("b".into(), 2.0)]),
        };
        let text = table(&linux, &results);
        assert!(text.contains("geometric mean of 2 of 3: 1.00"), "{text}");
        assert!(text.contains("2.00 !           -       2.0\n"), "{text}");
    }
}
