//! What stops a process in user mode, in portable terms.

use crate::{FaultReason, UserAddress};

/// What went wrong in user mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind of fault.
    pub reason: FaultReason,
    /// The address that was accessed (page faults), else the instruction's.
    pub address: UserAddress,
    /// More about it, as [`FaultReason`] says.
    pub code: u64,
}

/// Why a process waits for its resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It faulted.
    Fault(Fault),
    /// It is foreign and made a system call, whose registers its context holds.
    ForeignCall,
    /// Somebody interrupted it.
    Stopped,
    /// It left its guest for a reason that the virtual CPU knows.
    Exit,
}
