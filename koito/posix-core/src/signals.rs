//! Signals: which are pending, which are held back, and what becomes of them (signal(7)).

use koito_linux::Errno;

/// The number of a signal, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident = $number:literal $default:ident;)*) => {
        impl Signal {
            $(#[doc = stringify!($name)] pub const $name: Self = Self($number);)*

            /// What it does to a process that has no other wish.
            pub const fn default_effect(self) -> Effect {
                match self.0 {
                    $($number => Effect::$default,)*
                    _ => Effect::End,
                }
            }
        }
    };
}

/// What a signal does where no handler takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ends the process.
    End,
    /// Ends it, and a dump of it would be useful.
    Dump,
    /// Nothing.
    Nothing,
    /// Stops it until it is continued.
    Stop,
    /// Continues it.
    Continue,
}

signals! {
    HANGUP = 1 End;
    INTERRUPT = 2 End;
    QUIT = 3 Dump;
    ILLEGAL = 4 Dump;
    TRAP = 5 Dump;
    ABORT = 6 Dump;
    BUS = 7 Dump;
    ARITHMETIC = 8 Dump;
    KILL = 9 End;
    USER_1 = 10 End;
    SEGMENTATION = 11 Dump;
    USER_2 = 12 End;
    PIPE = 13 End;
    ALARM = 14 End;
    TERMINATE = 15 End;
    CHILD = 17 Nothing;
    CONTINUE = 18 Continue;
    STOP = 19 Stop;
    TERMINAL_STOP = 20 Stop;
    TERMINAL_INPUT = 21 Stop;
    TERMINAL_OUTPUT = 22 Stop;
    URGENT = 23 Nothing;
    CPU_LIMIT = 24 Dump;
    FILE_LIMIT = 25 Dump;
    VIRTUAL_ALARM = 26 End;
    PROFILE = 27 End;
    WINDOW = 28 Nothing;
    SYSTEM_CALL = 31 Dump;
}

impl Signal {
    /// The signal with this number.
    pub const fn new(number: u64) -> Result<Self, Errno> {
        if number >= 1 && number <= 64 { Ok(Self(number as u8)) } else { Err(Errno::EINVAL) }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its place in a list of all.
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }

    /// Whether a process can have a wish about it.
    pub const fn can_be_handled(self) -> bool {
        self.0 != Self::KILL.0 && self.0 != Self::STOP.0
    }

    /// Whether it is one for real time: each that is sent is taken.
    pub const fn is_queued(self) -> bool {
        self.0 >= 32
    }

    /// Whether it is of those that an instruction causes.
    const fn is_caused_by_instruction(self) -> bool {
        matches!(self.0, 4 | 5 | 7 | 8 | 11 | 31)
    }
}

/// A set of signals, laid out as Linux does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// Those that stop a process.
    pub const STOPPING: Self = Self(0xf << 18);

    /// The set of one.
    pub const fn of(signal: Signal) -> Self {
        Self(1 << (signal.0 - 1))
    }

    /// Those that a process may hold back, of these.
    #[must_use]
    pub const fn maskable(self) -> Self {
        Self(self.0 & !Self::of(Signal::KILL).0 & !Self::of(Signal::STOP).0)
    }

    /// Whether `signal` is in it.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & Self::of(signal).0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one to be taken first: those that an instruction caused, then the lowest.
    pub const fn first(self) -> Option<Signal> {
        let caused = Self(self.0 & 0x4000_04d8);
        let from = if caused.0 != 0 { caused.0 } else { self.0 };
        if from == 0 { None } else { Some(Signal(from.trailing_zeros() as u8 + 1)) }
    }
}

/// What a process wishes for a signal, as `rt_sigaction` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Address of the handler, or [`DEFAULT`](Self::DEFAULT) or [`IGNORE`](Self::IGNORE).
    pub handler: u64,
    /// `SA_*`.
    pub flags: u64,
    /// Where the handler returns to.
    pub restorer: u64,
    /// What is held back while it runs.
    pub mask: SignalSet,
}

impl Action {
    /// What the signal does by itself.
    pub const DEFAULT: u64 = 0;
    /// Nothing.
    pub const IGNORE: u64 = 1;

    /// Children that end leave nothing behind.
    pub const NO_CHILD_WAIT: u64 = 2;
    /// Children that stop are not told of.
    pub const NO_CHILD_STOP: u64 = 1;
    /// The handler runs on a stack of its own.
    pub const ON_STACK: u64 = 0x0800_0000;
    /// An interrupted call is repeated.
    pub const RESTART: u64 = 0x1000_0000;
    /// The signal is not held back while the handler runs.
    pub const NO_DEFER: u64 = 0x4000_0000;
    /// The handler is taken once.
    pub const RESET: u64 = 0x8000_0000;

