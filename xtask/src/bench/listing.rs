//! A trace for readers: instruction by instruction, and part by part.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::instruction::Executed;
use super::symbols::Place;
use super::trace::{Steps, Sum, Trace};

/// Every instruction, and what they come to.
pub fn text(trace: &Trace) -> String {
    let mut text = instructions(&trace.steps);
    let [there, back] = trace.ways();
    for (what, sum) in [("there", there), ("back", back), ("all", trace.sum())] {
        text += &format!("{what}: {}\n", describe(&sum));
    }
    text
}

/// Every instruction.
pub fn instructions(steps: &Steps) -> String {
    let mut text =
        String::from("   #  mode    instruction                               lines  source\n");
    let mut seen = BTreeSet::new();
    for (number, (executed, place)) in steps.iter().enumerate() {
        let line = format!(
            "{:>4}{} {:<6}  {:<40}  {:<5}  {}",
            number + 1,
            if executed.is_expensive { '*' } else { ' ' },
            mode(executed),
            executed.text,
            Fresh::of(executed, &mut seen).letters(),
            place,
        );
        text += &(line.trim_end().to_owned() + "\n");
    }
    text
}

fn mode(executed: &Executed) -> &'static str {
    match executed {
        Executed { in_kernel: true, .. } => "kernel",
        Executed { in_guest: true, .. } => "guest",
        _ => "user",
    }
}

fn describe(sum: &Sum) -> String {
    let Sum { instructions, in_kernel, expensive, code_lines, data_lines, written_lines } = sum;
    format!(
        "{instructions} instructions ({in_kernel} in the kernel, {expensive} expensive), \
         {code_lines} code lines, {data_lines} data lines ({written_lines} written)"
    )
}

/// What each function costs, the dearest first.
pub fn shares(steps: &Steps) -> String {
    let mut shares: BTreeMap<(&str, &Place), usize> = BTreeMap::new();
    let lines: Vec<Place> = steps.iter().map(|(_, it)| Place { line: 0, ..it.clone() }).collect();
    for ((executed, _), place) in steps.iter().zip(&lines) {
        *shares.entry((mode(executed), place)).or_default() += 1;
    }
    let mut shares: Vec<_> = shares.into_iter().collect();
    shares.sort_by_key(|(_, count)| Reverse(*count));
    let lines =
        shares.iter().map(|((mode, place), count)| format!("{count:>7} {mode:<6} {place}\n"));
    lines.collect()
}

/// What each part of the path costs, as a table for the manual.
pub fn parts(trace: &Trace) -> String {
    let mut text = String::from(
        "| part | instructions | expensive | code lines | data lines |\n|---|--:|--:|--:|--:|\n",
    );
    let [there, _] = trace.ways();
    let mut seen = BTreeSet::new();
    for (way, range) in
        [("there", 0..there.instructions), ("back", there.instructions..trace.steps.len())]
    {
        let mut parts: Vec<(String, Part)> = vec![];
        for (executed, place) in &trace.steps[range] {
            let name = name_of(executed, place);
            let index = parts.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                parts.push((name, Part::default()));
                parts.len() - 1
            });
            parts[index].1.add(executed, &Fresh::of(executed, &mut seen));
        }
        for (name, Part { instructions, expensive, code, data }) in parts {
            let row = format!("{instructions} | {expensive} | {code} | {data}");
            text += &format!("| {way}: {name} | {row} |\n");
        }
    }
    text
}

/// What one part of the path comes to. A line counts for the part that touches it first.
#[derive(Default)]
struct Part {
    instructions: usize,
    expensive: usize,
    code: usize,
    data: usize,
}

impl Part {
    fn add(&mut self, executed: &Executed, fresh: &Fresh) {
        self.instructions += 1;
        self.expensive += usize::from(executed.is_expensive);
        self.code += fresh.code;
        self.data += fresh.read + fresh.written;
    }
}

/// The part that an instruction belongs to: its source file, or the label in assembly.
fn name_of(executed: &Executed, place: &Place) -> String {
    match (executed.in_kernel, place.file.as_str()) {
        (false, _) => "user".into(),
        (true, "") => format!("`{}`", place.function),
        (true, file) => format!("`{file}`"),
    }
}

/// How many cache lines the kernel touches with an instruction for the first time.
struct Fresh {
    code: usize,
    written: usize,
    read: usize,
}

impl Fresh {
    fn of(executed: &Executed, seen: &mut BTreeSet<u64>) -> Self {
        let mut count = |lines: &BTreeSet<u64>| {
            lines.iter().filter(|line| executed.in_kernel && seen.insert(**line)).count()
        };
        Self {
            code: count(&executed.code),
            written: count(&executed.written),
            read: count(&executed.read),
        }
    }

    /// A letter for each line: `c` for code, `w` for written, `r` for read.
    fn letters(&self) -> String {
        ["c".repeat(self.code), "w".repeat(self.written), "r".repeat(self.read)].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::instruction::Kind;

    fn executed(text: &str, in_kernel: bool, kind: Kind, data: u64) -> (Executed, Place) {
        let executed = Executed {
            address: 0,
            in_kernel,
            in_guest: false,
            text: text.into(),
            kind,
            target: None,
            is_expensive: kind == Kind::Return,
            code: BTreeSet::from([1]),
            read: BTreeSet::from([data]),
            written: BTreeSet::new(),
        };
        (executed, Place { function: "f".into(), file: "a.rs".into(), line: 7 })
    }

    #[test]
    fn each_line_counts_once_and_only_in_the_kernel() {
        let trace = Trace {
            compiler: "1".into(),
            steps: vec![
                executed("one", false, Kind::Stamp, 9),
                executed("two", true, Kind::Other, 9),
                executed("three", true, Kind::Return, 10),
                executed("four", true, Kind::Other, 10),
            ],
        };
        let text = text(&trace);
        assert!(text.contains("   1  user    one"));
        assert!(text.contains("cr     f  a.rs:7\n   3* kernel  three"));
        assert!(text.contains("all: 4 instructions (3 in the kernel, 1 expensive), 1 code"));
        let parts = parts(&trace);
        assert!(parts.contains("| there: user | 1 | 0 | 0 | 0 |"));
        assert!(parts.contains("| there: `a.rs` | 2 | 1 | 1 | 2 |"));
        assert!(parts.contains("| back: `a.rs` | 1 | 0 | 0 | 0 |"));
    }
}
