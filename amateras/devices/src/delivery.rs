//! An interrupt on its way to the processors: who gets it, and as what (Intel SDM, volume 3, sections
//! 11.6, 11.11).

/// An interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// For whom it is.
    pub to: Destination,
    /// What it is.
    pub kind: Kind,
    /// Its vector; of [`Kind::Start`], the page where to start.
    pub vector: u8,
    /// It comes from a line that is a request as long as it is high: its end is told.
    pub is_level: bool,
}

/// For whom an interrupt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The processor whose controller has this number; 255 is all of them.
    Physical(u8),
    /// Those whose logical number matches.
    Logical(u8),
    /// Who sends it.
    Sender,
    /// All.
    All,
    /// All but who sends it.
    Others,
}

/// What an interrupt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An interrupt for each.
    Fixed,
    /// An interrupt for one of them.
    Lowest,
    /// Ask the old controllers which.
    External,
    /// Reset the processor, which then waits to be started.
    Init,
    /// Start a processor that waits for that.
    Start,
    /// One of those that nobody sends here: for system management, or not maskable.
    Other,
}

impl Kind {
    const fn of(number: u32) -> Self {
        match number & 7 {
            0 => Self::Fixed,
            1 => Self::Lowest,
            5 => Self::Init,
            6 => Self::Start,
            7 => Self::External,
            _ => Self::Other,
        }
    }
}

/// The destination is a logical one. The line is level-triggered; it rises.
const LOGICAL: u32 = 1 << 11;
const RISES: u32 = 1 << 14;
const LEVEL: u32 = 1 << 15;

impl Delivery {
    /// What a line's entry in an I/O APIC says, and the destination from its other half.
    pub const fn of_entry(entry: u32, destination: u8) -> Self {
        let to = match entry & LOGICAL {
            0 => Destination::Physical(destination),
            _ => Destination::Logical(destination),
        };
        let (kind, vector) = (Kind::of(entry >> 8), entry as u8);
        Self { to, kind, vector, is_level: entry & LEVEL != 0 }
    }

    /// What a processor's interrupt command says. `None` if nobody is to be told: an *init* ends.
    pub const fn of_command(command: u32, destination: u8) -> Option<Self> {
        let Self { to, kind, vector, .. } = Self::of_entry(command, destination);
        let to = match command >> 18 & 3 {
            0 => to,
            1 => Destination::Sender,
            2 => Destination::All,
            _ => Destination::Others,
        };
        let ends = command & (LEVEL | RISES) == LEVEL && matches!(kind, Kind::Init);
        if ends { None } else { Some(Self { to, kind, vector, is_level: false }) }
    }

    /// What a device says by writing `data` to `address`. `None` if the address is none for that.
    pub const fn of_message(address: u64, data: u32) -> Option<Self> {
        if address >> 20 != 0xfee {
            return None;
        }
        let logical = (address as u32 & 1 << 2) << 9;
        let entry = data & 0xff | data & 7 << 8 | logical;
        Some(Self::of_entry(entry, (address >> 12) as u8))
    }
}
