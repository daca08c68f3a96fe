//! Processes that stop each other, let each other go on, end all that they may, use their stacks up, and look at others
//! that are just ending.

use a9n_linux_programs::system::{close, fork, kill, open, read};
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{call, map, poke};

/// What `/proc` tells of a process, behind its number.
const TEXTS: [&[u8]; 6] =
    [b"/maps\0", b"/cmdline\0", b"/stat\0", b"/fd/3\0", b"/environ\0", b"/exe\0"];
/// Kinds of limits.
const KINDS: u64 = 16;

/// A few processes that do this to each other, and come anew.
pub fn attack(seed: u64) -> ! {
    let mut random = Random::new(seed);
    loop {
        let seed = random.next();
        match fork() {
            0 => disturb(seed),
            child if child > 0 && random.once_in(4) => crate::outlive(child),
            child if child > 0 => {}
            _ => crate::sleep(1),
        }
    }
}

fn disturb(seed: u64) -> ! {
    let mut random = Random::new(seed);
    let own = crate::process_number();
    loop {
        let near = own + random.below(16) as isize - 8;
        match random.below(24) {
            0..6 => kill(near, linux::SIGSTOP),
            6..12 => kill(near, linux::SIGCONT),
            12..20 => look_at(&mut random, near),
            20 => {
                let limit = [random.next() >> random.below(64), u64::MAX];
                let kind = random.below(KINDS) as usize;
                call(linux::__NR_prlimit64, [0, kind, limit.as_ptr() as usize, 0, 0, 0])
            }
            21 => {
                let flags = random.next() as usize & 0xffff_ffff;
                let stack = map(16 << 10, 3, linux::MAP_PRIVATE) as usize;
                call(
                    linux::__NR_clone,
                    [flags, if random.once_in(2) { 0 } else { stack }, 0, 0, 0, 0],
                )
            }
            22 => match fork() {
                0 => deepen(),
                child => child,
            },
            _ if random.once_in(64) => kill(-1, linux::SIGKILL),
            _ => kill(near, linux::SIGTERM),
        };
    }
}

/// Reads what `/proc` has of a process, which may be ending.
fn look_at(random: &mut Random, process: isize) -> isize {
    let mut path = *b"/proc/00000000000000000000";
    let mut rest = process.unsigned_abs();
    for digit in path[6..12].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let zeros = path[6..11].iter().take_while(|digit| **digit == b'0').count();
    path.copy_within(6 + zeros..12, 6);
    let text = TEXTS[random.below(TEXTS.len() as u64) as usize];
    let end = 12 - zeros;
    path[end..end + text.len()].copy_from_slice(text);
    let Ok(path) = core::ffi::CStr::from_bytes_until_nul(&path) else { return -1 };
    let file = open(path, linux::O_RDONLY | linux::O_NONBLOCK);
    let mut bytes = [0; 512];
    read(file, &mut bytes);
    close(file)
}

/// Needs more and more stack, until there is none.
fn deepen() -> ! {
    let here = [0_u8];
    let mut at = here.as_ptr() as usize;
    loop {
        at = at.wrapping_sub(4096);
        poke(at, 1);
    }
}
