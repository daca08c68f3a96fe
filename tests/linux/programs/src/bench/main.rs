//! What a kernel with Linux's interface costs, in ticks of the time-stamp counter: with an emulator that
//! counts instructions these are instructions. Prints a line for each figure, `bench NAME TICKS`.
//!
//! A figure is the best of several rounds, each the mean of many turns: the clock's interrupts are no
//! part of it. A loop's own instructions are, five or so.
//!
//! After each figure comes what it counts once more, between [`watch`]'s marks: there a debugger can stop the
//! machine, follow it, and count what no program can.

#![no_std]
#![no_main]

mod calls;
mod memory;
mod pipes;
mod processes;
mod together;

use core::hint::black_box;

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
    if arguments.get(1) == Some(together::WORD) {
        together::all();
        println!("bench over 0");
        return 0;
    }
    calls::all(arguments);
    memory::all();
    pipes::all();
    processes::all(arguments);
    println!("bench over 0");
    mark_begins(OVER.as_ptr(), OVER.len());
    0
}

/// Measures `turn`, `turns` times a round, prints its figure, and shows a turn.
fn measure(name: &str, turns: u64, mut turn: impl FnMut()) -> u64 {
    let figure = best(turns, &mut turn);
    // Before anything is printed, which others would be busy with.
    watch(name, turns as usize, || {
        for _ in 0..turns {
            turn();
            mark_turned();
        }
    });
    println!("bench {name} {figure}");
    figure
}

/// Does what the figure called `name` counts, `units` times, while somebody may be watching.
fn watch(name: &str, units: usize, work: impl FnOnce()) {
    // It has to be in memory when the debugger reads it.
    black_box(name.bytes().fold(0, u8::wrapping_add));
    mark_begins(name.as_ptr(), name.len());
    work();
    mark_ends(units);
}

/// In place of a name, when there are no more.
const OVER: &str = "over";

/// Where a debugger stops and reads the name of what begins.
#[inline(never)]
extern "C" fn mark_begins(name: *const u8, bytes: usize) {
    black_box((name, bytes));
}

/// Where it stops that follows a single turn.
#[inline(never)]
extern "C" fn mark_turned() {
    black_box(());
}

/// Where it stops again, and reads how many of that there were.
#[inline(never)]
extern "C" fn mark_ends(units: usize) {
    black_box(units);
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
