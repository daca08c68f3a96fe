//! Where the bytes of the kernel's image go: by source file, functions counted where they were
//! inlined from, and by symbol.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::image::counts;
use crate::bench::symbols::Executable;
use crate::compile::{Builder, Destination, Profile};
use crate::repository::Repository;

/// Lines of each table.
const LINES: usize = 40;

/// Bytes by name.
type Sizes = BTreeMap<String, u64>;

/// Prints both tables for the kernel that ships.
pub fn print(repository: &Repository) -> Result<()> {
    let builder = Builder::new(repository, Profile::Release, &[])?;
    let kernel = builder.kernel(Destination::Hardware)?;
    println!("source");
    print_largest(&by_source(&kernel, repository.root())?);
    println!("\nsymbol");
    print_largest(&by_symbol(&kernel)?);
    Ok(())
}

/// Bytes of code by source file, and of constants by section.
fn by_source(kernel: &Path, root: &Path) -> Result<Sizes> {
    let executable = Executable::read(kernel)?;
    let symbols = executable.symbols()?;
    let bytes = fs::read(kernel).with_context(|| format!("cannot read {}", kernel.display()))?;
    let mut sizes = Sizes::new();
    for section in object::File::parse(bytes.as_slice())?.sections().filter(counts) {
        if section.name() != Ok(".text") {
            *sizes.entry(format!("({})", section.name()?)).or_default() += section.size();
            continue;
        }
        for address in section.address()..section.address() + section.size() {
            let place = symbols.place(address, root)?;
            let file = if place.file.is_empty() { "(assembly)" } else { &place.file };
            *sizes.entry(file.to_owned()).or_default() += 1;
        }
    }
    Ok(sizes)
}

/// Bytes of functions and constants by name.
fn by_symbol(kernel: &Path) -> Result<Sizes> {
    let bytes = fs::read(kernel).with_context(|| format!("cannot read {}", kernel.display()))?;
    let file = object::File::parse(bytes.as_slice())?;
    let mut sizes = Sizes::new();
    for symbol in file.symbols() {
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        let is_code = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data);
        if is_code && section.as_ref().is_some_and(counts) {
            let name = addr2line::demangle_auto(symbol.name()?.into(), None).into_owned();
            *sizes.entry(name).or_default() += symbol.size();
        }
    }
    Ok(sizes)
}

fn print_largest(sizes: &Sizes) {
    let mut largest: Vec<_> = sizes.iter().collect();
    largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
    for (name, bytes) in largest.iter().take(LINES) {
        println!("{bytes:>8}  {name}");
    }
    println!("{:>8}  all", sizes.values().sum::<u64>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_has_this_function() {
        let own = std::env::current_exe().unwrap();
        let sizes = by_symbol(&own).unwrap();
        let (_, bytes) =
            sizes.iter().find(|(name, _)| name.contains("this_very_program_has")).unwrap();
        assert!(*bytes > 0);
    }
}
