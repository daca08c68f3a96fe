//! What a process of this system has at hand.

use nun::IpcPort;

use crate::aci::{OURS, SYSTEM_SLOT};

/// The port to the system.
pub const SYSTEM: IpcPort = IpcPort::slot(SYSTEM_SLOT);

/// Tells Nun where things are. The first thing that a process does.
pub fn settle_in() {
    // SAFETY: whoever starts a process of this system maps its buffer there, for good, and no program
    // is linked there.
    unsafe { nun::thread::use_buffer_at(OURS.buffer_address) }
}
