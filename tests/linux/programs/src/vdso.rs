//! The library that a kernel maps into every program (`vdso(7)`): where its functions are.

use core::ffi::{CStr, c_char};

use crate::Arguments;

/// `AT_SYSINFO_EHDR`.
const LIBRARY: usize = 33;
/// `PT_DYNAMIC`, and the keys of the tables for hashes, names and symbols in there.
const DYNAMIC: u32 = 2;
const HASHES: usize = 4;
const NAMES: usize = 5;
const SYMBOLS: usize = 6;

/// `__vdso_clock_gettime`.
pub type ClockTime = extern "C" fn(i32, &mut [i64; 2]) -> i32;

/// The function that tells a clock's time; `None` if the kernel has none.
pub fn clock_time(arguments: Arguments) -> Option<ClockTime> {
    let base = arguments.auxiliary(LIBRARY)?;
    // SAFETY: the kernel maps an ELF file there, for good, whose tables lie where its headers say.
    unsafe {
        let address = function(base, c"__vdso_clock_gettime")?;
        Some(core::mem::transmute::<usize, ClockTime>(address))
    }
}

/// The address of a function in the library at `base`.
///
/// # Safety
/// There is an ELF file for 64 bits with dynamic symbols and their hashes.
unsafe fn function(base: usize, name: &CStr) -> Option<usize> {
    // SAFETY: the caller's promise; offsets are those of the System V gABI.
    unsafe {
        let word = |at: usize| *((base + at) as *const usize);
        let half = |at: usize| *((base + at) as *const u16);
        let small = |at: usize| *((base + at) as *const u32);
        let (headers, bytes, count) = (word(32), usize::from(half(54)), usize::from(half(56)));
        let mut segments = (0..count).map(|number| headers + number * bytes);
        let dynamic = word(segments.find(|at| small(*at) == DYNAMIC)? + 16);
        let table = |key: usize| {
            let mut entries = (0..).map(|number| dynamic + number * 16);
            let entry = entries.find(|at| word(*at) == key || word(*at) == 0)?;
            (word(entry) == key).then(|| word(entry + 8))
        };
        let (hashes, names, symbols) = (table(HASHES)?, table(NAMES)?, table(SYMBOLS)?);
        let known = small(hashes + 4) as usize;
        let mut entries = (0..known).map(|number| symbols + number * 24);
        let is_it = |at: &usize| {
            CStr::from_ptr((base + names + small(*at) as usize) as *const c_char) == name
        };
        entries.find(is_it).map(|at| base + word(at + 8))
    }
}
