//! All loads.

mod convert;
mod derive;
mod map;
mod message;
mod process;
mod processor;

use nun::Error;

use crate::ground::Ground;
use crate::machine::mark;

/// A named load.
pub struct Load {
    pub number: u16,
    pub name: &'static str,
    pub mark: fn(),
    pub run: fn(&mut Ground) -> Result<(), Error>,
}

/// `number "name" function` for each. 0 is no number.
macro_rules! loads {
    ($($number:literal $name:literal $($function:ident)::+;)*) => {
        /// In the order in which they run.
        pub const ALL: &[Load] = &[$(Load {
            number: $number,
            name: $name,
            mark: mark::<$number>,
            run: $($function)::+,
        }),*];
    };
}

loads! {
    2 "revoke the deepest derivation" derive::deep;
    3 "revoke 8,000 copies" derive::broad;
    4 "remove a full node" derive::full_node;
    5 "remove the largest node, empty" derive::empty_node;
    6 "remove nodes in nodes" derive::nested;
    7 "copy, move and exchange four levels deep" derive::levels;
    8 "revoke a chain of Generics that ends with a table, a process, a space" derive::deep_objects;
    10 "convert a large frame" convert::frame;
    11 "convert as many objects as one call makes" convert::objects;
    12 "revoke thousands of objects" convert::everything;
    20 "map, unmap, protect 100 runs over many tables" map::batches;
    21 "map, unmap, protect 32 pages" map::pages;
    22 "remove a window of a whole address space" map::window;
    23 "remove an address space full of tables" map::space;
    24 "refuse runs whose windows are four levels deep" map::far;
    30 "pass 128 words and 4 capabilities" message::large;
    31 "kill a port with 2,000 senders" message::senders;
    32 "kill a port with 2,000 receivers" message::receivers;
    33 "kill a notification with 2,000 waiters" message::waiters;
    34 "drop 1,000 replies" message::replies;
    40 "destroy processes in every state" process::states;
    41 "destroy processes that have everything" process::equipped;
    42 "interrupt 500 processes at once" process::interrupts;
    43 "copy, read and write registers" process::registers;
    44 "faults and foreign calls" process::traps;
    45 "die in the middle of a removal" process::orphans;
    50 "map, unmap, protect what others use" processor::shoot;
    51 "suspend, resume, move what others run" processor::stop;
    52 "destroy what others run" processor::destroy;
    53 "calls from all CPUs at once" processor::crowd;
}
