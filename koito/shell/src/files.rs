//! Commands for files.

#![expect(clippy::result_large_err, reason = "there is no heap, and the path is what helps")]

use core::fmt::{self, Display, Write};

use koito::services::{FileError, FileKind, FilesClient, ListedEntry, PIECE_BYTES, Path, lasting};
use nun::service::{Failure, Vec};

use crate::commands::Shell;
use crate::terminal::Terminal;

/// Directories in directories that a command goes into.
const DEEPEST: usize = 16;

/// Why something was not done, and to what.
struct Trouble {
    path: Path,
    why: Failure<FileError>,
}

impl Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

/// What a command makes of its calls.
type Outcome<T = ()> = Result<T, Trouble>;

/// Names what a call was about.
trait About<T> {
    fn about(self, path: &Path) -> Outcome<T>;
}

impl<T> About<T> for Result<T, Failure<FileError>> {
    fn about(self, path: &Path) -> Outcome<T> {
        self.map_err(|why| Trouble { path: path.clone(), why })
    }
}

/// Shows why something failed.
fn show<T>(outcome: Result<T, impl Display>, terminal: &mut Terminal) -> fmt::Result {
    match outcome {
        Ok(_) => Ok(()),
        Err(error) => writeln!(terminal, "{error}"),
    }
}

/// A word as a path.
fn path(word: &str) -> Outcome<Path> {
    let too_long = |_| Trouble {
        path: word.chars().take(16).collect(),
        why: Failure::Method(FileError::NameTooLong),
    };
    Path::try_from(word).map_err(too_long)
}

/// The words without `option` before them, and whether that stood there.
fn without<'w, 's>(words: &'w [&'s str], option: &str) -> (bool, &'w [&'s str]) {
    match words.split_first() {
        Some((first, rest)) if *first == option => (true, rest),
        _ => (false, words),
    }
}

/// Does `work` to every entry of the directory at `directory`, but not to itself and its parent.
fn each(
    files: &FilesClient,
    directory: &Path,
    mut work: impl FnMut(&ListedEntry, Path) -> Outcome,
) -> Outcome {
    let mut next = 0;
    while let Some(entry) = files.list(directory.clone(), next).about(directory)? {
        next = entry.next;
        let name = str::from_utf8(&entry.name).unwrap_or("(no text)");
        if !matches!(name, "." | "..") {
            let mut path = directory.clone();
            let end = path.trim_end_matches('/').len();
            path.truncate(end);
            let fits = write!(path, "/{name}").map_err(|_| Failure::Method(FileError::NameTooLong));
            fits.about(directory)?;
            work(&entry, path)?;
        }
    }
    Ok(())
}

/// `ls`.
pub fn list(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let files = &shell.files;
    let listed = path(words.first().copied().unwrap_or("/")).and_then(|directory| {
        each(files, &directory, |entry, path| {
            let name = str::from_utf8(&entry.name).unwrap_or("(no text)");
            // The terminal takes everything.
            let _ = match files.status(path) {
                Ok(status) => {
                    let mark = if status.kind == FileKind::Directory { "/" } else { "" };
                    writeln!(terminal, "{:>10}  {name}{mark}", status.size)
                }
                Err(_) => writeln!(terminal, "{:>10}  {name}", "?"),
            };
            Ok(())
        })
    });
    show(listed, terminal)
}

/// Reads a file piece by piece.
fn read(
    files: &FilesClient,
    path: &Path,
    mut take: impl FnMut(u64, Vec<u8, PIECE_BYTES>) -> Result<(), Failure<FileError>>,
) -> Result<(), Failure<FileError>> {
    let mut offset = 0;
    loop {
        let piece = files.read(path.clone(), offset)?;
        let length = piece.len() as u64;
        if length == 0 {
            return Ok(());
        }
        take(offset, piece)?;
        offset += length;
    }
}

/// `cat`.
pub fn print(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let printed = words.iter().try_for_each(|word| {
        let path = path(word)?;
        let shown = read(&shell.files, &path, |_, piece| {
            for chunk in piece.utf8_chunks() {
                // The terminal takes everything.
                let _ = terminal.write_str(chunk.valid());
            }
            Ok(())
        });
        shown.about(&path)
    });
    show(printed, terminal)
}

