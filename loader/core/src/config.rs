//! The loader's configuration, `a9n/boot.cfg`.
//!
//! Text in UTF-8, one `key = value` a line; empty lines and lines that start with `#` mean
//! nothing.
//!
//! | key | value | how often |
//! |---|---|---|
//! | `kernel` | path of the kernel's ELF file | once |
//! | `init` | path of the first user program's ELF file | once |
//! | `module` | name, space, path of a file that init gets unread | any number, names differ |
//! | `command_line` | text for init | at most once |

use core::fmt;

use a9n_abi::boot;

use crate::Path;

/// A checked configuration; modules are read from its text on demand.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// The kernel's ELF file.
    pub kernel: Path,
    /// The first user program's ELF file.
    pub init: Path,
    /// Text for init; empty if the file has none.
    pub command_line: &'a str,
    text: &'a str,
}

/// A boot module's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// Name by which init finds it, 1 to [`boot::Module::NAME_BYTES`] bytes.
    pub name: &'a str,
    /// Its file.
    pub path: Path,
}

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Number of the line, from 1; 0 if the file as a whole is meant.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with a line or with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file is not UTF-8.
    NotText,
    /// A line without `=`.
    NoEqualsSign,
    /// A key that does not exist.
    UnknownKey,
    /// A key, or a module's name, for the second time.
    Repeated,
    /// A path that is empty or longer than [`Path::MAX_BYTES`].
    BadPath,
    /// A module line that is not `NAME PATH`.
    BadModule,
    /// A module's name that is too long.
    LongName,
    /// No line for the kernel.
    NoKernel,
    /// No line for init.
    NoInit,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line != 0 {
            write!(f, "line {}: ", self.line)?;
        }
        match self.problem {
            Problem::NotText => write!(f, "not UTF-8 text: save it as plain text"),
            Problem::NoEqualsSign => write!(f, "no `=`: write `key = value`"),
            Problem::UnknownKey => {
                write!(f, "unknown key: use kernel, init, module or command_line")
            }
            Problem::Repeated => write!(f, "key or module name used twice: remove one"),
            Problem::BadPath => {
                write!(f, "a path must have 1 to {} bytes", Path::MAX_BYTES)
            }
            Problem::BadModule => write!(f, "write `module = NAME PATH`"),
            Problem::LongName => {
                write!(f, "module name longer than {} bytes: shorten it", boot::Module::NAME_BYTES)
            }
            Problem::NoKernel => write!(f, "no kernel: add `kernel = a9n/kernel.elf`"),
            Problem::NoInit => write!(f, "no init: add `init = a9n/init.elf`"),
        }
    }
}

/// A line that says something: its number, key and value.
type Line<'a> = (usize, &'a str, Result<&'a str, Problem>);

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    // Patterns are arrays because searching for a lone `char` links a panicking path.
    text.split(['\n']).enumerate().filter_map(|(index, line)| {
        let line = line.trim();
        let number = index.saturating_add(1);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        Some(match line.split_once(['=']) {
            Some((key, value)) => (number, key.trim(), Ok(value.trim())),
            None => (number, line, Err(Problem::NoEqualsSign)),
        })
    })
}

fn path(text: &str) -> Result<Path, Problem> {
    let text = text.trim_start_matches('/');
    if text.is_empty() { None } else { Path::new(text) }.ok_or(Problem::BadPath)
}

fn module(value: &str) -> Result<Module<'_>, Problem> {
    let (name, file) = value.split_once(char::is_whitespace).ok_or(Problem::BadModule)?;
    if name.len() > boot::Module::NAME_BYTES {
        return Err(Problem::LongName);
    }
    Ok(Module { name, path: path(file.trim())? })
}

fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Problem> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Problem::Repeated),
    }
}

impl<'a> Config<'a> {
    /// Checks the whole of a configuration file.
    pub fn parse(file: &'a [u8]) -> Result<Self, ConfigError> {
        let whole = |problem| ConfigError { line: 0, problem };
        let text = core::str::from_utf8(file).map_err(|_| whole(Problem::NotText))?;
        let text = text.trim_start_matches('\u{feff}');
        let (mut kernel, mut init, mut command_line) = (None, None, None);
        for (number, key, value) in lines(text) {
            value
                .and_then(|value| match key {
                    "kernel" => set(&mut kernel, path(value)?),
                    "init" => set(&mut init, path(value)?),
                    "command_line" => set(&mut command_line, value),
                    "module" => first_of_its_name(text, number, module(value)?),
                    _ => Err(Problem::UnknownKey),
                })
                .map_err(|problem| ConfigError { line: number, problem })?;
        }
        Ok(Self {
            kernel: kernel.ok_or(whole(Problem::NoKernel))?,
            init: init.ok_or(whole(Problem::NoInit))?,
            command_line: command_line.unwrap_or(""),
            text,
        })
    }

    /// The boot modules, in the order of the file.
    pub fn modules(&self) -> impl Iterator<Item = Module<'a>> + use<'a> {
        modules(self.text).map(|(_, module)| module)
    }
}

fn modules(text: &str) -> impl Iterator<Item = (usize, Module<'_>)> {
    lines(text).filter_map(|(number, key, value)| {
        (key == "module").then_some(())?;
        Some((number, module(value.ok()?).ok()?))
    })
}

fn first_of_its_name(text: &str, number: usize, module: Module<'_>) -> Result<(), Problem> {
    let mut earlier = modules(text).take_while(|(other, _)| *other < number);
    if earlier.any(|(_, other)| other.name == module.name) {
        return Err(Problem::Repeated);
    }
    Ok(())
}
