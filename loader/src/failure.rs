//! Why the loader gives up, and how it tells.

use core::{fmt, time::Duration};

use a9n_loader_core::hand_over;
use uefi::{
    Event, Status,
    boot::{self, EventType, TimerTrigger, Tpl},
    runtime::{self, ResetType},
    system,
};

use crate::console::say;

/// How long a message waits for a key before the firmware gets the machine back.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the loader gives up; its text says what to do.
#[derive(Debug)]
pub enum Failure {
    /// Files could not be loaded.
    HandOver(hand_over::Error),
    /// The volume that the loader was started from cannot be read.
    Volume(uefi::Error),
    /// The firmware does not tell its memory map.
    MemoryMap(uefi::Error),
    /// No memory for the loader's own tables.
    NoMemory,
    /// The firmware runs with five-level paging.
    FiveLevelPaging,
}

impl From<hand_over::Error> for Failure {
    fn from(error: hand_over::Error) -> Self {
        Self::HandOver(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandOver(error) => error.fmt(f),
            Self::Volume(error) => write!(
                f,
                "the boot volume cannot be read ({}): write the boot medium anew",
                error.status()
            ),
            Self::MemoryMap(error) => {
                write!(f, "no memory map from the firmware ({}): update it", error.status())
            }
            Self::NoMemory => write!(f, "not enough memory: give the machine more"),
            Self::FiveLevelPaging => write!(
                f,
                "the firmware uses five-level paging: turn it off in the firmware's setup \
                 (in QEMU: `-cpu max,la57=off`)"
            ),
        }
    }
}

impl Failure {
    /// Shows the message and waits for a key, but not for ever. Only before boot services are
    /// exited.
    pub fn tell(&self) {
        say!("A9N cannot start.");
        say!("{self}");
        say!("Press a key, or wait {} seconds, to return to the firmware.", PATIENCE.as_secs());
        if wait_for_key().is_err() {
            boot::stall(PATIENCE);
        }
    }

    /// Tells on the serial port, then starts the machine anew. For when boot services have been
    /// exited and there is no firmware to return to.
    pub fn tell_and_reset(&self) -> ! {
        say!("A9N cannot start.");
        say!("{self}");
        reset()
    }
}

/// Starts the machine anew.
pub fn reset() -> ! {
    runtime::reset(ResetType::COLD, Status::ABORTED, None)
}

fn wait_for_key() -> uefi::Result {
    // SAFETY: the event has no callback.
    let timer = unsafe { boot::create_event(EventType::TIMER, Tpl::APPLICATION, None, None)? };
    boot::set_timer(&timer, TimerTrigger::Relative(PATIENCE))?;
    let key: Event = system::with_stdin(|input| {
        input.reset(false)?;
        input.wait_for_key_event()
    })?;
    boot::wait_for_event(&[key, timer]).map_err(|error| error.to_err_without_payload())?;
    Ok(())
}
