//! Commands for files.

use core::fmt::{self, Display, Write};

use koito::services::{FileError, FileKind, FilesClient, ListedEntry, PIECE_BYTES, Path, lasting};
use nun::service::{Failure, Vec};

use crate::commands::Shell;
use crate::terminal::Terminal;

/// What a command makes of a call: a sentence if it fails.
type Outcome<T> = Result<T, Failure<FileError>>;

/// Shows why something failed.
fn show<T>(outcome: Result<T, impl Display>, terminal: &mut Terminal) -> fmt::Result {
    match outcome {
        Ok(_) => Ok(()),
        Err(error) => writeln!(terminal, "{error}"),
    }
}

/// The path in word `index`.
fn path(words: &[&str], index: usize) -> Outcome<Path> {
    let word = words.get(index).copied().unwrap_or_default();
    Path::try_from(word).map_err(|_| Failure::Method(FileError::NameTooLong))
}

/// `ls`.
pub fn list(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let listed = path(words, 0).and_then(|path| {
        let mut next = 0;
        while let Some(entry) = shell.files.list(path.clone(), next)? {
            next = entry.next;
            // The terminal takes everything.
            let _ = entry_line(&shell.files, &path, &entry, terminal);
        }
        Ok(())
    });
    show(listed, terminal)
}

fn entry_line(
    files: &FilesClient,
    directory: &Path,
    entry: &ListedEntry,
    terminal: &mut Terminal,
) -> fmt::Result {
    let name = str::from_utf8(&entry.name).unwrap_or("(no text)");
    let mut path = directory.clone();
    let fits = write!(path, "/{name}").is_ok();
    match files.status(path) {
        Ok(status) if fits => {
            let mark = if status.kind == FileKind::Directory { "/" } else { "" };
            writeln!(terminal, "{:>10}  {name}{mark}", status.size)
        }
        _ => writeln!(terminal, "{:>10}  {name}", "?"),
    }
}

/// Reads a file piece by piece.
fn read(
    files: &FilesClient,
    path: &Path,
    mut take: impl FnMut(u64, Vec<u8, PIECE_BYTES>) -> Outcome<()>,
) -> Outcome<()> {
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
    let printed = path(words, 0).and_then(|path| {
        read(&shell.files, &path, |_, piece| {
            for chunk in piece.utf8_chunks() {
                // The terminal takes everything.
                let _ = terminal.write_str(chunk.valid());
            }
            Ok(())
        })
    });
    show(printed, terminal)
}

/// `cp`. The copy lasts when it is done.
pub fn copy(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let files = &shell.files;
    let copied = path(words, 0).and_then(|from| {
        let to = path(words, 1)?;
        if files.status(from.clone())?.kind == FileKind::Directory {
            return Err(Failure::Method(FileError::IsDirectory));
        }
        if from == to {
            return Err(Failure::Method(FileError::Exists));
        }
        lasting(files, || {
            files.create(to.clone())?;
            read(files, &from, |offset, piece| files.write(to.clone(), offset, piece))
        })
    });
    show(copied, terminal)
}

/// `write`: a file with one word in a line. It lasts when it is done.
pub fn write(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let files = &shell.files;
    let written = path(words, 0).and_then(|path| {
        let text = words.get(1).copied().unwrap_or_default().bytes().chain([b'\n']);
        let text: Vec<u8, PIECE_BYTES> = text.take(PIECE_BYTES).collect();
        lasting(files, || {
            files.create(path.clone())?;
            files.write(path.clone(), 0, text.clone())
        })
    });
    show(written, terminal)
}

/// `rm`.
pub fn remove(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    show(path(words, 0).and_then(|path| shell.files.remove(path)), terminal)
}

/// `mkdir`.
pub fn make_directory(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    show(path(words, 0).and_then(|path| shell.files.make_directory(path)), terminal)
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
