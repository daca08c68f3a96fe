//! Paths of files on the boot volume.

use core::fmt;

/// A path on the boot volume, by value, so that an error can name the file long after the text
/// that it was read from is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Path {
    bytes: [u8; Path::MAX_BYTES],
    length: u8,
}

impl Path {
    /// Longest path, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Where the loader's configuration stands.
    pub const CONFIG: Self = match Self::new("a9n/boot.cfg") {
        Some(path) => path,
        None => Self::NONE,
    };

    /// No file: for errors that concern the machine instead.
    pub const NONE: Self = Self { bytes: [0; Self::MAX_BYTES], length: 0 };

    /// The path with this text, if it is short enough.
    pub const fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX_BYTES];
        match bytes.split_at_mut_checked(text.len()) {
            Some((place, _)) => place.copy_from_slice(text.as_bytes()),
            None => return None,
        }
        Some(Self { bytes, length: text.len() as u8 })
    }

    /// Its text, with `/` between the parts.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or(&[]);
        core::str::from_utf8(bytes).unwrap_or("")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
