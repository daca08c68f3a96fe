//! The program of a guest that counts what its exits cost, for whatever monitor: in real mode, with all segments at 0.

/// Where its code and what it counted, words of 32 bits, lie in its memory.
pub const CODE: usize = 0x1000;
pub const SAMPLE: usize = 0x2000;

/// What leaves the guest: `xor eax, eax; cpuid`, and `out 0x80, al`.
pub const PATHS: [(&str, &[u8]); 2] =
    [("virt.cpuid", &[0x66, 0x31, 0xc0, 0x0f, 0xa2]), ("virt.io", &[0xe6, 0x80])];

/// `mov di, SAMPLE; again: rdtsc; mov esi, eax`.
const BEFORE: [u8; 8] = [0xbf, SAMPLE as u8, (SAMPLE >> 8) as u8, 0x0f, 0x31, 0x66, 0x89, 0xc6];
/// Bytes before `again`.
const AGAIN: usize = 3;
/// `rdtsc; sub eax, esi; mov [di], eax; add di, 4`, then `cmp di, END; jb again; hlt`, without their numbers.
const AFTER: [u8; 11] = [0x0f, 0x31, 0x66, 0x29, 0xf0, 0x66, 0x89, 0x05, 0x83, 0xc7, 0x04];
const COMPARE: [u8; 2] = [0x81, 0xff];
const BELOW: u8 = 0x72;
const HALT: u8 = 0xf4;

/// The bytes of the program that goes through `path` so many times.
pub fn program(path: &[u8], rounds: usize) -> impl Iterator<Item = u8> {
    let end = (SAMPLE + 4 * rounds) as u16;
    let length = BEFORE.len() + path.len() + AFTER.len() + COMPARE.len() + 2 + 2;
    let back = AGAIN.wrapping_sub(length) as u8;
    let loop_end = COMPARE.into_iter().chain(end.to_le_bytes()).chain([BELOW, back, HALT]);
    BEFORE.into_iter().chain(path.iter().copied()).chain(AFTER).chain(loop_end)
}
