//! What calls cost where two processes make them at the same time, each on a CPU of its own: ticks of both together for
//! one call. Where the kernel has the two wait for each other, or talk to each other, this is more than alone.

use core::ffi::CStr;
use core::hint::black_box;

use a9n_linux_programs::println;
use a9n_linux_programs::system::{
    close, exit, fork, getppid, open, pipe, read, ticks, wait, write,
};
use linux_raw_sys::general::O_RDONLY;

use crate::ROUNDS;

/// The argument that asks for these figures.
pub const WORD: &CStr = c"together";
/// Calls of each process in a round.
const TURNS: u64 = 1000;

/// Measures all.
pub fn all() {
    measure("together.getppid", || {
        black_box(getppid());
    });
    let zero = open(c"/dev/zero", O_RDONLY);
    let mut byte = [0];
    measure("together.read", || assert!(read(zero, &mut byte) == 1));
    close(zero);
    let ends = pipe();
    measure("together.pipe", || {
        assert!(write(ends[1], &byte) == 1 && read(ends[0], &mut [0]) == 1)
    });
    ends.into_iter().for_each(|end| {
        close(end);
    });
}

/// Prints the best of several rounds. Linux may need one of them to find that there is another CPU.
fn measure(name: &str, mut turn: impl FnMut()) {
    let ([from, to], [back_from, back_to]) = (pipe(), pipe());
    let child = fork();
    let mut byte = [0];
    if child == 0 {
        close(to);
        while read(from, &mut byte) == 1 {
            (0..TURNS).for_each(|_| turn());
            write(back_to, &byte);
        }
        exit(0);
    }
    let mut round = || {
        let begin = ticks();
        assert!(write(to, &byte) == 1);
        (0..TURNS).for_each(|_| turn());
        assert!(read(back_from, &mut byte) == 1);
        (ticks() - begin) / (2 * TURNS)
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    println!("bench {name} {best}");
    for end in [to, from, back_from, back_to] {
        close(end);
    }
    wait(child);
}
