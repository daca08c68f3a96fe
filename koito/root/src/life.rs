//! The life of one instance of a component: when it started, what is due.

use koito::services::Condition;
use koito_manifest::Patience;
use nun::Process;

/// What a component is doing.
#[allow(clippy::large_enum_variant, reason = "there is no heap, and most components run")]
pub enum Life {
    /// An instance runs.
    Running(Instance),
    /// The next one starts at this time, in ticks.
    Restarting(u64),
    /// The next one starts when the PCI server has its device ready, which has until this time.
    Waiting(u64),
    /// Nobody wants it to run.
    Stopped,
    /// It failed too often.
    GivenUp,
}

/// A running instance. All times are in ticks.
pub struct Instance {
    /// Its process.
    pub process: Process,
    /// When it started.
    pub started: u64,
    /// When it wants to be woken.
    pub alarm: Option<u64>,
    /// Its signs of life.
    pub heartbeat: Heartbeat,
}

/// Signs of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// It is never asked.
    Never,
    /// It is asked at this time.
    AskAt(u64),
    /// It was asked, and has this left to answer.
    Asked(Patience),
}

impl Life {
    /// As the supervisor's service tells it.
    pub fn condition(&self) -> Condition {
        match self {
            Self::Running(_) => Condition::Running,
            Self::Restarting(_) | Self::Waiting(_) => Condition::Restarting,
            Self::Stopped => Condition::Stopped,
            Self::GivenUp => Condition::GivenUp,
        }
    }

    /// The running instance.
    pub fn instance(&mut self) -> Option<&mut Instance> {
        match self {
            Self::Running(instance) => Some(instance),
            _ => None,
        }
    }

    /// When something is due, if ever.
    pub fn next(&self) -> Option<u64> {
        match self {
            Self::Running(instance) => {
                instance.alarm.into_iter().chain(instance.heartbeat.next()).min()
            }
            Self::Restarting(at) | Self::Waiting(at) => Some(*at),
            Self::Stopped | Self::GivenUp => None,
        }
    }
}

impl Heartbeat {
    /// When something is due of them, if ever.
    pub fn next(self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::AskAt(at) => Some(at),
            Self::Asked(patience) => Some(patience.next()),
        }
    }
}
