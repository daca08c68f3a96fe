//! What a kernel with Linux's interface costs, in ticks of the time-stamp counter: with an emulator that
//! counts instructions these are instructions. Prints a line for each figure, `bench NAME TICKS`.
//!
//! A figure is the best of several rounds, each the mean of many turns: the clock's interrupts are no
//! part of it. A loop's own instructions are, five or so.

#![no_std]
#![no_main]

mod calls;
mod memory;
mod pipes;
mod processes;

use a9n_linux_programs::system::ticks;
use a9n_linux_programs::{Arguments, entry, println};

entry!(main);

/// Bytes of a page.
const PAGE: usize = 4096;
/// Rounds of which the best counts.
const ROUNDS: usize = 7;

fn main(arguments: Arguments) -> i32 {
    if arguments.get(1).is_some_and(|word| word == processes::CHILD) {
        return 0;
    }
    calls::all();
    memory::all();
    pipes::all();
    processes::all(arguments);
    println!("bench over 0");
    0
}

/// Measures `turn`, `turns` times a round, and prints its figure.
fn measure(name: &str, turns: u64, turn: impl FnMut()) -> u64 {
    let figure = best(turns, turn);
    println!("bench {name} {figure}");
    figure
}

/// The mean ticks of a turn in the best of several rounds.
fn best(turns: u64, mut turn: impl FnMut()) -> u64 {
    let round = || {
        let begun = ticks();
        (0..turns).for_each(|_| turn());
        (ticks() - begun) / turns
    };
    core::iter::repeat_with(round).take(ROUNDS).min().unwrap_or_default()
}
