//! Pipes: with nobody at the other end, with another process, and with as much as goes through.

use a9n_linux_programs::println;
use a9n_linux_programs::system::{Descriptor, close, exit, fork, pipe, read, wait, write};

use crate::{PAGE, measure, watch};

/// Bytes that are written at once, and turns of that, where it is about as much as goes through.
const CHUNK: usize = 4 * PAGE;

/// Turns of that while somebody may be watching.
const WATCHED: usize = 16;

/// Measures them all.
pub fn all() {
    let alone = alone();
    let round = with_another();
    println!("bench switch {}", round.saturating_sub(2 * alone) / 2);
    through();
}

/// A byte to oneself.
fn alone() -> u64 {
    let [from, to] = pipe();
    let mut byte = [0];
    let figure = measure("pipe.self", 200, || {
        assert!(write(to, &byte) == 1 && read(from, &mut byte) == 1);
    });
    close(from);
    close(to);
    figure
}

/// A byte to another process, and one back.
fn with_another() -> u64 {
    let ([from, to], [back_from, back_to]) = (pipe(), pipe());
    let child = fork();
    let mut byte = [0];
    if child == 0 {
        close(to);
        while read(from, &mut byte) == 1 {
            write(back_to, &byte);
        }
        exit(0);
    }
    let figure = measure("pipe.round", 200, || {
        assert!(write(to, &byte) == 1 && read(back_from, &mut byte) == 1);
    });
    finish(child, &[to, from, back_from, back_to]);
    figure
}

/// A stream to another process: the ticks of a page's worth.
fn through() {
    let [from, to] = pipe();
    let child = fork();
    let mut chunk = [0; CHUNK];
    if child == 0 {
        close(to);
        while read(from, &mut chunk) > 0 {}
        exit(0);
    }
    let (turns, pages) = (64, CHUNK / PAGE);
    let mut turn = || assert!(write(to, &chunk) == CHUNK as isize);
    let figure = crate::best(turns, &mut turn) / pages as u64;
    watch("pipe.page", WATCHED * pages, || (0..WATCHED).for_each(|_| turn()));
    println!("bench pipe.page {figure}");
    finish(child, &[to, from]);
}

/// Closes what the child waits for, and waits for it.
fn finish(child: isize, descriptors: &[Descriptor]) {
    for descriptor in descriptors {
        close(*descriptor);
    }
    wait(child);
}
