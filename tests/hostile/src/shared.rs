//! What the three programs agree upon: where things lie.
#![allow(dead_code, reason = "each program uses its part")]

use nun::aci::WORKSPACE_ADDRESS;

/// Where the page lies, in attackers and victim, on which they tell init how far they are.
pub const REPORT: u64 = WORKSPACE_ADDRESS + 0x10_0000;

/// Priority of attackers, the highest that they can give, and of the victim.
pub const PRIORITY: u64 = 100;

/// Words of that page.
pub mod report {
    /// Bytes from the start to the number of kernel calls made, or of rounds.
    pub const COUNT: usize = 0;
    /// Bytes to the number of calls that were not refused.
    pub const GRANTED: usize = 8;
}

/// A page of an attacker's own, mapped here and there at will.
pub const PLAYGROUND: u64 = WORKSPACE_ADDRESS + 0x4000_0000;

/// Slots of an attacker, from [`nun::aci::slot::GRANTED`] on.
pub mod slot {
    /// A Generic.
    pub const GENERIC: u64 = 16;
    /// A node in the root node, of radix [`INNER_RADIX`].
    pub const INNER: u64 = 17;
    /// A port that all attackers have, each under its own identifier.
    pub const PORT: u64 = 18;
    /// Another one, without identifier.
    pub const BARE_PORT: u64 = 19;
    /// A Notification Port that all have.
    pub const NOTIFICATION: u64 = 20;
    /// Its own PCB, with every right.
    pub const SELF: u64 = 21;
    /// Another attacker's PCB, with every right.
    pub const NEIGHBOUR: u64 = 22;
    /// Its own address space.
    pub const SPACE: u64 = 23;
    /// A frame, and a window of it around the playground.
    pub const FRAME: u64 = 24;
    /// See [`FRAME`].
    pub const WINDOW: u64 = 25;
    /// Slots below this one are played with; what is made goes to the free ones.
    pub const END: u64 = 96;
    /// Radix of the inner node.
    pub const INNER_RADIX: u8 = 4;
}
