//! What init and the workers agree upon.
#![allow(dead_code, reason = "each program uses its part")]

use nun::aci::WORKSPACE_ADDRESS;

/// Where the page lies, in a worker, on which it tells init how it fares.
pub const REPORT: u64 = WORKSPACE_ADDRESS + 0x10_0000;
/// Where init takes a page away and gives it back.
pub const PLAYGROUND: u64 = WORKSPACE_ADDRESS + 0x4000_0000;

/// Bytes from the start of the report.
pub mod report {
    /// Rounds without a flaw.
    pub const ROUNDS: usize = 0;
    /// Kernel calls that were refused.
    pub const REFUSED: usize = 8;
}

/// Slots of a worker, from [`nun::aci::slot::GRANTED`] on.
pub mod slot {
    /// The port that it serves or calls; the Notification Port that it waits for.
    pub const FIRST: u64 = 16;
    /// The Notification Port that it signals.
    pub const SECOND: u64 = 17;
}

/// What a worker does, as its argument.
pub mod role {
    /// Answers calls.
    pub const SERVER: u64 = 0;
    /// Calls, with messages of all lengths, and checks the answers.
    pub const CLIENT: u64 = 1;
    /// Waits for a signal and passes it on.
    pub const RUNNER: u64 = 2;
    /// Writes to the playground, whose page comes and goes.
    pub const WRITER: u64 = 3;
    /// Keeps data in registers and on its stack, and looks at it all the time.
    pub const KEEPER: u64 = 4;
}

/// What the server answers to `word`.
pub const fn answer(word: u64) -> u64 {
    word.rotate_left(17) ^ 0x9e37_79b9_7f4a_7c15
}
