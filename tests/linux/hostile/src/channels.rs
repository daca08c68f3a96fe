//! Sockets that carry each other, and terminals that are flooded.

use a9n_linux_programs::system::{Descriptor, close, open, read, write};
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::call;

/// `SCM_RIGHTS` at the level of sockets.
const CARRIES_DESCRIPTORS: [u32; 2] = [1, 1];
/// Requests for terminals: unlock, and tell the number.
const UNLOCK: usize = 0x4004_5431;
const NUMBER: usize = 0x8004_5430;

/// Pairs of sockets: each end is on its way through the other, and nobody holds them any more.
pub fn cycles(_: u64) -> ! {
    loop {
        let mut pair = [0_i32; 2];
        let place = pair.as_mut_ptr() as usize;
        if call(linux::__NR_socketpair, [1, 1, 0, place, 0, 0]) == 0 {
            let [one, other] = pair;
            for _ in 0..3 {
                send(one, one);
                send(one, other);
                send(other, one);
            }
            close(one);
            close(other);
        }
    }
}

/// Sends a descriptor through a socket, with one byte.
fn send(through: Descriptor, what: Descriptor) {
    let byte = [0_u8];
    let part = [byte.as_ptr() as usize, 1];
    let [level, kind] = CARRIES_DESCRIPTORS.map(u64::from);
    let control = [20_u64, level | kind << 32, what as u64];
    let message =
        [0, 0, part.as_ptr() as usize, 1, control.as_ptr() as usize, size_of_val(&control), 0];
    let flags = linux_raw_sys::net::MSG_DONTWAIT as usize;
    call(linux::__NR_sendmsg, [through as usize, message.as_ptr() as usize, flags, 0, 0, 0]);
}

/// Pseudo-terminals, whose both ends are written to with whatever a line discipline has a meaning for.
pub fn terminals(seed: u64) -> ! {
    let mut random = Random::new(seed);
    let flags = linux::O_RDWR | linux::O_NONBLOCK;
    loop {
        let master = open(c"/dev/ptmx", flags);
        let (locked, mut number) = (0_i32, 0_i32);
        call(linux::__NR_ioctl, [master as usize, UNLOCK, (&raw const locked) as usize, 0, 0, 0]);
        call(linux::__NR_ioctl, [master as usize, NUMBER, (&raw mut number) as usize, 0, 0, 0]);
        let mut path = *b"/dev/pts/000\0";
        for (place, unit) in [(9, 100), (10, 10), (11, 1)] {
            path[place] = b'0' + (number / unit % 10) as u8;
        }
        let leading = path[9..12].iter().take_while(|digit| **digit == b'0').count().min(2);
        path.copy_within(9 + leading.., 9);
        let slave =
            core::ffi::CStr::from_bytes_until_nul(&path).map_or(-1, |path| open(path, flags));
        for _ in 0..200 {
            let mut bytes = [0; 128];
            bytes
                .fill_with(|| random.below(if random.clone().once_in(2) { 32 } else { 256 }) as u8);
            match random.below(6) {
                0 => read(master, &mut bytes),
                1 => read(slave, &mut bytes),
                2 | 3 => write(master, &bytes),
                4 => write(slave, &bytes),
                _ => {
                    let request = 0x5401 + random.below(0x32) as usize;
                    let end = if random.once_in(2) { master } else { slave };
                    call(
                        linux::__NR_ioctl,
                        [end as usize, request, bytes.as_ptr() as usize, 0, 0, 0],
                    )
                }
            };
        }
        close(slave);
        close(master);
    }
}
