//! Guests: what a virtual CPU tells its monitor when it leaves its guest, and what it is answered.
//!
//! A process with a virtual CPU runs a guest instead of user mode. What only its monitor can do
//! arrives at its resolver port as a message of source [`VirtualCpu`](crate::Source::VirtualCpu),
//! like a fault: the label is an [`ExitReason`], the six register words are an [`Exit`], and the
//! values of those [`StateGroups`] follow that were asked for by `configure_exit`. The reply is a
//! [`GuestVerdict`].
//!
//! On x86_64 the words are those of the AMD64 architecture; nothing tells which vendor's
//! virtualisation is below.

mod state;

use crate::MESSAGE_REGISTERS;

pub use state::{Segment, StateGroups};

macro_rules! exit_reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal;)*) => {
        /// Why a guest was left: the label of the message. The *detail* is word 1, *address or value*
        /// word 2. Numbers are part of the interface.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ExitReason {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl ExitReason {
            /// Every reason, in order of number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason with this number.
            pub const fn from_number(number: u32) -> Option<Self> {
                Some(match number {
                    $($number => Self::$name,)*
                    _ => return None,
                })
            }
        }
    };
}

exit_reasons! {
    /// The machine left it for a reason that has no number here: the detail is the machine's own
    /// number, the value what it says about it.
    Other = 1;
    /// `hlt`.
    Halt = 2;
    /// `cpuid`: the detail is EAX, the value ECX.
    Identify = 3;
    /// `in` or `out`: the detail is a [`PortAccess`], the value what goes out.
    Port = 4;
    /// `rdmsr`: the detail is ECX.
    ReadRegister = 5;
    /// `wrmsr`: the detail is ECX, the value EDX:EAX.
    WriteRegister = 6;
    /// Guest-physical memory that is not mapped, or not for this access: the detail has the
    /// [`Access`](crate::Access) bits of what was tried, and bit 8 if the guest's own page tables were
    /// being walked; the address is guest-physical.
    Memory = 7;
    /// An interrupt can be injected now, and that was asked for.
    InterruptWindow = 8;
    /// An exception that has to be handed on to the guest: the detail is the [`Event`] to inject, the
    /// value CR2 or the pending bits of DR6.
    Exception = 9;
    /// The guest cannot go on (triple fault).
    Shutdown = 10;
    /// `vmmcall` or `vmcall`: the detail is RAX, the value RBX.
    Hypercall = 11;
    /// `xsetbv`: the detail is ECX, the value EDX:EAX.
    SetExtended = 12;
    /// An instruction that no guest executes itself: the detail is a [`GuestInstruction`].
    Instruction = 13;
    /// An access to a control register: the detail has its number in bits 0 to 8, that of the general
    /// register in bits 8 to 16 (16 if unknown), and 1 in bit 16 for a write; the value is what would
    /// be written.
    ControlRegister = 14;
    /// `interrupt` was asked for, or the guest was interrupted for another cause.
    Kick = 15;
    /// The state of the virtual CPU is none that a guest can have: nothing ran. The detail is the
    /// machine's number for it.
    Invalid = 16;
}

impl ExitReason {
    /// In the detail of [`Memory`](Self::Memory): the guest's own page tables were being walked.
    pub const TABLES_WALKED: u64 = 1 << 8;
}

/// Instructions that no guest executes itself. Numbers are part of the interface.
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuestInstruction {
    /// One of those that make or enter guests.
    Virtualisation = 1,
    /// `monitor`, `mwait` and their like.
    Monitor = 2,
    /// `rdpmc`.
    ReadCounter = 3,
    /// `wbinvd` or `wbnoinvd`.
    WriteBack = 4,
    /// `invd`.
    Invalidate = 5,
    /// A change of tasks; the guest has to be told that there is none.
    TaskSwitch = 7,
    /// `rsm`.
    Resume = 8,
}

/// The six register words of an exit message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Word 0: RIP, of the instruction that is not done yet.
    pub instruction: u64,
    /// Word 1: as [`ExitReason`] says.
    pub detail: u64,
    /// Word 2: as [`ExitReason`] says.
    pub value: u64,
    /// Word 3.
    pub situation: Situation,
    /// Word 4: what is about to be injected, because this exit interrupted it. It will be, unless the
    /// verdict injects something else. [`Event::NONE`] if it is nothing.
    pub interrupted: Event,
    /// Word 5: CR3.
    pub page_table: u64,
}

