//! Which function and source line an address belongs to, from an executable's line table.

use std::fmt;
use std::fs;
use std::path::Path;

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use addr2line::{Context as Lines, gimli};
use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol};

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// An executable in memory.
pub struct Executable(Vec<u8>);

/// What it says about its instructions.
pub struct Symbols<'a> {
    lines: Lines<Reader<'a>>,
    /// Functions and labels, by address.
    names: Vec<(&'a str, u64)>,
}

/// Where an instruction comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The function or label.
    pub function: String,
    /// Its source file, from the repository's root on; empty if that is not known.
    pub file: String,
    /// The line, 0 if the compiler names none.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        if !self.file.is_empty() {
            write!(f, "  {}", self.file)?;
        }
        if self.line != 0 {
            write!(f, ":{}", self.line)?;
        }
        Ok(())
    }
}

impl Executable {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self(bytes))
    }

    /// Version of the Rust compiler that made it, which its debugging information names.
    pub fn compiler(&self) -> Option<String> {
        let mark = b"rustc version ";
        let windows = self.0.windows(mark.len()).enumerate();
        let ends = windows.filter(|(_, window)| window == mark).map(|(at, _)| at + mark.len());
        let mut versions = ends.filter_map(|end| {
            let digit_or_dot = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
            let version: Vec<u8> =
                self.0[end..].iter().copied().take_while(|byte| digit_or_dot(byte)).collect();
            String::from_utf8(version).ok()
        });
        versions.find(|version| !version.is_empty())
    }

    /// Its symbols and line table.
    pub fn symbols(&self) -> Result<Symbols<'_>> {
        let file = object::File::parse(self.0.as_slice()).context("no object file")?;
        let section = |id: SectionId| -> Result<Reader<'_>, object::Error> {
            let section = file.section_by_name(id.name());
            let bytes = section.map(|section| section.data()).transpose()?;
            Ok(EndianSlice::new(bytes.unwrap_or_default(), LittleEndian))
        };
        let lines = Lines::from_dwarf(Dwarf::load(section)?)?;
        let mut names: Vec<_> =
            file.symbols().filter_map(|it| Some((it.name().ok()?, it.address()))).collect();
        names.retain(|(name, _)| !name.is_empty());
        names.sort_by_key(|(_, address)| *address);
        Ok(Symbols { lines, names })
    }
}

impl Symbols<'_> {
    /// Address of the symbol whose name contains `part`.
    pub fn address(&self, part: &str) -> Option<u64> {
        self.names.iter().find(|(name, _)| name.contains(part)).map(|(_, address)| *address)
    }

    /// The lowest address that has a name.
    pub fn first(&self) -> u64 {
        self.names.iter().map(|(_, at)| *at).find(|at| *at != 0).unwrap_or_default()
    }

    /// Where the instruction at `address` comes from: of the functions that it was inlined into
    /// one another, the innermost whose source lies below `root`, else the innermost. Assembly has
    /// only a label.
    pub fn place(&self, address: u64, root: &Path) -> Result<Place, gimli::Error> {
        let mut frames = self.lines.find_frames(address).skip_all_loads()?;
        let mut innermost = None;
        while let Some(frame) = frames.next()? {
            let Some(function) = frame.function else { continue };
            let location = frame.location.as_ref();
            let file = Path::new(location.and_then(|it| it.file).unwrap_or_default());
            let place = Place {
                function: short_name(&function.demangle()?),
                file: short_file(file, root),
                line: location.and_then(|it| it.line).unwrap_or_default(),
            };
            if file.starts_with(root) {
                return Ok(place);
            }
            innermost = innermost.or(Some(place));
        }
        Ok(innermost.unwrap_or_else(|| Place {
            function: self.label(address).0.to_owned(),
            ..Place::default()
        }))
    }

    /// `address` as the last label at or before it, and the distance from there.
    pub fn near(&self, address: u64) -> String {
        let (label, distance) = self.label(address);
        let name = short_name(&addr2line::demangle_auto(label.into(), None));
        if distance == 0 { name } else { format!("{name}+{distance:#x}") }
    }

    /// The last label at or before `address`, and how far that is.
    fn label(&self, address: u64) -> (&str, u64) {
        let behind = self.names.partition_point(|(_, at)| *at <= address);
        let last = self.names[..behind].last();
        last.map_or(("", address), |(name, at)| (name, address - at))
    }
}

/// The last two parts of a path, without its generic arguments.
fn short_name(name: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::new();
    for letter in name.chars() {
        match letter {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    parts[parts.len().saturating_sub(2)..].join("::")
}

/// A source file without what differs from one machine to the next.
fn short_file(file: &Path, root: &Path) -> String {
    let file = file.strip_prefix(root).unwrap_or(file).to_string_lossy();
    // The core library's, or another crate's.
    let known = ["/library/", "/registry/src/"];
    let outside = known.iter().find_map(|part| file.split_once(part)).map(|(_, rest)| rest);
    outside.unwrap_or(&file).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_function_is_found() {
        // Not by its name: it may have been built anew meanwhile, and be half written.
        let own = Executable::read(Path::new("/proc/self/exe")).unwrap();
        let symbols = own.symbols().unwrap();
        let address = symbols.address("this_very_function_is_found").unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let place = symbols.place(address, root).unwrap();
        assert!(place.file.ends_with("src/bench/symbols.rs") && place.line > 0, "{place:?}");
        assert!(place.function.contains("this_very_function_is_found"), "{place:?}");
        assert!(symbols.near(address).contains("this_very_function_is_found"));
        assert!(symbols.near(address + 1).ends_with("+0x1"));
        assert!(own.compiler().unwrap().starts_with("1."));
    }

    #[test]
    fn names_and_files_are_short() {
        assert_eq!(short_name("a9n_core::fast::<impl K<H>>::fast_call"), "fast::fast_call");
        assert_eq!(short_name("core::cell::Cell<T>::get"), "Cell::get");
        assert_eq!(short_file(Path::new("/a/b/kernel/x.rs"), Path::new("/a/b")), "kernel/x.rs");
        assert_eq!(
            short_file(Path::new("/r/1/library/core/src/y.rs"), Path::new("/a")),
            "core/src/y.rs"
        );
    }
}
