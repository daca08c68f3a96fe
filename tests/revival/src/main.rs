//! Reads every file on the disk, tells length, checksum and path of each in a line, leaves the disk in
//! order and ends the emulator.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::Write;

use crc::{CRC_32_ISCSI, Crc};
use koito::services::{FileError, FileKind, FilesClient, Path};
use koito::{Environment, Missing};
use nun::service::Failure;
use nun::{debug_exit, println};

nun::entry!(main, stack = 64 * 1024);

/// Directories in directories that are read.
const DEEPEST: usize = 16;
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let files = FilesClient::new(environment.service("files")?);
    let read = tell_all(&files, Path::new(), DEEPEST).and_then(|()| files.leave());
    match read {
        Ok(()) => println!("revival: done"),
        Err(error) => println!("revival: {error}"),
    }
    // Elsewhere than in an emulator this does nothing.
    let _ = debug_exit(u64::from(read.is_ok()));
    Ok(())
}

/// Tells of every file in the directory at `path`, and in those there.
fn tell_all(files: &FilesClient, path: Path, depth: usize) -> Result<(), Failure<FileError>> {
    let mut next = 0;
    while let Some(entry) = files.list(path.clone(), next)? {
        next = entry.next;
        let name = str::from_utf8(&entry.name).unwrap_or("?");
        let mut below = path.clone();
        if write!(below, "/{name}").is_err() {
            return Err(Failure::Method(FileError::NameTooLong));
        }
        match files.status(below.clone())?.kind {
            FileKind::Directory if matches!(name, "." | "..") => {}
            FileKind::Directory => {
                let left = depth.checked_sub(1).ok_or(Failure::Method(FileError::Invalid))?;
                tell_all(files, below, left)?;
            }
            FileKind::File => {
                let (length, checksum) = read(files, &below)?;
                println!("revival: {length} {checksum:08x} {below}");
            }
            FileKind::Link | FileKind::Other => {}
        }
    }
    Ok(())
}

/// Length and checksum of a file.
fn read(files: &FilesClient, path: &Path) -> Result<(u64, u32), Failure<FileError>> {
    let mut digest = CHECKSUM.digest();
    let mut length = 0;
    loop {
        let piece = files.read(path.clone(), length)?;
        if piece.is_empty() {
            return Ok((length, digest.finalize()));
        }
        digest.update(&piece);
        length += piece.len() as u64;
    }
}