impl Exit {
    /// As it travels.
    pub const fn words(&self) -> [u64; MESSAGE_REGISTERS] {
        let Self { instruction, detail, value, situation, interrupted, page_table } = *self;
        [instruction, detail, value, situation.0, interrupted.0, page_table]
    }

    /// The exit in the register words of a message.
    pub const fn from_words(words: &[u64; MESSAGE_REGISTERS]) -> Self {
        let [instruction, detail, value, situation, interrupted, page_table] = *words;
        let (situation, interrupted) = (Situation(situation), Event(interrupted));
        Self { instruction, detail, value, situation, interrupted, page_table }
    }
}

/// How the guest's processor stood.
///
/// | bits | meaning |
/// |---|---|
/// | 0..8 | bytes of the instruction, 0 if unknown |
/// | 8..10 | privilege level |
/// | 10 | the code segment is one of 64 bits |
/// | 11 | operands have 32 bits by default |
/// | 12 | protected mode |
/// | 13 | paging is on |
/// | 14 | interrupts are allowed (RFLAGS.IF) |
/// | 15 | not at this instruction yet, because of the one before (`sti`, `mov ss`) |
/// | 16 | long mode is active |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation(pub u64);

impl Situation {
    /// Where the privilege level stands.
    pub const PRIVILEGE_SHIFT: u32 = 8;
    /// The code segment is one of 64 bits.
    pub const CODE_64: u64 = 1 << 10;
    /// Operands have 32 bits by default.
    pub const CODE_32: u64 = 1 << 11;
    /// Protected mode.
    pub const PROTECTED: u64 = 1 << 12;
    /// Paging is on.
    pub const PAGING: u64 = 1 << 13;
    /// Interrupts are allowed.
    pub const INTERRUPTS: u64 = 1 << 14;
    /// But not at this instruction.
    pub const SHADOW: u64 = 1 << 15;
    /// Long mode is active.
    pub const LONG: u64 = 1 << 16;

    /// Bytes of the instruction, if they are known.
    pub const fn length(self) -> Option<u8> {
        match self.0 as u8 {
            0 => None,
            length => Some(length),
        }
    }

    /// Privilege level.
    pub const fn privilege(self) -> u8 {
        (self.0 >> Self::PRIVILEGE_SHIFT) as u8 & 3
    }

    /// Whether all of `flags` hold.
    pub const fn has(self, flags: u64) -> bool {
        self.0 & flags == flags
    }

    /// Whether an interrupt could be injected at once, as far as the processor is concerned.
    pub const fn is_interruptible(self) -> bool {
        self.0 & (Self::INTERRUPTS | Self::SHADOW) == Self::INTERRUPTS
    }
}

/// An `in` or `out`.
///
/// | bits | meaning |
/// |---|---|
/// | 0..16 | port |
/// | 16..19 | bytes: 1, 2 or 4 |
/// | 20 | from the device (`in`) |
/// | 21 | to or from memory (`ins`, `outs`) |
/// | 22 | repeated |
/// | 24..28 | bytes of an address: 2, 4 or 8; 0 if unknown |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortAccess(pub u64);

impl PortAccess {
    /// Where the number of bytes stands.
    pub const BYTES_SHIFT: u32 = 16;
    /// From the device.
    pub const IN: u64 = 1 << 20;
    /// To or from memory.
    pub const STRING: u64 = 1 << 21;
    /// Repeated.
    pub const REPEATED: u64 = 1 << 22;
    /// Where the bytes of an address stand.
    pub const ADDRESS_SHIFT: u32 = 24;

    /// The port.
    pub const fn port(self) -> u16 {
        self.0 as u16
    }

    /// Bytes that are moved at once: 1, 2 or 4.
    pub const fn bytes(self) -> u8 {
        (self.0 >> Self::BYTES_SHIFT) as u8 & 7
    }

    /// Whether all of `flags` hold.
    pub const fn has(self, flags: u64) -> bool {
        self.0 & flags == flags
    }
}

/// An interrupt or exception to be injected.
///
/// | bits | meaning |
/// |---|---|
/// | 0..8 | vector |
/// | 8..11 | 0 interrupt, 2 non-maskable interrupt, 3 exception, 4 software interrupt |
/// | 11 | it has an error code |
/// | 31 | it is one |
/// | 32..64 | error code |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event(pub u64);

