//! Wild jumps and random instructions, each in a process of its own.

use a9n_linux_programs::system::fork;
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{call, jump, map, poke};

/// Bytes of random instructions.
const BYTES: usize = 4096;

/// Forks children that execute something, one after the other.
pub fn attack(seed: u64) -> ! {
    let mut random = Random::new(seed);
    loop {
        let seed = random.next();
        match fork() {
            0 => execute(seed),
            child if child > 0 => crate::outlive(child),
            _ => crate::sleep(1),
        }
    }
}

fn execute(seed: u64) -> ! {
    let mut random = Random::new(seed);
    let flags = linux::MAP_PRIVATE;
    let code = map(BYTES, linux::PROT_READ | linux::PROT_WRITE, flags) as usize;
    for at in 0..BYTES {
        poke(code + at, random.next() as u8);
    }
    call(linux::__NR_mprotect, [code, BYTES, 5, 0, 0, 0]);
    let stack = map(BYTES, linux::PROT_READ | linux::PROT_WRITE, flags) as usize + BYTES / 2;
    let to = match random.below(8) {
        0 => random.next() as usize,
        1 => 0xffff_ffff_8000_0000 + random.below(1 << 20) as usize,
        2 => 0x7fff_ffff_f000 + random.below(1 << 13) as usize,
        _ => code + random.below(BYTES as u64) as usize,
    };
    jump(to, if random.once_in(8) { random.next() as usize } else { stack })
}
