//! Switching the machine off, for those who may do nothing else to it.

use super::{PowerState, SupervisorError};

/// Ends or resets the machine.
#[nun::service(version = 1)]
pub trait Power {
    /// Brings the machine to a state. If it answers, it did not work.
    #[method(ordinal = 1, retry = at_most_once)]
    fn enter(&self, state: PowerState) -> Result<(), SupervisorError>;
}
