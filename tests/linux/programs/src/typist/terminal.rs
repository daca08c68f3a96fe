//! A terminal of one's own, with a program at its other end.

use core::ffi::CStr;

use a9n_linux_programs::Arguments;
use a9n_linux_programs::system::{
    Descriptor, close, dup2, execve, exit, fork, ioctl, open, setsid, write,
};
use linux_raw_sys::general as linux;
use linux_raw_sys::ioctl as requests;

/// Rows and columns, as `struct winsize` has them; nobody counts pixels.
const SIZE: [i32; 2] = [24 | 80 << 16, 0];

/// Starts the program that the second argument names; the terminal's end that is not the program's, and
/// the program's process.
pub fn start(arguments: Arguments) -> Option<(Descriptor, isize)> {
    let program = arguments.get(2)?;
    let master = open(c"/dev/ptmx", linux::O_RDWR | linux::O_NOCTTY);
    let mut number = [-1, 0];
    let ready = master >= 0
        && ioctl(master, requests::TIOCSPTLCK, &mut [0; 2]) == 0
        && ioctl(master, requests::TIOCSWINSZ, &mut { SIZE }) == 0
        && ioctl(master, requests::TIOCGPTN, &mut number) == 0;
    let number = number[0];
    let mut path = *b"/dev/pts/\0\0\0\0";
    if !ready || !(0..1000).contains(&number) {
        return None;
    }
    let digits = write_number(&mut path[9..12], number as usize);
    path[9 + digits] = 0;
    let child = fork();
    if child == 0 {
        close(master);
        setsid();
        let path = CStr::from_bytes_until_nul(&path).unwrap_or(c"");
        let terminal = open(path, linux::O_RDWR);
        ioctl(terminal, requests::TIOCSCTTY, &mut [0; 2]);
        for standard in 0..3 {
            dup2(terminal, standard);
        }
        if terminal > 2 {
            close(terminal);
        }
        // SAFETY: these are the pointers that the kernel made, with the null pointers at their ends.
        unsafe { execve(program, arguments.pointers_from(2), arguments.environment()) };
        exit(127);
    }
    (child > 0).then_some((master, child))
}

/// Types bytes; whether all of them went.
pub fn send(terminal: Descriptor, bytes: impl Iterator<Item = u8>) -> bool {
    let mut room = [0; 512];
    let mut length = 0;
    for (place, byte) in room.iter_mut().zip(bytes) {
        *place = byte;
        length += 1;
    }
    write(terminal, &room[..length]) == length as isize
}

/// Writes a number in decimal digits; how many.
fn write_number(room: &mut [u8], number: usize) -> usize {
    let digits = [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8);
    let leading = digits.iter().take(2).take_while(|digit| **digit == b'0').count();
    let digits = &digits[leading..];
    room[..digits.len()].copy_from_slice(digits);
    digits.len()
}
