//! What the system calls itself.

use alloc::vec::Vec;

/// The name of the kernel that programs think they run on, and its release: by it they decide what to expect.
pub const SYSTEM: &str = "Linux";
pub const RELEASE: &str = "6.1.0-a9n";

/// The names that the superuser can change.
#[derive(Debug)]
pub struct HostNames {
    /// Of the machine.
    pub host: Vec<u8>,
    /// Of its domain.
    pub domain: Vec<u8>,
}

impl HostNames {
    /// Those at the start.
    pub fn new() -> Self {
        Self { host: b"koito".to_vec(), domain: b"(none)".to_vec() }
    }
}
