//! The form in which the manifest is booted: a boot module that the root server reads.

use core::fmt;

use crate::Manifest;

/// What every packed manifest begins with; the last byte is the version.
const MAGIC: &[u8] = b"KOITO\x03";

/// The bytes are no packed manifest of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no packed manifest of the version that is understood here")
    }
}

impl<'a> Manifest<'a> {
    /// Packs it into `buffer`; the answer is the part that was filled, `None` if it is too small.
    pub fn pack<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let (magic, rest) = buffer.split_at_mut_checked(MAGIC.len())?;
        magic.copy_from_slice(MAGIC);
        let length = MAGIC.len() + postcard::to_slice(self, rest).ok()?.len();
        buffer.get_mut(..length)
    }

    /// Reads what was packed. It is not [checked](Self::check) yet.
    pub fn unpack(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let packed = bytes.strip_prefix(MAGIC).ok_or(Unreadable)?;
        match postcard::take_from_bytes(packed) {
            Ok((manifest, [])) => Ok(manifest),
            _ => Err(Unreadable),
        }
    }
}
