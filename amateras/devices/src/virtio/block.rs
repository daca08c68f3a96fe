//! A disk (VIRTIO 1.2, section 5.2): requests taken apart, and answered.
//!
//! Where the sectors are is not its business: [`next`](Block::next) says what is to be done, whoever has the
//! sectors does it, as many requests at a time as it likes, and says so by [`finish`](Block::finish).

use super::chain::Chain;
use super::layout::OWN_BYTES;
use super::queue::{MOST_ENTRIES, Malformed};
use super::transport::{Description, Kind, Transport};
use crate::GuestMemory;

/// Bytes of a sector.
pub const SECTOR_BYTES: u64 = 512;
/// Most bytes of a request: so many buffers, each at most a page.
pub const MOST_BYTES: usize = MOST_SEGMENTS as usize * SEGMENT_BYTES as usize;
const MOST_SEGMENTS: u32 = 16;
const SEGMENT_BYTES: u32 = 4096;
/// The only queue.
const QUEUE: usize = 0;
/// Mass storage that is none of the kinds before.
const CLASS: u32 = 0x01_80_00;
/// What precedes every request: its type, and its first sector.
const HEADER_BYTES: u64 = 16;
/// Bytes of a name.
const NAME_BYTES: u64 = 20;

/// Features.
mod feature {
    pub const SEGMENT_BYTES: u64 = 1 << 1;
    pub const SEGMENTS: u64 = 1 << 2;
    pub const READ_ONLY: u64 = 1 << 5;
    pub const SECTOR_BYTES: u64 = 1 << 6;
    pub const FLUSH: u64 = 1 << 9;
}

/// Types of requests.
mod request {
    pub const READ: u32 = 0;
    pub const WRITE: u32 = 1;
    pub const FLUSH: u32 = 4;
    pub const NAME: u32 = 8;
}

/// What a request is answered.
mod status {
    pub const DONE: u8 = 0;
    pub const FAILED: u8 = 1;
    pub const UNSUPPORTED: u8 = 2;
}

/// How large a disk is, and whether it can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSize {
    /// Number of sectors.
    pub sectors: u64,
    /// Nothing can be written.
    pub read_only: bool,
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sectors: so many bytes of them.
    Read(usize),
    /// To write so many bytes.
    Write(usize),
    /// To have lasting what was written.
    Flush,
}

/// A request under way.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it wants.
    pub operation: Operation,
    /// The first sector. All are on the disk.
    pub sector: u64,
    chain: Chain,
    /// After how many resets it came.
    resets: u64,
}

impl Request {
    /// Fills `bytes` with what is to be written, from `offset` on. Whether so much was there.
    pub fn contents(
        &self,
        memory: &(impl GuestMemory + ?Sized),
        offset: usize,
        bytes: &mut [u8],
    ) -> bool {
        self.chain.read(memory, HEADER_BYTES + offset as u64, bytes).is_ok()
    }

    /// Hands over what was read, from `offset` on. Whether there was room.
    pub fn deliver(
        &self,
        memory: &mut (impl GuestMemory + ?Sized),
        offset: usize,
        bytes: &[u8],
    ) -> bool {
        self.chain.write(memory, offset as u64, bytes).is_ok()
    }

    /// Whether the device was reset since: then nobody waits for it, and its memory is somebody else's.
    pub const fn is_stale(&self, transport: &Transport) -> bool {
        self.resets != transport.resets()
    }
}

/// A disk.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    size: BlockSize,
    name: [u8; NAME_BYTES as usize],
}

impl Block {
    /// One of this size, with a name of up to 20 bytes.
    pub fn new(size: BlockSize, name: &str) -> Self {
        let mut bytes = [0; NAME_BYTES as usize];
        for (to, byte) in bytes.iter_mut().zip(name.bytes()) {
            *to = byte;
        }
        Self { size, name: bytes }
    }

    /// The device for the bus.
    pub fn description(&self) -> Description {
        let mut own = [0; OWN_BYTES];
        let mut put = |offset: usize, bytes: &[u8]| {
            own.iter_mut().skip(offset).zip(bytes).for_each(|(to, byte)| *to = *byte);
        };
        put(0, &self.size.sectors.to_le_bytes());
        put(8, &SEGMENT_BYTES.to_le_bytes());
        put(12, &MOST_SEGMENTS.to_le_bytes());
        put(20, &(SECTOR_BYTES as u32).to_le_bytes());
        let always =
            feature::SEGMENT_BYTES | feature::SEGMENTS | feature::SECTOR_BYTES | feature::FLUSH;
        let features = if self.size.read_only { always | feature::READ_ONLY } else { always };
        Description { kind: Kind::Block, class: CLASS, features, queues: 1, own }
    }

