//! Types at a program's terminal what a script says, and shows all that the program answers.
//!
//!     linux-typist SCRIPT PROGRAM ARGUMENT…
//!
//! A line of the script is `await TEXT`, which reads on until that text comes, `type TEXT`, which ends
//! with the Enter key, or `keys TEXT`, in which `^C` is a control character. After the last line the
//! typist reads on until the terminal is closed, and ends as the program did. It never waits for a time:
//! the same program gives the same text, however fast the machine.

#![no_std]
#![no_main]

mod heard;
mod script;
mod terminal;

use a9n_linux_programs::system::{open, read, wait};
use a9n_linux_programs::{Arguments, entry, println};
use linux_raw_sys::general as linux;

use heard::Heard;
use script::Line;

entry!(main);

/// Status of a typist that could not do its work.
const FAILED: i32 = 125;
/// Longest script.
const SCRIPT_BYTES: usize = 8192;

fn main(arguments: Arguments) -> i32 {
    let (Some(path), Some(_)) = (arguments.get(1), arguments.get(2)) else {
        println!("usage: linux-typist SCRIPT PROGRAM ARGUMENT...");
        return FAILED;
    };
    let mut room = [0; SCRIPT_BYTES];
    let length = read(open(path, linux::O_RDONLY), &mut room);
    let Some(Ok(text)) = usize::try_from(length).ok().map(|end| str::from_utf8(&room[..end]))
    else {
        println!("typist: cannot read the script");
        return FAILED;
    };
    let Some((terminal, child)) = terminal::start(arguments) else {
        println!("typist: cannot have a terminal");
        return FAILED;
    };
    let mut heard = Heard::new(terminal);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let done = match Line::parse(line) {
            Some(Line::Await(text)) => heard.until(text.as_bytes()),
            Some(Line::Type(text)) => {
                terminal::send(terminal, text.bytes().chain(core::iter::once(b'\r')))
            }
            Some(Line::Keys(text)) => terminal::send(terminal, script::keys(text)),
            None => false,
        };
        if !done {
            println!("\ntypist: no further than `{line}`");
            return FAILED;
        }
    }
    heard.rest();
    let status = wait(child);
    if status & 0x7f == 0 { status >> 8 & 0xff } else { 128 + (status & 0x7f) }
}
