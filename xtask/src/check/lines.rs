//! How much code there is: small enough to read, and no file too long.

use std::collections::BTreeSet;

use super::source::{Class, Source};
use super::{Outcome, Report};

/// A part of the kernel: the name of its figure, its folders and files, the most code lines it may have.
/// What is in several counts in the first, and what is compiled for one machine only with that machine.
const PARTS: &[(&str, &[&str], usize)] = &[
    (
        "virtualisation.lines",
        &[
            "kernel/core/src/guest.rs",
            "kernel/core/src/fast_guest.rs",
            "kernel/hal/src/virt.rs",
            "kernel/hal-x86_64/src/virt/",
        ],
        2000,
    ),
    (
        "kernel.lines",
        &["kernel/core/src/", "kernel/store/src/", "kernel/hal/src/", "kernel/handshake/src/"],
        7000,
    ),
    (
        "hal_x86_64.lines",
        &["kernel/hal-x86_64/src/", "kernel/fast/src/", "kernel/image/src/"],
        7000,
    ),
];
/// A longer file is a design question.
const LONGEST_FILE: usize = 800;

/// Counts code lines per part, and finds files that are too long.
pub fn check(sources: &[Source], report: &mut Report) {
    let tests = test_files(sources);
    let mut complaints = vec![];
    for (part, (figure, _, limit)) in PARTS.iter().enumerate() {
        let lines: usize = sources
            .iter()
            .filter(|source| part_of(source) == Some(part))
            .filter(|source| !tests.iter().any(|test| source.path.starts_with(test.as_str())))
            .map(code_lines)
            .sum();
        report.figure(*figure, lines);
        if lines > *limit {
            complaints.push(format!("{figure} is {lines}, more than {limit}"));
        }
    }
    report.add("the kernel is small enough to read", Ok(Outcome::from_complaints(complaints)));

    let long: Vec<String> = sources
        .iter()
        .map(|source| (&source.path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{path} has {lines} lines, more than {LONGEST_FILE}"))
        .collect();
    report.figure("files.over_800_lines", long.len());
    report.add("no file is too long", Ok(Outcome::from_complaints(long)));
}

/// The part that a source counts in.
fn part_of(source: &Source) -> Option<usize> {
    let is_in = |folders: &&[&str]| folders.iter().any(|folder| source.path.starts_with(folder));
    PARTS.iter().position(|(_, folders, _)| is_in(folders))
}

/// Lines that hold code outside tests; blank lines and comments do not count.
fn code_lines(source: &Source) -> usize {
    let mut counted = vec![true; source.text.len()];
    for (start, end) in test_items(source) {
        counted[start..end].fill(false);
    }
    let mut lines = 0;
    let mut has_code = false;
    for ((byte, class), counts) in source.text.bytes().zip(&source.classes).zip(counted) {
        if byte == b'\n' {
            lines += usize::from(has_code);
            has_code = false;
        } else {
            has_code |= counts && *class != Class::Comment && !byte.is_ascii_whitespace();
        }
    }
    lines + usize::from(has_code)
}

/// Files, or folders, of modules that exist in tests only.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for source in sources {
        let code = source.code();
        for (start, end) in test_items(source) {
            let Some(name) = code[start..end]
                .trim_end_matches(';')
                .rsplit_once("mod ")
                .filter(|_| code[start..end].ends_with(';'))
                .map(|(_, name)| name.trim())
            else {
                continue;
            };
            let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
            let parent = match file.strip_suffix(".rs") {
                Some("lib" | "main" | "mod") | None => folder.to_owned(),
                Some(module) => format!("{folder}/{module}"),
            };
            files.insert(format!("{parent}/{name}.rs"));
            files.insert(format!("{parent}/{name}/"));
        }
    }
    files
}

/// Byte ranges of items under `#[cfg(test)]`.
fn test_items(source: &Source) -> Vec<(usize, usize)> {
    let code = source.code();
    let mut items = vec![];
    let mut from = 0;
    while let Some(start) = next_attribute(&code, from) {
        let end = item_end(&code, start);
        items.push((start, end));
        from = end;
    }
    items
}

fn next_attribute(code: &str, from: usize) -> Option<usize> {
    ["#[cfg(test)]", "#[cfg(all(test", "#[cfg(any(test"]
        .iter()
        .filter_map(|attribute| code[from..].find(attribute).map(|at| from + at))
        .min()
}

/// Where the item that begins with an attribute at `start` ends: behind its first semicolon
/// outside brackets, or behind the brace that closes its first one.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    let mut braces = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces == 1 => return at + 1,
            b'}' => braces = braces.saturating_sub(1),
            b';' if depth == 0 && braces == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        code_lines(&Source::new("kernel/core/src/a.rs", text))
    }

    #[test]
    fn comments_and_blanks_do_not_count() {
        assert_eq!(count("//! a\n\n/// b\nfn f() {} // c\n/* d\n e */\n    \n"), 1);
        assert_eq!(count("let a = \"x\n  y\n\";"), 3);
    }

    #[test]
    fn tests_do_not_count() {
        assert_eq!(
            count(
                "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() { h(\"}\") }\n}\nfn k() {}\n"
            ),
            2
        );
        assert_eq!(count("#[cfg(test)]\nuse a::{b, c};\nfn f() {}\n"), 2);
        assert_eq!(count("#[cfg(test)]\nmod tests;\nfn f() {}\n"), 1);
    }

    #[test]
    fn files_of_test_modules_are_found() {
        let sources = [
            Source::new("kernel/core/src/lib.rs", "#[cfg(test)]\nmod model;\n"),
            Source::new("kernel/core/src/ipc.rs", "#[cfg(test)]\nmod tests;\n"),
        ];
        let files = test_files(&sources);
        assert!(files.contains("kernel/core/src/model.rs"));
        assert!(files.contains("kernel/core/src/ipc/tests.rs"));
    }

    #[test]
    fn a_source_counts_once() {
        let part = |path| part_of(&Source::new(path, "")).map(|part| PARTS[part].0);
        assert_eq!(part("kernel/core/src/guest.rs"), Some("virtualisation.lines"));
        assert_eq!(part("kernel/hal-x86_64/src/virt/mod.rs"), Some("virtualisation.lines"));
        assert_eq!(part("kernel/core/src/pcb.rs"), Some("kernel.lines"));
        assert_eq!(part("nun/src/lib.rs"), None);
    }

    #[test]
    fn too_long_files_are_named() {
        let mut report = Report::default();
        check(&[Source::new("abi/src/a.rs", "\n".repeat(801))], &mut report);
        assert_eq!(report.figures["files.over_800_lines"], 1);
    }
}
