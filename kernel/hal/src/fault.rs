//! A fault in user mode, in portable terms.

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
