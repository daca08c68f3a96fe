//! IPC Ports and Notification Ports.

use core::cell::Cell;

use crate::{Dying, Process, Queue, Ref};

/// Where messages are exchanged. At most one of its queues is non-empty.
#[repr(C, align(64))]
#[derive(Clone, Debug, Default)]
pub struct Port {
    /// Processes that wait for a message.
    pub receivers: Queue,
    /// Processes with a message or call that nobody took yet.
    pub senders: Queue,
    /// Next object to be destroyed, while this one is.
    pub dying_next: Cell<Option<Dying>>,
}

/// A word of signal bits.
#[repr(C, align(64))]
#[derive(Clone, Debug, Default)]
pub struct Notification {
    /// Signals that nobody took yet; zero while somebody waits.
    pub bits: Cell<u64>,
    /// Processes that wait for a signal.
    pub waiters: Queue,
    /// The process whose `receive` it also ends.
    pub bound: Cell<Option<Ref<Process>>>,
    /// Next object to be destroyed, while this one is.
    pub dying_next: Cell<Option<Dying>>,
}
