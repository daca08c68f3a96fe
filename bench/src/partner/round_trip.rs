//! Round trips: a message to a server, and the same back.
//!
//! The words that travel in registers are loaded from memory for every call; the others stand in
//! the IPC buffer before, where they come back to.

use core::sync::atomic::{AtomicU64, Ordering};

use a9n_bench::machine::stamp;
use a9n_bench::measure::measure;
use a9n_bench::parts::measure_parts;
use nun::{IpcPort, Message, buffer};

use crate::publish;

/// The words that travel in registers.
static WORDS: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];

/// Between two address spaces.
pub fn cross(port: IpcPort) {
    prepare();
    round_trip::<0>("ipc.cross.0", port);
    round_trip::<4>("ipc.cross.4", port);
    round_trip::<6>("ipc.cross.6", port);
    round_trip::<10>("ipc.cross.10", port);
    round_trip::<64>("ipc.cross.64", port);
    round_trip::<120>("ipc.cross.120", port);
}

/// Within one.
pub fn same(port: IpcPort) {
    prepare();
    round_trip::<0>("ipc.same.0", port);
    round_trip::<4>("ipc.same.4", port);
    round_trip::<6>("ipc.same.6", port);
    round_trip::<10>("ipc.same.10", port);
    round_trip::<64>("ipc.same.64", port);
    round_trip::<120>("ipc.same.120", port);
}

/// Without words, and whatever the server answers.
pub fn one(name: &str, port: IpcPort) {
    publish(&measure(name, || port.call(&Message::EMPTY), |reply| assert!(reply.is_ok())));
}

/// Each way alone: the server answers with the time in between.
pub fn one_way(port: IpcPort) {
    let measured = measure_parts(["ipc.cross.0.call", "ipc.cross.0.reply"], || {
        let start = stamp();
        let reply = port.call(&Message::EMPTY);
        let end = stamp();
        let between = reply.expect("the clock answers").words()[0] as u32;
        [between.wrapping_sub(start), end.wrapping_sub(between)]
    });
    measured.iter().for_each(publish);
}

/// What word `index` is.
const fn word(index: usize) -> u64 {
    0xa9a9_0000 + index as u64
}

fn prepare() {
    for (index, place) in WORDS.iter().enumerate() {
        place.store(word(index), Ordering::Relaxed);
    }
}

#[inline(never)]
fn round_trip<const LENGTH: usize>(name: &str, port: IpcPort) {
    fill(LENGTH);
    publish(&measure(
        name,
        || port.call(&message::<LENGTH>()),
        |reply| {
            let reply = reply.expect("the server answers");
            let mut words = [0; 128];
            assert_eq!(reply.copy_to(&mut words), LENGTH);
            assert!(words.iter().take(LENGTH).enumerate().all(|(index, it)| *it == word(index)));
            // What came back is wiped, so that the next round cannot mistake it for its own.
            fill(0);
            fill(LENGTH);
        },
    ));
}

/// The message of `LENGTH` words.
#[inline(always)]
fn message<const LENGTH: usize>() -> Message {
    let load = |index: usize| match index < LENGTH {
        true => WORDS[index].load(Ordering::Relaxed),
        false => 0,
    };
    Message::new(0, [load(0), load(1), load(2), load(3), load(4), load(5)]).with_length(LENGTH)
}

/// Fills the IPC buffer with a message of `length` words, and with zeros past it.
fn fill(length: usize) {
    for index in 6..128 {
        buffer().write(index, if index < length { word(index) } else { 0 });
    }
}
