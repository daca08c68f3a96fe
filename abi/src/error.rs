//! Why the kernel did not do what it was asked, and which argument was wrong.

use core::fmt;

/// What a kernel call objects to. Numbers are part of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Culprit(pub u8);

impl Culprit {
    /// The capability that was called.
    pub const DESCRIPTOR: Self = Self(0);
    /// The message info.
    pub const INFO: Self = Self(16);
    /// The operation word.
    pub const OPERATION: Self = Self(17);
    /// Something in the IPC buffer, or its absence.
    pub const IPC_BUFFER: Self = Self(18);
    /// Not the caller: its partner, or the state of the object.
    pub const OTHER: Self = Self(19);

    /// Argument `number` of the operation, counted from 1 as in the interface reference.
    pub const fn argument(number: u8) -> Self {
        Self(number)
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::DESCRIPTOR => f.write_str("the capability"),
            Self::INFO => f.write_str("the message info"),
            Self::OPERATION => f.write_str("the operation word"),
            Self::IPC_BUFFER => f.write_str("the IPC buffer"),
            Self::OTHER => f.write_str("the object's state"),
            Self(number) => write!(f, "argument {number}"),
        }
    }
}

impl fmt::Debug for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Kinds of failure. Numbers are part of the interface.
        #[repr(u16)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl Reason {
            /// Every reason, in order of number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason with this number.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// The operation word names no operation, or not one of this object.
    IllegalOperation = 1, "illegal operation";
    /// The interface has this operation, this kernel does not yet.
    NotImplemented = 2, "not implemented";
    /// The capability lacks a right that the operation needs.
    PermissionDenied = 3, "permission denied";
    /// The descriptor leads to no capability, or to one of another type.
    InvalidDescriptor = 4, "invalid descriptor";
    /// The descriptor's depth does not fit the nodes on its way.
    InvalidDepth = 5, "invalid depth";
    /// A value out of range or misaligned.
    InvalidArgument = 6, "invalid argument";
    /// The Generic has too little left.
    NotEnoughMemory = 7, "not enough memory";
    /// The destination slot, or the place to map at, is taken.
    Occupied = 8, "occupied";
    /// It would have to wait, and was told not to.
    WouldBlock = 9, "would block";
    /// Somebody ended the wait.
    Cancelled = 10, "cancelled";
    /// The partner died, or dropped the reply.
    PartnerDied = 11, "partner died";
    /// The object is in use in a way that forbids this.
    Busy = 12, "busy";
    /// A page table is missing on the way to the address.
    MissingTable = 13, "missing page table";
    /// The tree of derivations would become too deep.
    TooDeep = 14, "derivation too deep";
    /// The process lacks something that it needs to run (address space, root node).
    Incomplete = 15, "not fully configured";
}

/// A refusal: reason and culprit. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error {
    /// Why.
    pub reason: Reason,
    /// Because of what.
    pub culprit: Culprit,
}

impl Error {
    /// `reason`, because of `culprit`.
    pub const fn new(reason: Reason, culprit: Culprit) -> Self {
        Self { reason, culprit }
    }

    /// The form in which it travels as a label. Never 0.
    pub const fn to_label(self) -> u32 {
        self.reason as u32 | ((self.culprit.0 as u32) << 16)
    }

    /// The error in a label; `None` if the label says success.
    /// A reason that this build does not know comes back as [`Reason::IllegalOperation`].
    pub const fn from_label(label: u32) -> Option<Self> {
        if label == 0 {
            return None;
        }
        let reason = match Reason::from_number(label as u16) {
            Some(reason) => reason,
            None => Reason::IllegalOperation,
        };
        Some(Self { reason, culprit: Culprit((label >> 16) as u8) })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason.text(), self.culprit)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {}
