//! Ethernet between processes: [cables](Cable) that carry frames through memory that two share, and the
//! [`Switch`] that decides where a frame goes.
//!
//! Neither knows a kernel or a device: whoever has memory, a bell and a clock puts them together, as the
//! component `koito-switch` does. So what becomes of hostile ports is tested on the host.
#![no_std]
#![forbid(unsafe_code)]

mod address;
mod cable;
mod learned;
mod queue;
mod switch;

pub use address::Address;
pub use cable::{CABLE_BYTES, Cable, CableMemory, SLOTS, Side};
pub use queue::Queue;
pub use switch::{FLOODS, Refused, Route, Switch};

/// Most bytes of a frame (IEEE 802.3, with a tag of 802.1Q), without its check sequence.
pub const MOST_FRAME: usize = 1518;
/// Fewest: both addresses, and what it carries. Nothing fills frames up, as no wire wants that.
pub const LEAST_FRAME: usize = 14;
/// Most ports of a switch.
pub const MOST_PORTS: usize = 8;
