//! A switch between those who are plugged into it: frames go through memory that a client shares with it by its
//! channel, as a cable (`koito-ethernet`). Here is what is said besides.

use nun::service::Wire;

use crate::Name;

/// A port of the switch.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct SwitchPort {
    /// Whose it is.
    pub client: Name,
    /// The address that it was given, the first byte being the highest of six.
    pub address: u64,
    /// Frames that came in there, and were taken.
    pub received: u64,
    /// Frames that went out there.
    pub sent: u64,
    /// Frames that came in there, and that it was not to send.
    pub refused: u64,
    /// Frames that were to go out there, and had no room.
    pub dropped: u64,
}

/// A switch.
#[nun::service(version = 1)]
pub trait Switch {
    /// The address of the port that belongs to the caller; 0 if it has none.
    #[method(ordinal = 1, retry = idempotent)]
    fn address(&self) -> u64;
    /// The port with this number, counted from 0.
    #[method(ordinal = 2, retry = idempotent)]
    fn port(&self, index: u8) -> Option<SwitchPort>;
}
