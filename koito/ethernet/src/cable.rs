//! A cable: two rings of frames in memory that the owner of a port shares with the switch.
//!
//! Each end counts the frames that it sent and those that it took, tells the other so in the memory, and
//! believes nothing but its own counts: what the other tells can cost frames of this cable, nothing else.
//! Either end may be given up at any moment; who takes it over begins where the other end is, and what was on
//! its way is lost, as on any cable. Counts that cannot be are settled in the same way.
//!
//! # Layout, in bytes
//! | bytes | written by | what |
//! |---|---|---|
//! | 0, 8 | client | frames sent; frames taken |
//! | 16 | both | not 0 while the client waits for room |
//! | 24 | client | 1 once the client has been there |
//! | 64, 72 | switch | frames sent; frames taken |
//! | 4096 on | client | [`SLOTS`] frames |
//! | behind these | switch | [`SLOTS`] frames |
//!
//! A frame is its length, a word, and its bytes, in a slot of 1536.

use core::sync::atomic::{Ordering, fence};

use nun::mapped::Mapped;

use crate::MOST_FRAME;

/// Frames that can be on their way in each direction.
pub const SLOTS: usize = 64;
/// Bytes of memory that a cable needs.
pub const CABLE_BYTES: usize = RINGS + 2 * RING_BYTES;

/// Frames that are sent and not taken, at most.
const MOST_SENT: u64 = SLOTS as u64;
const SLOT_BYTES: usize = 1536;
const RING_BYTES: usize = SLOTS * SLOT_BYTES;
/// Where the rings begin.
const RINGS: usize = 4096;
/// Where a frame begins in its slot.
const FRAME: usize = size_of::<u64>();
/// Words of the layout.
const WAITS: usize = 16;
const PLUGGED: usize = 24;
const SWITCH: usize = 64;
/// Of the words of an end: frames sent, frames taken.
const SENT: usize = 0;
const TAKEN: usize = 8;

const _: () = assert!(FRAME + MOST_FRAME <= SLOT_BYTES, "a frame has room in a slot");

/// Memory that another process may write to at any time.
pub trait CableMemory {
    /// Its length.
    fn bytes(&self) -> usize;
    /// The word at `offset` bytes.
    fn read(&self, offset: usize) -> u64;
    /// Writes the word at `offset` bytes.
    fn write(&self, offset: usize, value: u64);
    /// Copies `bytes` to `offset`.
    fn copy_from(&self, offset: usize, bytes: &[u8]);
    /// Fills `bytes` with what is at `offset`.
    fn copy_to(&self, offset: usize, bytes: &mut [u8]);
}

impl CableMemory for Mapped {
    fn bytes(&self) -> usize {
        Self::bytes(self)
    }

    fn read(&self, offset: usize) -> u64 {
        Self::read(self, offset)
    }

    fn write(&self, offset: usize, value: u64) {
        Self::write(self, offset, value);
    }

    fn copy_from(&self, offset: usize, bytes: &[u8]) {
        Self::copy_from(self, offset, bytes);
    }

    fn copy_to(&self, offset: usize, bytes: &mut [u8]) {
        Self::copy_to(self, offset, bytes);
    }
}

/// Which end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// That of the owner of a port.
    Client,
    /// That of the switch.
    Switch,
}

impl Side {
    const fn words(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Switch => SWITCH,
        }
    }

    const fn ring(self) -> usize {
        match self {
            Self::Client => RINGS,
            Self::Switch => RINGS + RING_BYTES,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Switch,
            Self::Switch => Self::Client,
        }
    }
}

/// An end of a cable.
#[derive(Debug)]
pub struct Cable<M = Mapped> {
    memory: M,
    side: Side,
    sent: u64,
    taken: u64,
}

