//! Devices, as far as the kernel reaches them for user-level drivers: interrupts and I/O ports.

/// Bits moved by one access to an I/O port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortWidth {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
    /// 32 bits.
    Double,
}

impl PortWidth {
    /// The width of so many bits.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            8 => Self::Byte,
            16 => Self::Word,
            32 => Self::Double,
            _ => return None,
        })
    }

    /// Ports that an access covers.
    pub const fn ports(self) -> u16 {
        match self {
            Self::Byte => 1,
            Self::Word => 2,
            Self::Double => 4,
        }
    }
}

/// A source of interrupts: a line of an interrupt controller, or a message that a device writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interrupt {
    /// Line by global number.
    Line(u8),
    /// Message-signalled interrupt by number.
    Message(u8),
}

impl Interrupt {
    /// How many there can be at most.
    pub const COUNT: u64 = 512;

    /// A number for it below [`COUNT`](Self::COUNT).
    pub const fn number(self) -> u64 {
        match self {
            Self::Line(line) => line as u64,
            Self::Message(message) => 256 + message as u64,
        }
    }
}

/// What a device writes, and where, to raise a message-signalled interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InterruptMessage {
    /// Address on the memory bus.
    pub address: u64,
    /// What to write there.
    pub data: u64,
}

/// A machine's interrupts and I/O ports. Every interrupt is masked until it is unmasked.
pub trait Devices {
    /// Whether the machine has this interrupt.
    fn has_interrupt(&self, interrupt: Interrupt) -> bool;

    /// Lets `interrupt` come in. A line is masked again when it does, until this is called once
    /// more; a message is not.
    fn unmask(&self, interrupt: Interrupt);

    /// Keeps `interrupt` from coming in.
    fn mask(&self, interrupt: Interrupt);

    /// What raises `interrupt`, if it is a message that the machine has.
    fn message(&self, interrupt: Interrupt) -> Option<InterruptMessage>;

    /// Reads from an I/O port; all ones where the machine has no ports.
    fn read_port(&self, port: u16, width: PortWidth) -> u32;

    /// Writes to an I/O port.
    fn write_port(&self, port: u16, width: PortWidth, value: u32);
}
