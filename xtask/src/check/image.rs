//! The release kernel's image: no panicking path, and small.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind};

use super::{Outcome, Report};
use crate::compile::{Builder, Destination, Profile};
use crate::repository::Repository;

/// Part of every symbol of `core::panicking`, in both of Rust's manglings.
const PANICKING: &[u8] = b"9panicking";
/// Most bytes of code and constants: 96 KiB, and 20 KiB for two kinds of virtual CPUs.
const LARGEST: usize = (96 + 20) * 1024;
/// Parts of the names of what there is for virtual CPUs alone, and the most bytes it may take.
const VIRTUALISATION: &[&[u8]] = &[b"4virt", b"guest", b"a9n_vmx", b"fast_exit", b"retreat_exit"];
const LARGEST_VIRTUALISATION: usize = 16 * 1024;
/// Section flag "executable" (ELF-64 object file format, table 10).
const EXECUTABLE: u64 = 4;

/// What we want to know of the image.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    text_and_rodata: usize,
    virtualisation: usize,
    symbols: usize,
    panicking: Vec<String>,
}

/// Builds the release kernel and looks at it. The link itself fails where a panicking path is
/// left, because the release kernel's panic handler refers to a symbol that nobody defines.
pub fn check(repository: &Repository, report: &mut Report) {
    let facts = Builder::new(repository, Profile::Release, &[])
        .and_then(|builder| builder.kernel(Destination::Hardware))
        .and_then(|kernel| read(&kernel));
    match facts {
        Ok(facts) => judge(&facts, report),
        Err(error) => report.add("the release kernel builds without a panicking path", Err(error)),
    }
}

fn read(path: &Path) -> Result<Facts> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(bytes.as_slice())
        .with_context(|| format!("{} is no object file", path.display()))?;
    let mut facts = Facts::default();
    for section in file.sections() {
        if counts(&section) {
            facts.text_and_rodata += usize::try_from(section.size())?;
        }
    }
    facts.virtualisation = virtualisation(&file);
    for symbol in file.symbols() {
        let name = symbol.name_bytes().unwrap_or_default();
        facts.symbols += 1;
        if name.windows(PANICKING.len()).any(|window| window == PANICKING) {
            facts.panicking.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(facts)
}

/// Bytes of code for virtual CPUs. Assembly has no sizes, so each symbol reaches to the next.
fn virtualisation(file: &object::File) -> usize {
    let mut symbols: Vec<(u64, bool)> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .map(|symbol| {
            let name = symbol.name_bytes().unwrap_or_default();
            let has = |part: &&[u8]| name.windows(part.len()).any(|window| window == *part);
            (symbol.address(), VIRTUALISATION.iter().any(has))
        })
        .collect();
    symbols.sort_unstable();
    let bytes: u64 = symbols.windows(2).filter(|it| it[0].1).map(|it| it[1].0 - it[0].0).sum();
    bytes as usize
}

/// Whether `section` is of code or constants.
pub fn counts<'a>(section: &impl ObjectSection<'a>) -> bool {
    let executable =
        matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & EXECUTABLE != 0);
    executable || section.name_bytes().is_ok_and(|name| name.starts_with(b".rodata"))
}

fn judge(facts: &Facts, report: &mut Report) {
    report.figure("kernel.text_rodata_bytes", facts.text_and_rodata);
    report.figure("virtualisation.text_bytes", facts.virtualisation);
    report.figure("kernel.panic_symbols", facts.panicking.len());
    let mut complaints = facts.panicking.clone();
    if facts.symbols == 0 {
        complaints.push("the image has no symbols, so nothing can be said".into());
    }
    report.add(
        "the release kernel builds without a panicking path",
        Ok(Outcome::from_complaints(complaints)),
    );
    let size = facts.text_and_rodata;
    let virtualisation = facts.virtualisation;
    let complaints = [
        (size > LARGEST)
            .then(|| format!("code and constants take {size} bytes, more than {LARGEST}")),
        (virtualisation > LARGEST_VIRTUALISATION).then(|| {
            format!("virtual CPUs take {virtualisation}, more than {LARGEST_VIRTUALISATION}")
        }),
    ];
    report.add(
        "the kernel image is small",
        Ok(Outcome::from_complaints(complaints.into_iter().flatten().collect())),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_panics() {
        let facts = read(&std::env::current_exe().unwrap()).unwrap();
        assert!(!facts.panicking.is_empty() && facts.text_and_rodata > LARGEST);
        let mut report = Report::default();
        judge(&facts, &mut report);
        assert!(report.verdicts.iter().all(|verdict| verdict.outcome != Outcome::Holds));
    }

    #[test]
    fn a_small_clean_image_passes() {
        let facts = Facts { text_and_rodata: 50_000, symbols: 10, ..Facts::default() };
        let mut report = Report::default();
        judge(&facts, &mut report);
        assert!(report.verdicts.iter().all(|verdict| verdict.outcome == Outcome::Holds));
    }
}
