//! What init and its partners agree upon.

use nun::aci;

/// Where a partner finds the port that it serves, calls, or sends its faults to.
pub const SERVICE: u64 = aci::slot::GRANTED;
/// Where it finds the Notification Port that it signals.
pub const SIGNALLED: u64 = SERVICE + 1;
/// Where it finds the one that it waits at.
pub const AWAITED: u64 = SERVICE + 2;
/// Where a driver finds its Interrupt Port.
pub const INTERRUPT: u64 = SERVICE + 3;
/// Where it finds the I/O ports of its device.
pub const CLOCK_PORTS: u64 = SERVICE + 4;

/// What a partner does; it learns that as the argument of its `main`.
pub mod role {
    /// Answers every message with itself.
    pub const SERVER: u64 = 0;
    /// Measures round trips to a server in another address space.
    pub const CROSS: u64 = 1;
    /// Measures round trips to a thread of its own.
    pub const SAME: u64 = 2;
    /// Lets every process that faults go on.
    pub const RESOLVER: u64 = 3;
    /// Measures faults.
    pub const FAULT: u64 = 4;
    /// Sends every signal back.
    pub const PONG: u64 = 5;
    /// Measures signals.
    pub const PING: u64 = 6;
    /// Measures kernel calls that concern nobody else.
    pub const ALONE: u64 = 7;
    /// Answers every message with the time at which it came.
    pub const CLOCK: u64 = 8;
    /// Measures each way alone.
    pub const ONE_WAY: u64 = 9;
    /// Answers by a Reply in a slot.
    pub const DEFERRING: u64 = 10;
    /// Measures a round trip to such a server.
    pub const DEFERRED: u64 = 11;
    /// Answers like a server, and has vector state.
    pub const VECTOR_SERVER: u64 = 12;
    /// Has vector state, and measures round trips to a server without.
    pub const VECTOR_CLIENT: u64 = 13;
    /// Has vector state, and measures round trips to a server with.
    pub const VECTOR_BOTH: u64 = 14;
    /// Measures how long a more urgent thread takes to wake.
    pub const WAKE: u64 = 15;
    /// Answers foreign calls with a result.
    pub const RESULT_GIVER: u64 = 16;
    /// Answers them by letting the process go on as it is.
    pub const WHOLE_GIVER: u64 = 17;
    /// Is foreign, and measures system calls that are answered with a result.
    pub const FOREIGN_RESULT: u64 = 18;
    /// Lets others run, for ever.
    pub const YIELDER: u64 = 19;
    /// Measures a switch to another process.
    pub const SWITCHING: u64 = 20;
    /// Handles the interrupts of the real-time clock.
    pub const DRIVER: u64 = 21;
    /// Is interrupted, and measures that.
    pub const INTERRUPTED: u64 = 22;
    /// Measures a round trip while there are four CPUs.
    pub const FOUR: u64 = 23;
    /// Is foreign, and measures system calls after which it goes on as it is.
    pub const FOREIGN_WHOLE: u64 = 26;
    /// Answers the exits of a guest.
    pub const MONITOR: u64 = 27;
    /// Serves sums through the macro.
    pub const ADDER: u64 = 24;
    /// Measures calls of it.
    pub const SERVICE: u64 = 25;
}

/// Labels of messages to init.
pub mod tell {
    /// All is measured.
    pub const DONE: u32 = 0;
    /// A figure; words: [`Measured`](crate::measure::Measured).
    pub const FIGURE: u32 = 2;
    /// A thread is wanted; words: entry, stack pointer.
    pub const THREAD: u32 = 1;
}
