//! Programs that are none: mutilated ELF files, scripts that interpret each other, and children that borrow their
//! parent's memory and misuse it.

use core::ffi::CStr;

use a9n_linux_programs::system::{close, exit, fork, kill, open, pread, write};
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{borrow, call, call2, map, poke_word};

/// Bytes that are copied of a program: its headers and the beginning of its code.
const BYTES: usize = 8192;
/// Words that a program is given.
const WORDS: usize = 1 << 16;
/// Where an ELF header ends, and program headers are near.
const HEADERS: u64 = 64 + 6 * 56;

/// Forks children that execute something, one after the other.
pub fn attack(seed: u64) -> ! {
    let mut random = Random::new(seed);
    let own = open(c"/proc/self/exe", linux::O_RDONLY);
    let mut image = [0; BYTES];
    pread(own, &mut image);
    close(own);
    loop {
        let seed = random.next();
        match fork() {
            0 => misuse(seed, &mut image),
            child if child > 0 => crate::outlive(child),
            _ => crate::sleep(1),
        }
    }
}

fn misuse(seed: u64, image: &mut [u8; BYTES]) -> ! {
    let mut random = Random::new(seed);
    match random.below(5) {
        4 => {
            // As many words as there can be, all empty.
            let words =
                map(WORDS * 8, linux::PROT_READ | linux::PROT_WRITE, linux::MAP_PRIVATE) as usize;
            for word in 0..WORDS - 1 {
                poke_word(words + word * 8, c"".as_ptr() as usize);
            }
            let own = c"/proc/self/exe".as_ptr() as usize;
            call(linux::__NR_execve, [own, words, words, 0, 0, 0])
        }
        0 => {
            let text = [c"#!s0\n", c"#!./s1 x\n", c"#!/proc/self/exe\n", c"#!.\n"];
            let [one, other] = [0, 1].map(|_| text[random.below(4) as usize].to_bytes());
            put(c"s0", one);
            put(c"s1", other);
            execute(c"s0")
        }
        1 => {
            // Whoever lends its memory finds it changed, or gone.
            borrow(random.below(6) as usize);
            kill(0, linux::SIGKILL)
        }
        _ => {
            for _ in 0..=random.below(4) {
                let most = if random.once_in(8) { BYTES as u64 } else { HEADERS };
                let at = random.below(most) as usize;
                match random.below(4) {
                    0 => image[at] = random.next() as u8,
                    1 => image[at] ^= 1 << random.below(8),
                    2 => image[at..(at + 8).min(BYTES)].fill(0xff),
                    _ => image[at..(at + 8).min(BYTES)].fill(0),
                }
            }
            let length = if random.once_in(4) { random.below(BYTES as u64) } else { BYTES as u64 };
            put(c"elf", &image[..length as usize]);
            execute(c"elf")
        }
    };
    exit(0)
}

/// Makes a program of bytes.
fn put(path: &CStr, bytes: &[u8]) {
    let file = open(path, linux::O_WRONLY | linux::O_CREAT | linux::O_TRUNC);
    write(file, bytes);
    call2(linux::__NR_fchmod, file as usize, 0o755);
    close(file);
}

fn execute(path: &CStr) -> isize {
    let arguments = [path.as_ptr(), core::ptr::null()];
    let place = path.as_ptr() as usize;
    call(linux::__NR_execve, [place, arguments.as_ptr() as usize, 0, 0, 0, 0])
}