    /// Whether what is written has to last at once, since the driver will not ask for a flush.
    pub const fn writes_through(transport: &Transport) -> bool {
        !transport.has(feature::FLUSH)
    }

    /// The next request that somebody has to carry out. What can be answered here is, as many of these as a
    /// queue has room for: a guest that goes on making them waits for its turn.
    pub fn next(
        &self,
        transport: &mut Transport,
        memory: &mut (impl GuestMemory + ?Sized),
    ) -> Option<Request> {
        for _ in 0..MOST_ENTRIES {
            let chain = transport.take(QUEUE, memory)?;
            match self.examine(&chain, memory) {
                Ok((operation, sector)) => {
                    let resets = transport.resets();
                    return Some(Request { operation, sector, chain, resets });
                }
                Err(Answer::Malformed) => return transport.refuse(Malformed::Request),
                Err(Answer::Status(status)) => give_back(transport, memory, &chain, 0, status),
                Err(Answer::Name) => {
                    let room = chain.writable() - 1;
                    let name = self.name.get(..room.min(NAME_BYTES) as usize).unwrap_or_default();
                    let fits = chain.write(memory, 0, name).is_ok();
                    let status = if fits { status::DONE } else { status::FAILED };
                    give_back(transport, memory, &chain, name.len(), status);
                }
            }
        }
        None
    }

    /// Answers `request`: whether it went well.
    pub fn finish(
        &self,
        transport: &mut Transport,
        memory: &mut (impl GuestMemory + ?Sized),
        request: &Request,
        done: bool,
    ) {
        if request.is_stale(transport) {
            return;
        }
        let written = match request.operation {
            Operation::Read(bytes) if done => bytes,
            _ => 0,
        };
        let status = if done { status::DONE } else { status::FAILED };
        give_back(transport, memory, &request.chain, written, status);
    }

    /// What a chain asks for, or what it is answered at once.
    fn examine(
        &self,
        chain: &Chain,
        memory: &(impl GuestMemory + ?Sized),
    ) -> Result<(Operation, u64), Answer> {
        let mut header = [0; HEADER_BYTES as usize];
        chain.read(memory, 0, &mut header).map_err(|_| Answer::Malformed)?;
        let room = chain.writable().checked_sub(1).ok_or(Answer::Malformed)?;
        let [t0, t1, t2, t3, _, _, _, _, sector @ ..] = header;
        let sector = u64::from_le_bytes(sector);
        let (operation, bytes) = match u32::from_le_bytes([t0, t1, t2, t3]) {
            request::READ => (Operation::Read(room as usize), room),
            request::WRITE => {
                let bytes = chain.readable() - HEADER_BYTES;
                (Operation::Write(bytes as usize), bytes)
            }
            request::FLUSH => return Ok((Operation::Flush, 0)),
            request::NAME => return Err(Answer::Name),
            _ => return Err(Answer::Status(status::UNSUPPORTED)),
        };
        let end = sector.checked_add(bytes / SECTOR_BYTES);
        let is_there = end.is_some_and(|end| end <= self.size.sectors);
        let fits = bytes.is_multiple_of(SECTOR_BYTES) && (1..=MOST_BYTES as u64).contains(&bytes);
        let may = !(self.size.read_only && matches!(operation, Operation::Write(_)));
        if is_there && fits && may {
            Ok((operation, sector))
        } else {
            Err(Answer::Status(status::FAILED))
        }
    }
}

/// What can be said to a request at once.
enum Answer {
    /// That it is none.
    Malformed,
    /// This status.
    Status(u8),
    /// The name of the disk.
    Name,
}

/// Gives back a chain whose last writable byte is the status.
fn give_back(
    transport: &mut Transport,
    memory: &mut (impl GuestMemory + ?Sized),
    chain: &Chain,
    written: usize,
    status: u8,
) {
    // A chain without room for a status was refused; the rest lay in memory when it was taken.
    let _ = chain.write(memory, chain.writable().saturating_sub(1), &[status]);
    transport.put(QUEUE, memory, chain, written as u32 + 1);
}
