//! Where a kernel and its initial file system are read from.
//!
//! Neither is kept in memory for the guest's sake: what is there is read again whenever the guest begins, as
//! firmware reads its disk.

use core::fmt;

use crate::Refused;

/// A file.
pub trait File: fmt::Debug {
    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// Fills `to` with what lies at `offset`. Fails if there is less, or if it cannot be read.
    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), Unreadable>;
}

/// A file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// What an archive of `cpio` begins with, compressed in one of the ways that Linux knows (lib/decompress.c) or not.
const ARCHIVES: [&[u8]; 9] = [
    b"0707",
    b"\x1f\x8b",
    b"\x1f\x9e",
    b"BZ",
    b"\x5d\x00",
    b"\xfd7",
    b"\x89L",
    b"\x02\x21",
    b"\x28\xb5",
];

/// Fails if `file` can be no initial file system: it may have nothing, or begins as an archive.
pub fn check_archive(file: &dyn File) -> Result<(), Refused> {
    let mut first = [0; 4];
    let length = file.bytes().min(first.len() as u64) as usize;
    file.read(0, &mut first[..length])?;
    let is_one = length == 0 || ARCHIVES.iter().any(|begin| first.starts_with(begin));
    if is_one { Ok(()) } else { Err(Refused::NotArchive) }
}

impl File for &[u8] {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let bytes = rest.and_then(|rest| rest.get(..to.len())).ok_or(Unreadable)?;
        to.copy_from_slice(bytes);
        Ok(())
    }
}
