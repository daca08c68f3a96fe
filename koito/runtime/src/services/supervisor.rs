//! The service of the root server: what runs, and its start and end.

use core::fmt;

use nun::service::{Epoch, String, Wire};

use crate::environment::{Arguments, Name};

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum Condition {
    /// It runs.
    Running = 1,
    /// It failed, and starts again soon.
    Restarting = 2,
    /// It was stopped, or came to its end.
    Stopped = 3,
    /// It failed too often.
    GivenUp = 4,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
            Self::GivenUp => "given up",
        })
    }
}

/// A component as the supervisor sees it.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct Status {
    /// What it is called.
    pub name: Name,
    /// How it is.
    pub condition: Condition,
    /// Which instance of it this is.
    pub epoch: Epoch,
    /// How often it failed.
    pub failures: u32,
    /// Its priority.
    pub priority: u8,
    /// Logarithm of the bytes that it has.
    pub memory_bits: u8,
    /// Bytes of them that are used.
    pub memory_used: u64,
    /// Bytes of its pool, as it is now.
    pub pool: u64,
    /// Bytes that its pool may have at most.
    pub most_pool: u64,
    /// For how many milliseconds this instance has run.
    pub uptime: u64,
    /// For how many ticks it was on a CPU.
    pub time: u64,
}

/// What a component may do, as text.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct Description {
    /// Its program.
    pub program: Name,
    /// The service that it offers.
    pub offers: Option<Name>,
    /// The services that it may call.
    pub uses: String<256>,
    /// What of the machine it has.
    pub holds: String<128>,
}

/// What the root server has left: the same again when all that failed runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct Memory {
    /// Bytes of all memory in use.
    pub used: u64,
    /// Bytes of all memory.
    pub bytes: u64,
    /// Slots of the root server that are free.
    pub free_slots: u64,
}

/// What a machine can be brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum PowerState {
    /// Switched off.
    Off = 1,
    /// Started anew.
    Reset = 2,
}

/// Why the supervisor did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum SupervisorError {
    /// There is no such component.
    Unknown = 1,
    /// It runs already, or does not run.
    NotNow = 2,
    /// It could not be started.
    Failed = 3,
    /// The machine does not say how that is done, or does not do it.
    Unsupported = 4,
    /// Its manifest entry does not allow so much memory.
    Quota = 5,
    /// It does not run on request, so it starts as its manifest entry says.
    Fixed = 7,
    /// The machine has not so much memory left.
    Memory = 6,
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no such component",
            Self::NotNow => "it runs already, or does not run",
            Self::Failed => "it could not be started",
            Self::Fixed => "it starts only as the manifest says",
            Self::Quota => "it may not have so much memory",
            Self::Memory => "there is not so much memory left",
            Self::Unsupported => "the machine does not say how, or does not do it",
        })
    }
}

/// Starts and stops components.
#[nun::service(version = 4)]
pub trait Supervisor {
    /// Component `index`, counted from 0.
    #[method(ordinal = 1, retry = idempotent)]
    fn status(&self, index: u8) -> Result<Status, SupervisorError>;
    /// Ends a component as if it had failed: it starts again as its policy says, at once.
    #[method(ordinal = 2, retry = at_most_once)]
    fn kill(&self, name: Name) -> Result<(), SupervisorError>;
    /// Ends a component, and leaves it so. Its clients are told that its service is gone.
    #[method(ordinal = 3, retry = at_most_once)]
    fn stop(&self, name: Name) -> Result<(), SupervisorError>;
    /// Starts a component that does not run.
    #[method(ordinal = 4, retry = at_most_once)]
    fn start(&self, name: Name) -> Result<(), SupervisorError>;
    /// What memory there is.
    #[method(ordinal = 5, retry = idempotent)]
    fn memory(&self) -> Memory;
    /// What component `index` may do.
    #[method(ordinal = 6, retry = idempotent)]
    fn describe(&self, index: u8) -> Result<Description, SupervisorError>;
    /// Switches the machine off, or resets it. If it answers, it did not work.
    #[method(ordinal = 7, retry = at_most_once)]
    fn power(&self, state: PowerState) -> Result<(), SupervisorError>;
    /// Starts a component that runs on request and does not run, until it is stopped with a pool of at least `pool`
    /// bytes and these arguments, unless they are empty, in place of what its manifest entry says.
    #[method(ordinal = 9, retry = at_most_once)]
    fn start_with(
        &self,
        name: Name,
        pool: Option<u64>,
        arguments: Arguments,
    ) -> Result<(), SupervisorError>;
}
