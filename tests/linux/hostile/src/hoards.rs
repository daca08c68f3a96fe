//! Things that the system keeps for a program: filled and never emptied, tied into loops, armed for the end of time.

use a9n_linux_programs::system::{Descriptor, close, fork, open, pipe, write};
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{call, call2};

const NONBLOCK: usize = linux::O_NONBLOCK as usize;

/// Fills whatever can be filled; when there are no more descriptors, a child goes on.
pub fn attack(seed: u64) -> ! {
    let mut random = Random::new(seed);
    loop {
        let made = match random.below(6) {
            0 => fill_pipe(),
            1 => fill_socket(),
            2 => tie(&mut random),
            3 => arm(&mut random),
            4 => lock(&mut random),
            _ => queue(&mut random),
        };
        if made < 0 && random.once_in(16) {
            fork();
        }
    }
}

/// Writes until nothing more goes in.
fn fill(into: Descriptor) -> isize {
    let bytes = [0x55; 4096];
    let mut last = 1;
    for _ in 0..64 {
        if last > 0 {
            last = write(into, &bytes);
        }
    }
    into as isize
}

fn fill_pipe() -> isize {
    let mut pair = [0_i32; 2];
    match call2(linux::__NR_pipe2, pair.as_mut_ptr() as usize, NONBLOCK) {
        0 => {
            // As large as it may be.
            call(linux::__NR_fcntl, [pair[1] as usize, 1031, 1 << 20, 0, 0, 0]);
            fill(pair[1])
        }
        failed => failed,
    }
}

fn fill_socket() -> isize {
    let mut pair = [0_i32; 2];
    let place = pair.as_mut_ptr() as usize;
    match call(linux::__NR_socketpair, [1, 1 | NONBLOCK, 0, place, 0, 0]) {
        0 => fill(pair[0]),
        failed => failed,
    }
}

/// Sets of files that hold each other, and themselves.
fn tie(random: &mut Random) -> isize {
    let sets = [0; 4].map(|_: i32| call2(linux::__NR_epoll_create1, 0, 0));
    let event = [u64::MAX, u64::MAX];
    for _ in 0..8 {
        let [one, other] = [0, 1].map(|_| sets[random.below(4) as usize] as usize);
        call(linux::__NR_epoll_ctl, [one, 1, other, event.as_ptr() as usize, 0, 0]);
    }
    let place = event.as_ptr() as usize;
    call(linux::__NR_epoll_wait, [sets[0] as usize, place, 1, 0, 0, 0]);
    sets[3]
}

/// Timers of all kinds, for times that overflow.
fn arm(random: &mut Random) -> isize {
    let number = |random: &mut Random| match random.below(5) {
        0 => 0,
        1 => random.below(1_000_000_000),
        2 => i64::MAX as u64,
        3 => u64::MAX >> random.below(20),
        _ => 999_999_999,
    };
    let times = [0; 4].map(|_: u64| number(random));
    let place = times.as_ptr() as usize;
    let clock = random.below(12) as usize;
    call(linux::__NR_setitimer, [random.below(3) as usize, place, 0, 0, 0, 0]);
    call(linux::__NR_alarm, [times[0] as usize, 0, 0, 0, 0, 0]);
    let mut timer = 0_u64;
    if call(linux::__NR_timer_create, [clock, 0, (&raw mut timer) as usize, 0, 0, 0]) == 0 {
        let absolute = random.below(2) as usize;
        call(linux::__NR_timer_settime, [timer as usize, absolute, place, 0, 0, 0]);
    }
    let file = call2(linux::__NR_timerfd_create, clock, NONBLOCK);
    call(linux::__NR_timerfd_settime, [file as usize, random.below(4) as usize, place, 0, 0, 0]);
    file
}

/// Locks of many small parts of a file.
fn lock(random: &mut Random) -> isize {
    let file = open(c"locked", linux::O_RDWR | linux::O_CREAT);
    for _ in 0..64 {
        // Kind and whence, start, length.
        let start = random.next() >> random.below(64);
        let request = [random.below(3), start, random.below(1 << 20), 0];
        call(linux::__NR_fcntl, [file as usize, 6, request.as_ptr() as usize, 0, 0, 0]);
    }
    if random.once_in(2) {
        close(file);
    }
    file as isize
}

/// Signals that wait, and descriptors on their way to nobody.
fn queue(random: &mut Random) -> isize {
    let all = [u64::MAX];
    call(linux::__NR_rt_sigprocmask, [0, all.as_ptr() as usize, 0, 8, 0, 0]);
    let own = crate::process_number() as usize;
    let mut info = [0_u64; 16];
    info[1] = (-1_i32) as u32 as u64;
    for _ in 0..64 {
        let signal = 32 + random.below(33);
        info[0] = signal;
        call(linux::__NR_rt_sigqueueinfo, [own, signal as usize, info.as_ptr() as usize, 0, 0, 0]);
    }
    let [end, _] = pipe();
    end as isize
}
