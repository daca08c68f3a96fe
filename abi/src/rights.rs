//! What a capability lets its holder do.

use bitflags::bitflags;

bitflags! {
    /// Rights in a capability. A derived capability never has more than its source.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Rights: u8 {
        /// Receive, wait, read state, map readable.
        const READ = 1;
        /// Send, call, notify, change state, map writable.
        const WRITE = 2;
        /// Make copies.
        const COPY = 4;
        /// Derive with another identifier or with fewer rights, and administer the object.
        const MODIFY = 8;
        /// Send capabilities through this port.
        const GRANT = 16;
        /// Learn the physical address, that is: let devices reach it.
        const DMA = 32;
    }
}
