//! Forged signal frames: what a handler left behind says where its caller goes on, and with which registers.

use a9n_linux_programs::system::fork;
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{forge, map, poke_word};

/// Bytes of the room that frames lie in.
const ROOM: usize = 16 << 10;
/// Words of the machine's part of a frame (`sigcontext`), and where in the frame it stands.
const WORDS: usize = 32;
const MACHINE: usize = 48;
/// Of these words: the instruction pointer, the flags, the selectors, and where the extended state lies.
const INSTRUCTION: usize = 16;
const FLAGS: usize = 17;
const SELECTORS: usize = 18;
const STATE: usize = 23;
/// In an extended state: MXCSR, and what says which parts of it there are.
const CONTROL: usize = 24;
const PARTS: usize = 512;

/// Forks children that return from handlers that never were, one after the other.
pub fn attack(seed: u64) -> ! {
    let mut random = Random::new(seed);
    loop {
        let seed = random.next();
        match fork() {
            0 => come_back(seed),
            child if child > 0 => crate::outlive(child),
            _ => crate::sleep(1),
        }
    }
}

fn come_back(seed: u64) -> ! {
    let mut random = Random::new(seed);
    let room = map(ROOM, linux::PROT_READ | linux::PROT_WRITE, linux::MAP_PRIVATE) as usize;
    let frame = room + ROOM / 4 + 8 * random.below(4) as usize;
    let state = room + ROOM / 2;
    for word in 0..WORDS {
        let value = match word {
            INSTRUCTION | STATE if random.once_in(2) => somewhere(&mut random, room),
            INSTRUCTION => come_back as *const () as usize,
            STATE => state + if random.once_in(4) { random.below(64) as usize } else { 0 },
            // Trap, direction, privilege for ports, nested task, virtual 8086, alignment check and all others.
            FLAGS => random.next() as usize & 0x3f_ffff,
            SELECTORS => random.next() as usize,
            _ => somewhere(&mut random, room),
        };
        poke_word(frame + MACHINE + word * 8, value);
    }
    poke_word(state + CONTROL, random.next() as usize >> random.below(64));
    for word in 0..8 {
        let value =
            if random.once_in(4) { random.next() as usize } else { random.below(8) as usize };
        poke_word(state + PARTS + word * 8, value);
    }
    // Behind the address that the handler returned to.
    forge(if random.once_in(16) { somewhere(&mut random, room) } else { frame + 8 })
}

/// An address at which things may go wrong.
fn somewhere(random: &mut Random, room: usize) -> usize {
    match random.below(8) {
        0 => 0,
        1 => 0x7fff_ffff_f000 - 16 + random.below(32) as usize,
        2 => 0x8000_0000_0000 - 8 + random.below(16) as usize,
        3 => 0xffff_8000_0000_0000 + random.below(1 << 30) as usize,
        4 => random.next() as usize,
        5 => usize::MAX - random.below(16) as usize,
        _ => room + random.below(ROOM as u64) as usize,
    }
}