impl<M: CableMemory> Cable<M> {
    /// Takes over the end `side` of the cable in `memory`; `None` if that is too short for one.
    pub fn new(memory: M, side: Side) -> Option<Self> {
        if memory.bytes() < CABLE_BYTES {
            return None;
        }
        let sent = memory.read(side.other().words() + TAKEN);
        let taken = memory.read(side.other().words() + SENT);
        let it = Self { memory, side, sent, taken };
        it.tell(side.words() + SENT, sent);
        it.tell(side.words() + TAKEN, taken);
        if side == Side::Client {
            it.tell(PLUGGED, 1);
        }
        Some(it)
    }

    /// Whether a client was ever at the other end, or is at this one.
    pub fn is_plugged(&self) -> bool {
        self.memory.read(PLUGGED) != 0
    }

    /// How many frames can be sent now.
    pub fn room(&self) -> usize {
        SLOTS - self.under_way().unwrap_or(0)
    }

    /// Sends `frame`, of at most [`MOST_FRAME`] bytes. Whether there was room. Without it, too, this end tells
    /// once more how far it is: who takes the other end over believes that word, and anybody may have written
    /// over it.
    pub fn send(&mut self, frame: &[u8]) -> bool {
        match self.under_way() {
            None => self.sent = self.look(self.side.other().words() + TAKEN),
            Some(SLOTS) => {
                self.tell(self.side.words() + SENT, self.sent);
                return false;
            }
            Some(_) => {}
        }
        if frame.len() > MOST_FRAME {
            return false;
        }
        let slot = slot(self.side, self.sent);
        self.memory.write(slot, frame.len() as u64);
        self.memory.copy_from(slot + FRAME, frame);
        self.sent = self.sent.wrapping_add(1);
        self.tell(self.side.words() + SENT, self.sent);
        true
    }

    /// Whether the other end has sent something.
    pub fn has_frame(&self) -> bool {
        self.look(self.side.other().words() + SENT) != self.taken
    }

    /// Takes the next frame: its length in `frame`, which is 0 for one that cannot be.
    pub fn receive(&mut self, frame: &mut [u8; MOST_FRAME]) -> Option<usize> {
        let sent = self.look(self.side.other().words() + SENT);
        let slot = slot(self.side.other(), self.taken);
        let length = match sent.wrapping_sub(self.taken) {
            0 => return None,
            1..=MOST_SENT => {
                self.taken = self.taken.wrapping_add(1);
                let length = self.memory.read(slot).try_into().unwrap_or(usize::MAX);
                let bytes = frame.get_mut(..length);
                Some(bytes.map_or(0, |bytes| {
                    self.memory.copy_to(slot + FRAME, bytes);
                    length
                }))
            }
            // Nobody who is in his senses sends more than there is room for.
            _ => {
                self.taken = sent;
                None
            }
        };
        self.tell(self.side.words() + TAKEN, self.taken);
        length
    }

    /// Waits for room, at the client's end: as soon as there is some the switch rings. Whether there is
    /// some already.
    pub fn wait_for_room(&self) -> bool {
        self.memory.write(WAITS, 1);
        // Either this end sees the room, or the other one that it is waited for.
        fence(Ordering::SeqCst);
        self.room() > 0
    }

    /// Whether the client waited for room, at the switch's end. It is rung once.
    pub fn is_waited_for(&self) -> bool {
        fence(Ordering::SeqCst);
        let waits = self.memory.read(WAITS) != 0;
        if waits {
            self.memory.write(WAITS, 0);
        }
        waits
    }

    /// How many frames the other end did not take yet; `None` if what it tells cannot be.
    fn under_way(&self) -> Option<usize> {
        let taken = self.look(self.side.other().words() + TAKEN);
        Some(self.sent.wrapping_sub(taken)).filter(|it| *it <= MOST_SENT).map(|it| it as usize)
    }

    fn look(&self, word: usize) -> u64 {
        let value = self.memory.read(word);
        // What the writer wrote before is read after it.
        fence(Ordering::Acquire);
        value
    }

    fn tell(&self, word: usize, value: u64) {
        fence(Ordering::Release);
        self.memory.write(word, value);
    }
}

/// Where frame `number` lies that `side` sends.
const fn slot(side: Side, number: u64) -> usize {
    side.ring() + (number % MOST_SENT) as usize * SLOT_BYTES
}
