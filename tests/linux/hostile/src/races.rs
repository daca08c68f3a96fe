//! Threads of one process that pull the memory from under each other's feet, and signals in between.

use a9n_linux_programs::system::{fork, handle, kill};
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{call, map, poke, thread};

/// Pages that they fight for.
const PAGES: usize = 64;
const THREADS: usize = 4;
/// Signals that storm, the most harmless first.
const SIGNALS: [u32; 8] = [
    linux::SIGUSR1,
    linux::SIGUSR2,
    linux::SIGCHLD,
    linux::SIGWINCH,
    linux::SIGURG,
    linux::SIGALRM,
    linux::SIGCONT,
    linux::SIGTSTP,
];

/// Maps, unmaps, protects and moves, by several threads; some also run another program, or end.
pub fn threads(seed: u64) -> ! {
    let protection = linux::PROT_READ | linux::PROT_WRITE;
    let place = map(PAGES * 4096, protection, linux::MAP_PRIVATE) as usize;
    for number in 1..THREADS {
        thread(fight, place ^ (seed as usize) << 48 ^ number << 60);
    }
    fight(place)
}

/// One of them. The argument is where the memory is, with a seed in the bits that an address does not have.
extern "C" fn fight(argument: usize) -> ! {
    let place = argument & 0x7fff_ffff_f000;
    let mut random = Random::new(argument as u64 | 1);
    loop {
        let page = random.below(PAGES as u64) as usize;
        let start = place + page * 4096;
        let length = 4096 * (1 + random.below((PAGES - page) as u64) as usize);
        match random.below(512) {
            0 => {
                let arguments = [0_usize; 2];
                let path = c"/proc/self/exe".as_ptr() as usize;
                call(linux::__NR_execve, [path, arguments.as_ptr() as usize, 0, 0, 0, 0])
            }
            1 => call(linux::__NR_exit, [0; 6]),
            2 => fork(),
            3..8 => {
                poke(start, 1);
                0
            }
            it => {
                let protection = random.below(8) as usize & 3;
                let fixed = (linux::MAP_PRIVATE | linux::MAP_ANONYMOUS | linux::MAP_FIXED) as usize;
                match it % 6 {
                    0 => call(linux::__NR_munmap, [start, length, 0, 0, 0, 0]),
                    1 => call(linux::__NR_mprotect, [start, length, protection, 0, 0, 0]),
                    2 => call(linux::__NR_madvise, [start, length, 4, 0, 0, 0]),
                    3 => call(linux::__NR_mremap, [start, length, 4096, 0, 0, 0]),
                    4 => call(linux::__NR_getcwd, [start, length, 0, 0, 0, 0]),
                    _ => call(linux::__NR_mmap, [start, length, 3, fixed, usize::MAX, 0]),
                }
            }
        };
    }
}

extern "C" fn on_signal(_: i32) {}

/// A group of processes that send each other signals as fast as they can, with a timer that rings all the time.
pub fn signals(seed: u64) -> ! {
    for signal in SIGNALS {
        handle(signal, on_signal);
    }
    let period = [0_u64, 500, 0, 500];
    call(linux::__NR_setpgid, [0; 6]);
    for _ in 0..3 {
        fork();
    }
    call(linux::__NR_setitimer, [0, period.as_ptr() as usize, 0, 0, 0, 0]);
    let mut random = Random::new(seed ^ crate::process_number() as u64);
    loop {
        kill(0, SIGNALS[random.below(7) as usize]);
        if random.once_in(16) {
            call(linux::__NR_sched_yield, [0; 6]);
        }
    }
}
