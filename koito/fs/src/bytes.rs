//! Fields of structures on the device: little-endian in the file system, big-endian in its
//! journal. Offsets are constants of the format, within structures whose size was checked.

/// A little-endian half word.
pub fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// A little-endian word.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A number in two little-endian words, the lower at `low`.
pub fn split_word(bytes: &[u8], low: usize, high: usize) -> u64 {
    u64::from(word(bytes, low)) | u64::from(word(bytes, high)) << 32
}

/// Stores a little-endian half word.
pub fn put_half(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Stores a little-endian word.
pub fn put_word(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// A big-endian word.
pub fn big_word(bytes: &[u8], at: usize) -> u32 {
    word(bytes, at).swap_bytes()
}

/// A big-endian half word.
pub fn big_half(bytes: &[u8], at: usize) -> u16 {
    half(bytes, at).swap_bytes()
}

/// Stores a big-endian word.
pub fn put_big_word(bytes: &mut [u8], at: usize, value: u32) {
    put_word(bytes, at, value.swap_bytes());
}

/// Stores a big-endian half word.
pub fn put_big_half(bytes: &mut [u8], at: usize, value: u16) {
    put_half(bytes, at, value.swap_bytes());
}