/// `cp`. The copy lasts when it is done.
pub fn copy(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let (is_deep, words) = without(words, "-r");
    let [from, to] = words else { return writeln!(terminal, "write: cp [-r] FROM TO") };
    let copied = path(from).and_then(|from| {
        let to = path(to)?;
        let within = to
            .strip_prefix(from.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || from.ends_with('/'));
        if within {
            return Err(Failure::Method(FileError::Invalid)).about(&to);
        }
        copy_one(&shell.files, &from, &to, if is_deep { DEEPEST } else { 0 })
    });
    show(copied, terminal)
}

/// Copies a file, or a directory with up to `depth` further ones in it.
fn copy_one(files: &FilesClient, from: &Path, to: &Path, depth: usize) -> Outcome {
    if files.status(from.clone()).about(from)?.kind != FileKind::Directory {
        return lasting(files, || {
            files.create(to.clone())?;
            read(files, from, |offset, piece| files.write(to.clone(), offset, piece))
        })
        .about(to);
    }
    let is_directory = || Failure::Method(FileError::IsDirectory);
    let depth = depth.checked_sub(1).ok_or_else(is_directory).about(from)?;
    make(files, to)?;
    each(files, from, |_, path| {
        let mut target = to.clone();
        let name = path.rsplit('/').next().unwrap_or_default();
        let fits = write!(target, "/{name}").map_err(|_| Failure::Method(FileError::NameTooLong));
        fits.about(to)?;
        copy_one(files, &path, &target, depth)
    })
}

/// `write`: a file with one word in a line. It lasts when it is done.
pub fn write(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let files = &shell.files;
    let [to, word] = words else { return Ok(()) };
    let written = path(to).and_then(|path| {
        let text: Vec<u8, PIECE_BYTES> = word.bytes().chain([b'\n']).take(PIECE_BYTES).collect();
        let lasts = lasting(files, || {
            files.create(path.clone())?;
            files.write(path.clone(), 0, text.clone())
        });
        lasts.about(&path)
    });
    show(written, terminal)
}

/// `rm`.
pub fn remove(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let (is_deep, words) = without(words, "-r");
    let [word] = words else { return writeln!(terminal, "write: rm [-r] PATH") };
    let depth = if is_deep { DEEPEST } else { 0 };
    show(path(word).and_then(|path| remove_one(&shell.files, &path, depth)), terminal)
}

/// Removes what is at `path`, and before it what is in it, up to `depth` directories deep.
fn remove_one(files: &FilesClient, path: &Path, depth: usize) -> Outcome {
    if let Some(depth) = depth.checked_sub(1)
        && files.status(path.clone()).about(path)?.kind == FileKind::Directory
    {
        each(files, path, |_, entry| remove_one(files, &entry, depth))?;
    }
    files.remove(path.clone()).about(path)
}

/// `mkdir`.
pub fn make_directory(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let (with_parents, words) = without(words, "-p");
    let [word] = words else { return writeln!(terminal, "write: mkdir [-p] PATH") };
    let made = path(word).and_then(|path| {
        if with_parents {
            for (end, _) in path.match_indices('/').filter(|(end, _)| *end > 0) {
                make(&shell.files, &path.chars().take(end).collect())?;
            }
            return make(&shell.files, &path);
        }
        shell.files.make_directory(path.clone()).about(&path)
    });
    show(made, terminal)
}

/// Makes a directory, or leaves it as it is.
fn make(files: &FilesClient, path: &Path) -> Outcome {
    match files.make_directory(path.clone()) {
        Err(Failure::Method(FileError::Exists)) => Ok(()),
        other => other.about(path),
    }
}

/// `sync`.
pub fn sync(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    show(shell.files.sync(), terminal)
}

/// `df`.
pub fn space(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    match shell.files.space() {
        Ok(space) => {
            let (free, all) = (space.free >> 10, space.bytes >> 10);
            writeln!(terminal, "{free} of {all} KiB are free")
        }
        Err(error) => writeln!(terminal, "{error}"),
    }
}
