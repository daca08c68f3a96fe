//! Reads a ustar archive (POSIX.1-1988 interchange format; IEEE Std 1003.1, pax, "ustar
//! Interchange Format") that lies in memory: the boot volume of the direct boot ways.
//!
//! Only regular files and directories are understood; an archive in GNU or pax format whose
//! entries need more is refused, so that no file is ever found under a wrong name.

use core::fmt;

use crate::hand_over::{Volume, VolumeError};

const BLOCK_BYTES: usize = 512;

/// A ustar archive in memory.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
}

/// A regular file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    prefix: &'a [u8],
    name: &'a [u8],
    /// The file's contents.
    pub contents: &'a [u8],
}

/// Why an archive cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveError {
    /// Offset of the header at which reading stopped, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub defect: Defect,
}

/// What can be wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Not a ustar header, or one with a wrong checksum.
    BadHeader,
    /// An entry that is neither file nor directory.
    UnknownEntry,
    /// The archive ends within an entry.
    Truncated,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.defect {
            Defect::BadHeader => "no valid ustar header: make it with `tar --format=ustar`",
            Defect::UnknownEntry => {
                "neither file nor directory: make it with `tar --format=ustar` from plain files"
            }
            Defect::Truncated => "the archive ends within this entry: copy it again",
        };
        write!(f, "offset {:#x}: {text}", self.offset)
    }
}

impl<'a> Archive<'a> {
    /// The archive in `bytes`; errors show when it is read.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Its regular files, in order; ends after the first error.
    pub fn entries(&self) -> Entries<'a> {
        Entries { bytes: self.bytes, offset: 0 }
    }

    /// The contents of the file with this path, `None` if there is no such file.
    pub fn find(&self, path: &str) -> Result<Option<&'a [u8]>, ArchiveError> {
        for entry in self.entries() {
            let entry = entry?;
            if entry.has_path(path) {
                return Ok(Some(entry.contents));
            }
        }
        Ok(None)
    }
}

impl Volume for Archive<'_> {
    type File<'f>
        = &'f [u8]
    where
        Self: 'f;

    fn read(&mut self, path: &str) -> Result<&[u8], VolumeError> {
        self.find(path).map_err(VolumeError::Archive)?.ok_or(VolumeError::NotFound)
    }

    fn bytes(&mut self, path: &str) -> Result<u64, VolumeError> {
        Ok(self.read(path)?.len() as u64)
    }
}

impl Entry<'_> {
    /// Whether this is the file with this path; a leading `./` does not count.
    pub fn has_path(&self, path: &str) -> bool {
        let path = path.as_bytes();
        if self.prefix.is_empty() {
            return self.name.strip_prefix(b"./").unwrap_or(self.name) == path;
        }
        let prefix = self.prefix.strip_prefix(b"./").unwrap_or(self.prefix);
        path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(b"/")) == Some(self.name)
    }
}

/// Iterator over the files of an archive.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.offset..)?;
            let header = rest.first_chunk::<BLOCK_BYTES>()?;
            if header.iter().all(|byte| *byte == 0) {
                return None;
            }
            match read_entry(header, rest) {
                Ok((entry, bytes)) => {
                    self.offset = self.offset.saturating_add(bytes);
                    if let Some(entry) = entry {
                        return Some(Ok(entry));
                    }
                }
                Err(defect) => {
                    let offset = core::mem::replace(&mut self.offset, self.bytes.len());
                    return Some(Err(ArchiveError { offset, defect }));
                }
            }
        }
    }
}

/// The entry whose header stands at the start of `rest`, if it is a file, and its length with
/// header and padding.
fn read_entry<'a>(
    header: &'a [u8; BLOCK_BYTES],
    rest: &'a [u8],
) -> Result<(Option<Entry<'a>>, usize), Defect> {
    let field = |offset: usize, bytes: usize| {
        header.get(offset..).and_then(|from| from.get(..bytes)).unwrap_or(&[])
    };
    if field(257, 5) != b"ustar" || octal(field(148, 8)) != Some(checksum(header)) {
        return Err(Defect::BadHeader);
    }
    let length = octal(field(124, 12)).ok_or(Defect::BadHeader)?;
    let past = BLOCK_BYTES.checked_add(length).ok_or(Defect::Truncated)?;
    let contents = rest.get(BLOCK_BYTES..past).ok_or(Defect::Truncated)?;
    let bytes = past.checked_next_multiple_of(BLOCK_BYTES).ok_or(Defect::Truncated)?;
    let (name, prefix) = (until_zero(field(0, 100)), until_zero(field(345, 155)));
    match field(156, 1) {
        b"0" | b"\0" => Ok((Some(Entry { prefix, name, contents }), bytes)),
        b"5" => Ok((None, bytes)),
        _ => Err(Defect::UnknownEntry),
    }
}

/// Sum of the header's bytes, its checksum field taken as eight spaces.
fn checksum(header: &[u8; BLOCK_BYTES]) -> usize {
    let byte = |(index, byte): (usize, &u8)| match index {
        148..156 => usize::from(b' '),
        _ => usize::from(*byte),
    };
    header.iter().enumerate().map(byte).fold(0, usize::wrapping_add)
}

/// A number in octal digits, with spaces or zero bytes around it.
fn octal(field: &[u8]) -> Option<usize> {
    let mut digits = field
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| !matches!(**byte, b' ' | 0))
        .peekable();
    digits.peek()?;
    digits.try_fold(0usize, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        number.checked_mul(8)?.checked_add(usize::from(digit))
    })
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or(&[])
}