impl Event {
    /// None.
    pub const NONE: Self = Self(0);
    /// It is one.
    pub const VALID: u64 = 1 << 31;
    /// It has an error code.
    pub const HAS_CODE: u64 = 1 << 11;
    /// Where the kind stands.
    pub const KIND_SHIFT: u32 = 8;
    /// Kind of an exception.
    pub const EXCEPTION: u64 = 3;

    /// The external interrupt with `vector`.
    pub const fn interrupt(vector: u8) -> Self {
        Self(Self::VALID | vector as u64)
    }

    /// A non-maskable interrupt.
    pub const fn non_maskable() -> Self {
        Self(Self::VALID | 2 << Self::KIND_SHIFT | 2)
    }

    /// The exception with `vector`, which has no error code.
    pub const fn exception(vector: u8) -> Self {
        Self(Self::VALID | Self::EXCEPTION << Self::KIND_SHIFT | vector as u64)
    }

    /// The exception with `vector` and an error code.
    pub const fn exception_with_code(vector: u8, code: u32) -> Self {
        Self(Self::exception(vector).0 | Self::HAS_CODE | (code as u64) << 32)
    }

    /// Whether it is one.
    pub const fn is_valid(self) -> bool {
        self.0 & Self::VALID != 0
    }

    /// Whether it is an external interrupt.
    pub const fn is_interrupt(self) -> bool {
        self.is_valid() && self.kind() == Self::interrupt(0).kind()
    }

    /// Whether it is a non-maskable interrupt.
    pub const fn is_non_maskable(self) -> bool {
        self.is_valid() && self.kind() == Self::non_maskable().kind()
    }

    /// Its vector.
    pub const fn vector(self) -> u8 {
        self.0 as u8
    }

    /// Its kind.
    pub const fn kind(self) -> u64 {
        self.0 >> Self::KIND_SHIFT & 7
    }
}

/// Label of the reply to an exit: what becomes of the guest.
///
/// | bits | meaning |
/// |---|---|
/// | 0..8 | 0: it goes on; 1: it stays stopped until somebody resumes its process |
/// | 8 | word 0 is the new RAX |
/// | 9 | words 0 to 3 are the new RAX, RBX, RCX, RDX |
/// | 10 | word 4 is the [`Event`] to inject; no event takes away what would have been |
/// | 11 | leave it as soon as an interrupt can be injected; without this bit, do not |
/// | 12 | word 5 has [`StateGroups`] whose values follow from word [`MESSAGE_REGISTERS`] on |
/// | 13 | words 0 and 3 are the new RAX and RDX |
/// | 16..20 | so many bytes of instruction are done: RIP moves on, and nothing holds interrupts off |
///
/// General registers are set in this order, so groups have the last word; RIP moves on first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestVerdict(pub u32);

impl GuestVerdict {
    /// It goes on as it is.
    pub const RESUME: Self = Self(0);
    /// It stays stopped.
    pub const STOP: Self = Self(1);
    /// Bit 8.
    pub const SET_RAX: u32 = 1 << 8;
    /// Bit 9.
    pub const SET_FOUR: u32 = 1 << 9;
    /// Bit 10.
    pub const INJECT: u32 = 1 << 10;
    /// Bit 11.
    pub const WINDOW: u32 = 1 << 11;
    /// Bit 12.
    pub const GROUPS: u32 = 1 << 12;
    /// Bit 13.
    pub const SET_PAIR: u32 = 1 << 13;
    const ADVANCE_SHIFT: u32 = 16;

    /// The same with `flags`.
    #[must_use]
    pub const fn with(self, flags: u32) -> Self {
        Self(self.0 | flags)
    }

    /// The same, with an instruction of `bytes` bytes, at most 15, done.
    #[must_use]
    pub const fn after(self, bytes: u8) -> Self {
        Self(self.0 & !(15 << Self::ADVANCE_SHIFT) | (bytes as u32 & 15) << Self::ADVANCE_SHIFT)
    }

    /// Whether it has all of `flags`.
    pub const fn has(self, flags: u32) -> bool {
        self.0 & flags == flags
    }

    /// Bytes of instruction that are done.
    pub const fn bytes_done(self) -> u64 {
        (self.0 >> Self::ADVANCE_SHIFT & 15) as u64
    }

    /// Whether the guest goes on.
    pub const fn is_resumption(self) -> bool {
        self.0 & 0xff == 0
    }
}