    /// Whether `signal` is thrown away.
    pub const fn ignores(&self, signal: Signal) -> bool {
        let by_itself = matches!(signal.default_effect(), Effect::Nothing);
        self.handler == Self::IGNORE || (self.handler == Self::DEFAULT && by_itself)
    }
}

/// What is told of a signal: the first part of Linux's `siginfo_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Which one.
    pub signal: Signal,
    /// Why (`SI_*`, `CLD_*`, `SEGV_*`).
    pub code: i32,
    /// What the cause says of itself.
    pub detail: Detail,
}

/// What the cause of a signal says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A process sent it: its number and user.
    Sender(u32, u32),
    /// A process sent it with a value.
    Value(u32, u32, u64),
    /// A child changed: its number, user and status.
    Child(u32, u32, u32),
    /// A timer rang: its number, how often more it did meanwhile, and the value that it was given.
    Timer(u32, u32, u64),
    /// An access failed at this address.
    Address(u64),
}

impl Info {
    /// Bytes of a `siginfo_t`.
    pub const BYTES: usize = 128;

    /// As a program sees it.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &u32::from(self.signal.0).to_le_bytes());
        put(8, &self.code.to_le_bytes());
        match self.detail {
            Detail::Sender(process, user) => {
                put(16, &process.to_le_bytes());
                put(20, &user.to_le_bytes());
            }
            Detail::Value(process, user, value) => {
                put(16, &process.to_le_bytes());
                put(20, &user.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            Detail::Child(process, user, status) => {
                put(16, &process.to_le_bytes());
                put(20, &user.to_le_bytes());
                put(24, &status.to_le_bytes());
            }
            Detail::Timer(timer, overrun, value) => {
                put(16, &timer.to_le_bytes());
                put(20, &overrun.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            Detail::Address(address) => put(16, &address.to_le_bytes()),
        }
        bytes
    }

    /// As it is read from a file of signals (`struct signalfd_siginfo`).
    pub fn file_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &u32::from(self.signal.0).to_le_bytes());
        put(8, &self.code.to_le_bytes());
        match self.detail {
            Detail::Sender(process, user) => {
                put(12, &process.to_le_bytes());
                put(16, &user.to_le_bytes());
            }
            Detail::Value(process, user, value) => {
                put(12, &process.to_le_bytes());
                put(16, &user.to_le_bytes());
                put(44, &(value as u32).to_le_bytes());
                put(48, &value.to_le_bytes());
            }
            Detail::Child(process, user, status) => {
                put(12, &process.to_le_bytes());
                put(16, &user.to_le_bytes());
                put(40, &status.to_le_bytes());
            }
            Detail::Timer(timer, overrun, value) => {
                put(24, &timer.to_le_bytes());
                put(32, &overrun.to_le_bytes());
                put(44, &(value as u32).to_le_bytes());
                put(48, &value.to_le_bytes());
            }
            Detail::Address(address) => put(72, &address.to_le_bytes()),
        }
        bytes
    }
}

/// Whether a signal that an instruction of the process causes ends it, whatever its wishes: nobody
/// could go on from there.
pub const fn is_fatal(signal: Signal, action: &Action, mask: SignalSet) -> bool {
    signal.is_caused_by_instruction() && (mask.contains(signal) || action.handler == Action::IGNORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_cannot_be_held_back() {
        let all = SignalSet(u64::MAX).maskable();
        assert!(!all.contains(Signal::KILL) && !all.contains(Signal::STOP));
        assert!(all.contains(Signal::CONTINUE));
        assert_eq!(Signal::new(0), Err(Errno::EINVAL));
        assert_eq!(Signal::new(65), Err(Errno::EINVAL));
        for number in [19, 20, 21, 22] {
            let signal = Signal::new(number).unwrap();
            assert_eq!(signal.default_effect(), Effect::Stop);
            assert!(SignalSet::STOPPING.contains(signal));
        }
    }

    #[test]
    fn what_is_told_lies_where_linux_has_it() {
        let child = Info { signal: Signal::CHILD, code: 1, detail: Detail::Child(9, 1000, 3) };
        let bytes = child.bytes();
        assert_eq!((bytes[0], bytes[8], bytes[16]), (17, 1, 9));
        assert_eq!((&bytes[20..24], bytes[24]), (&1000u32.to_le_bytes()[..], 3));
    }

    #[test]
    fn a_fault_that_is_held_back_is_fatal() {
        let (action, none) = (Action::default(), SignalSet(0));
        assert!(!is_fatal(Signal::SEGMENTATION, &action, none));
        assert!(is_fatal(Signal::SEGMENTATION, &action, SignalSet::of(Signal::SEGMENTATION)));
        let ignores = Action { handler: Action::IGNORE, ..action };
        assert!(is_fatal(Signal::BUS, &ignores, none) && !is_fatal(Signal::USER_1, &ignores, none));
        assert!(action.ignores(Signal::CHILD) && !action.ignores(Signal::TERMINATE));
    }
}
