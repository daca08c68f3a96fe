//! Processes whose threads are in the middle of calls when they are killed, ended, or replaced by another program.

use core::ffi::{CStr, c_char};
use core::ptr::null;

use a9n_linux_programs::system::{
    close, execve, exit, fork, getppid, kill, map, pipe, read, thread, unmap, wait, write,
};
use linux_raw_sys::general::SIGKILL;

use crate::THREADS;

/// Processes of each kind.
const PROCESSES: u64 = 6;
/// What one ends with that a thread ends.
const STATUS: i32 = 5;
/// How the program is told that it has replaced itself, and what it ends with then.
pub const REPLACED: &CStr = c"replaced";
pub const REPLACED_STATUS: i32 = 7;

/// Processes are killed; counts those whose parent is told so.
pub fn count_killed() -> u64 {
    let killed = |process: &isize| {
        wait_a_while(*process as u64);
        kill(*process, SIGKILL);
        wait(*process) == SIGKILL as i32
    };
    (0..PROCESSES).map(|_| begin(busy)).filter(killed).count() as u64
}

/// One thread ends its process.
pub fn count_ended() -> u64 {
    (0..PROCESSES).map(|_| begin(end)).filter(|it| wait(*it) == STATUS << 8).count() as u64
}

/// One thread has its process run another program.
pub fn count_replaced() -> u64 {
    let status = REPLACED_STATUS << 8;
    (0..PROCESSES).map(|_| begin(replace)).filter(|it| wait(*it) == status).count() as u64
}

/// Starts a process with busy threads and one that does `last`.
fn begin(last: extern "C" fn(usize) -> !) -> isize {
    let child = fork();
    if child == 0 {
        for number in 1..THREADS {
            thread(busy, number);
        }
        last(0)
    }
    child
}

/// Makes calls of all kinds, for ever.
extern "C" fn busy(number: usize) -> ! {
    let ends = pipe();
    loop {
        let mut bytes = [0; 64];
        match number % 4 {
            0 => {
                write(ends[1], &bytes);
                read(ends[0], &mut bytes);
            }
            1 => {
                let memory = map(4 * 4096);
                memory[4096] = 1;
                unmap(memory);
            }
            2 => {
                pipe().into_iter().for_each(|end| {
                    close(end);
                });
            }
            _ => {
                getppid();
            }
        }
    }
}

extern "C" fn end(_: usize) -> ! {
    wait_a_while(getppid() as u64);
    exit(STATUS)
}

extern "C" fn replace(_: usize) -> ! {
    wait_a_while(getppid() as u64);
    let words: [*const c_char; 3] = [REPLACED.as_ptr(), REPLACED.as_ptr(), null()];
    // SAFETY: both lists end with a null pointer; what is before that is a string.
    unsafe { execve(c"/proc/self/exe", words.as_ptr(), words[2..].as_ptr()) };
    exit(1)
}

/// A time that is another for everybody, in which others get somewhere.
fn wait_a_while(seed: u64) {
    for _ in 0..100 * (seed % 13) {
        getppid();
    }
}
