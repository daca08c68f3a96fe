//! Text on the kernel's early console, for programs that have nothing better yet.

use core::fmt;

use a9n_abi::MESSAGE_REGISTERS;

use crate::capability::debug_write;

/// Bytes that one kernel call writes.
const CHUNK_BYTES: usize = (MESSAGE_REGISTERS - 1) * size_of::<u64>();

/// Writes formatted text. It goes out in pieces of 40 bytes, each at once, so that lines of two
/// processes mix only where they are longer than that.
pub fn print(text: fmt::Arguments<'_>) {
    let mut chunk = Chunk { bytes: [0; CHUNK_BYTES], used: 0 };
    // Writing to a chunk never fails; what a `Display` of the user's reports is its own affair.
    let _ = fmt::write(&mut chunk, text);
    chunk.flush();
}

/// What has not gone out yet.
struct Chunk {
    bytes: [u8; CHUNK_BYTES],
    used: usize,
}

impl Chunk {
    fn flush(&mut self) {
        let mut words = [0; MESSAGE_REGISTERS - 1];
        for (word, bytes) in words.iter_mut().zip(self.bytes.chunks(size_of::<u64>())) {
            *word = bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        }
        let [text0, text1, text2, text3, text4] = words;
        if self.used > 0 {
            // A production kernel has no console, and there is nobody to tell.
            let _ = debug_write(self.used as u64, text0, text1, text2, text3, text4);
        }
        *self = Self { bytes: [0; CHUNK_BYTES], used: 0 };
    }
}

impl fmt::Write for Chunk {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.used == CHUNK_BYTES {
                self.flush();
            }
            if let Some(place) = self.bytes.get_mut(self.used) {
                *place = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}

/// Prints to the early console; arguments as for [`format_args!`].
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::console::print(::core::format_args!($($argument)*)) };
}

/// Prints a line to the early console; arguments as for [`format_args!`].
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => {
        $crate::print!("{}\n", ::core::format_args!($($argument)*))
    };
}
