//! `cargo xtask bench`: instruction counts of the kernel's paths, beside references and goals.
//!
//! QEMU counts instructions (`-icount shift=0`: one nanosecond of virtual time each), so a
//! figure is the same on every run and every machine. The bench program prints lines
//! `bench NAME VALUE` and, at its end, `bench done`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cli::{BenchOptions, BootOptions, BuildOptions, Entry};
use crate::console::{Cleaner, Console, Event, Port};
use crate::progress::Step;
use crate::qemu::Serial;
use crate::repository::Repository;
use crate::session::Session;

const SYSTEM: &str = "bench";
const REFERENCES: &str = "bench/references.toml";
const RESULTS: &str = "bench/results.json";
/// All paths are measured by then.
const LIMIT: Duration = Duration::from_secs(300);

/// Figures by name of the path.
type Figures = BTreeMap<String, u64>;

/// The references, in the order of the table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct References {
    path: Vec<Reference>,
}

/// What a path is measured against.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    /// The path's name, as the bench program prints it.
    name: String,
    /// The best other kernel, and its figure.
    peer: Option<Peer>,
    /// What we want to reach.
    goal: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    figure: u64,
}

/// `cargo xtask bench`.
pub fn run(repository: &Repository, options: &BenchOptions) -> Result<ExitCode> {
    let references = read_references(&repository.path(REFERENCES))?;
    let figures = measure(repository)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", table(&figures, &references));
    }
    let file = repository.path(RESULTS);
    if options.update {
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        fs::write(&file, text).with_context(|| format!("cannot write {RESULTS}"))?;
        eprintln!("{RESULTS} is up to date");
    }
    if options.check {
        let complaints = compare(&figures, &read_results(&file)?);
        if !complaints.is_empty() {
            bail!("slower than recorded in {RESULTS}:\n  {}", complaints.join("\n  "));
        }
        eprintln!("no path is slower than recorded");
    }
    Ok(ExitCode::SUCCESS)
}

fn read_references(path: &Path) -> Result<References> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the references {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("in {}", path.display()))
}

fn read_results(path: &Path) -> Result<Figures> {
    let text = fs::read_to_string(path).with_context(|| {
        format!("cannot read {}; `cargo xtask bench --update` makes it", path.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))
}

/// Boots the bench program under QEMU's instruction counter.
fn measure(repository: &Repository) -> Result<Figures> {
    let boot = BootOptions {
        build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
        entry: Some(Entry::Direct),
        ..BootOptions::default()
    };
    let mut session = Session::prepare(repository, &boot)?;
    session.machine.count_instructions = true;
    let mut console = Console::start(&mut session.command(&Serial::Pipe))?;
    let step = Step::start("measuring");
    let figures = collect(&mut console, &step)?;
    step.done();
    Ok(figures)
}

fn collect(port: &mut dyn Port, step: &Step) -> Result<Figures> {
    let deadline = Instant::now() + LIMIT;
    let mut cleaner = Cleaner::default();
    let mut text = vec![];
    let mut figures = Figures::new();
    loop {
        match port.next(deadline) {
            Event::Output(bytes) => text.extend(cleaner.clean(&bytes)),
            Event::Ended(ending) => bail!(
                "the bench program did not finish: {}\n{}{}",
                ending.describe(),
                port.complaints(),
                String::from_utf8_lossy(&text)
            ),
            Event::Silence => bail!("the bench program hangs\n{}", String::from_utf8_lossy(&text)),
        }
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            step.detail(&line);
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("bench"), Some("done"), None) => return Ok(figures),
                (Some("bench"), Some(name), Some(value)) => {
                    let value =
                        value.parse().with_context(|| format!("{name}: {value:?} is no figure"))?;
                    figures.insert(name.to_owned(), value);
                }
                _ => {}
            }
        }
        if Instant::now() >= deadline {
            bail!("the bench program does not come to its end");
        }
    }
}

/// What got slower than recorded, or is not measured any more.
fn compare(figures: &Figures, recorded: &Figures) -> Vec<String> {
    recorded
        .iter()
        .filter_map(|(name, was)| match figures.get(name) {
            None => Some(format!("{name}: recorded {was}, not measured any more")),
            Some(now) if now > was => Some(format!("{name}: {was} -> {now}")),
            Some(_) => None,
        })
        .collect()
}

/// The table of all figures: those with a reference first, in its order.
fn table(figures: &Figures, references: &References) -> String {
    let mut rows = vec![["path", "ours", "best peer", "goal"].map(str::to_owned)];
    for reference in &references.path {
        let Some(ours) = figures.get(&reference.name) else {
            continue;
        };
        let peer = reference.peer.as_ref();
        let goal = reference
            .goal
            .map(|goal| format!("{goal}{}", if *ours <= goal { " reached" } else { "" }));
        rows.push([
            reference.name.clone(),
            ours.to_string(),
            peer.map(|peer| format!("{} {}", peer.name, peer.figure)).unwrap_or_default(),
            goal.unwrap_or_default(),
        ]);
    }
    for (name, ours) in figures {
        if references.path.iter().all(|reference| reference.name != *name) {
            rows.push([name.clone(), ours.to_string(), String::new(), String::new()]);
        }
    }
    layout(&rows)
}

/// Columns as wide as their widest cell; figures to the right.
fn layout(rows: &[[String; 4]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let [name, ours, peer] = [width(0), width(1), width(2)];
    rows.iter()
        .map(|row| {
            let line =
                format!("{:<name$}  {:>ours$}  {:<peer$}  {}", row[0], row[1], row[2], row[3]);
            line.trim_end().to_owned() + "\n"
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::Ending;

    struct Recorded(Vec<Event>);

    impl Port for Recorded {
        fn next(&mut self, _: Instant) -> Event {
            self.0.remove(0)
        }
        fn send(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }
    }

    fn collected(text: &str) -> Result<Figures> {
        let events = vec![Event::Output(text.as_bytes().to_vec()), Event::Ended(Ending::Quiet)];
        collect(&mut Recorded(events), &Step::start("test"))
    }

    fn figures(list: &[(&str, u64)]) -> Figures {
        list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn figures_are_read_until_the_program_is_done() {
        let expected = figures(&[("call.null", 45), ("yield", 80)]);
        let text = "A9N\nbench call.null 45\r\nbench yield 80\nbench done\n";
        assert_eq!(collected(text).unwrap(), expected);
        assert!(collected("bench call.null 45\n").is_err());
        assert!(collected("bench call.null many\nbench done\n").is_err());
    }

    #[test]
    fn slower_and_vanished_paths_are_complaints() {
        let recorded = figures(&[("a", 10), ("b", 20), ("c", 30)]);
        assert!(
            compare(&figures(&[("a", 10), ("b", 19), ("c", 1), ("d", 5)]), &recorded).is_empty()
        );
        assert_eq!(compare(&figures(&[("a", 11), ("b", 20)]), &recorded).len(), 2);
    }

    #[test]
    fn the_table_shows_peer_and_goal() {
        let references: References = toml::from_str(
            "[[path]]\nname = \"yield\"\npeer = { name = \"seL4\", figure = 287 }\ngoal = 90\n\
             [[path]]\nname = \"absent\"\n",
        )
        .unwrap();
        let text = table(&figures(&[("extra", 7), ("yield", 80)]), &references);
        let expected = "path   ours  best peer  goal\n\
                        yield    80  seL4 287   90 reached\n\
                        extra     7\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_references_can_be_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(REFERENCES);
        assert!(!read_references(&path).unwrap().path.is_empty());
    }
}
