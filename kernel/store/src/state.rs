//! The state word of a process: one comparison tells whether a partner is what is expected.

use a9n_hal::CpuNumber;

/// What a process is doing.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not runnable: never started, suspended, or left so by its resolver.
    Stopped = 0,
    /// In a ready queue.
    Ready = 1,
    /// On a CPU.
    Running = 2,
    /// Queued at a port with a message that wants no reply.
    Sending = 3,
    /// Queued at a port with a call.
    Calling = 4,
    /// Queued at a port, waiting for a message.
    Receiving = 5,
    /// Its call was accepted; the Reply lies in the PCB of its partner.
    AwaitingReply = 6,
    /// Its call was accepted; the Reply lies in a slot.
    AwaitingStoredReply = 7,
    /// Queued at a Notification Port.
    Waiting = 8,
}

/// Phase, CPU and flags of a process in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State(u32);

impl State {
    const CPU_SHIFT: u32 = 8;
    /// What it waits for, or is stopped by, is the handling of a trap: a reply resumes it where
    /// it was instead of answering a call.
    const TRAPPED: u32 = 1 << 16;
    /// The Reply of the call that it waits to receive shall land in a slot.
    const STORES_REPLY: u32 = 1 << 17;
    /// Before it runs again it tells its resolver that it was stopped.
    const INTERRUPTED: u32 = 1 << 18;
    /// It has a vector state. Stays as long as that does.
    const VECTOR: u32 = 1 << 19;
    /// Another CPU wants it stopped, or had it stopped and has not said so yet.
    const EVICTED: u32 = 1 << 20;
    /// The scheduling context that it lent with its call will not come back.
    const CONTEXT_LOST: u32 = 1 << 21;
    /// It has been given another CPU while it ran on this one.
    const MOVED: u32 = 1 << 22;
    /// It runs a guest. Stays as long as it has a virtual CPU.
    const GUEST: u32 = 1 << 23;
    /// The call whose Reply shall land in a slot leaves its scheduling context with its caller.
    const OWN_TIME: u32 = 1 << 24;

    /// `phase` on `cpu`, no flags.
    #[inline(always)]
    pub const fn new(phase: Phase, cpu: CpuNumber) -> Self {
        Self(phase as u32 | ((cpu as u32) << Self::CPU_SHIFT))
    }

    /// The phase.
    pub const fn phase(self) -> Phase {
        match self.0 as u8 {
            1 => Phase::Ready,
            2 => Phase::Running,
            3 => Phase::Sending,
            4 => Phase::Calling,
            5 => Phase::Receiving,
            6 => Phase::AwaitingReply,
            7 => Phase::AwaitingStoredReply,
            8 => Phase::Waiting,
            _ => Phase::Stopped,
        }
    }

    /// The CPU that it runs on.
    pub const fn cpu(self) -> CpuNumber {
        (self.0 >> Self::CPU_SHIFT) as u8
    }

    /// Whether another CPU wants it stopped, or had it stopped.
    pub const fn is_evicted(self) -> bool {
        self.0 & Self::EVICTED != 0
    }

    /// The same process, wanted to be stopped.
    #[must_use]
    pub const fn with_eviction(self) -> Self {
        self.with_flag(Self::EVICTED, true)
    }

    /// The same process, with nobody wanting it stopped.
    #[must_use]
    pub const fn without_eviction(self) -> Self {
        self.with_flag(Self::EVICTED, false)
    }

    /// The same process, which goes to another CPU as soon as somebody decides where it runs.
    #[must_use]
    pub const fn with_move(self) -> Self {
        self.with_flag(Self::MOVED, true)
    }

    /// The same process, with a vector state or without.
    #[must_use]
    pub const fn with_vector(self, vector: bool) -> Self {
        self.with_flag(Self::VECTOR, vector)
    }

    /// Whether it runs a guest.
    #[inline(always)]
    pub const fn is_guest(self) -> bool {
        self.0 & Self::GUEST != 0
    }

    /// The same process, running a guest or not.
    #[must_use]
    #[inline(always)]
    pub const fn with_guest(self, guest: bool) -> Self {
        self.with_flag(Self::GUEST, guest)
    }

    /// The same process in `phase`, with nothing left of what it did before.
    #[must_use]
    pub const fn afresh(self, phase: Phase) -> Self {
        Self(phase as u32 | self.0 & (0xff << Self::CPU_SHIFT | Self::VECTOR | Self::GUEST))
    }

    /// The same process, which awaits the verdict on its trap, running.
    #[must_use]
    #[inline(always)]
    pub const fn resumed(self) -> Self {
        Self(self.0 ^ (Self::TRAPPED | Phase::AwaitingReply as u32 ^ Phase::Running as u32))
    }

    /// Whether it is in this state because of a trap.
    pub const fn is_trapped(self) -> bool {
        self.0 & Self::TRAPPED != 0
    }

    /// Whether its resolver is to be told before it runs again.
    pub const fn is_interrupted(self) -> bool {
        self.0 & Self::INTERRUPTED != 0
    }

    /// The same, with or without an interruption to report.
    #[must_use]
    pub const fn with_interruption(self, interrupted: bool) -> Self {
        self.with_flag(Self::INTERRUPTED, interrupted)
    }

    /// Whether its answer brings it a new scheduling context instead of the one it lent.
    pub const fn is_context_lost(self) -> bool {
        self.0 & Self::CONTEXT_LOST != 0
    }

    /// The same with the lent scheduling context lost or not.
    #[must_use]
    pub const fn with_context_lost(self, lost: bool) -> Self {
        self.with_flag(Self::CONTEXT_LOST, lost)
    }

    const fn with_flag(self, flag: u32, on: bool) -> Self {
        if on { Self(self.0 | flag) } else { Self(self.0 & !flag) }
    }

    /// Whether the next Reply goes to a slot that it named.
    pub const fn stores_reply(self) -> bool {
        self.0 & Self::STORES_REPLY != 0
    }

    /// The same with or without a slot named for the next Reply.
    #[must_use]
    pub const fn with_stored_reply(self, stores: bool) -> Self {
        self.with_flag(Self::STORES_REPLY, stores)
    }

    /// Whether the call of that Reply is served on this process's own scheduling context.
    pub const fn keeps_time(self) -> bool {
        self.0 & Self::OWN_TIME != 0
    }

    /// The same with or without that.
    #[must_use]
    pub const fn with_own_time(self, own: bool) -> Self {
        self.with_flag(Self::OWN_TIME, own)
    }

    /// The same process in `phase`.
    #[must_use]
    pub const fn with_phase(self, phase: Phase) -> Self {
        Self((self.0 & !0xff) | phase as u32)
    }

    /// The same process on `cpu`.
    #[must_use]
    pub const fn with_cpu(self, cpu: CpuNumber) -> Self {
        Self((self.0 & !(0xff << Self::CPU_SHIFT)) | ((cpu as u32) << Self::CPU_SHIFT))
    }

    /// The same with or without the trap flag.
    #[must_use]
    pub const fn with_trap(self, trapped: bool) -> Self {
        self.with_flag(Self::TRAPPED, trapped)
    }
}
