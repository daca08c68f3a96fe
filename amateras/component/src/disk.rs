//! The guest's disk: what its driver wants goes to KOITO's driver of a disk that is the guest's alone.
//!
//! Up to [`REQUESTS`] are under way at a time, each with a part of the memory that is shared with KOITO's
//! driver. The guest runs on meanwhile. What was flushed was flushed by the disk itself, and a driver of
//! KOITO's that dies is no failure: its next instance is asked again.

use core::cell::Cell;
use core::convert::Infallible;

use amateras_devices::GuestMemory;
use amateras_devices::virtio::{Block, BlockSize, Kind, MOST_BLOCK_BYTES, Operation, Request};
use koito::services::{DiskAsync, DiskClient, DiskError, Stretch};
use koito::{Environment, Missing};
use nun::channel::ClientEnd;
use nun::executor::until;
use nun::mapped::Mapped;
use nun::service::Failure;

use crate::desk::Desk;

/// Requests that can be under way.
pub const REQUESTS: usize = 4;
/// What the services are called, of which a virtual machine uses one.
const SERVICES: [&str; 2] = ["guest-disk-1", "guest-disk-2"];
/// Bytes that are copied at once between the guest's memory and the shared one.
const PIECE: usize = 4096;

/// A disk that is there.
pub struct Disk {
    /// What the guest sees of it.
    pub block: Block,
    end: ClientEnd,
    shared: Mapped,
    /// For each request under way, after how many resets of the device it came.
    under_way: Cell<[Option<u64>; REQUESTS]>,
}

impl Disk {
    /// The one that the manifest gives and the machine has, if there is one.
    pub fn find(environment: &Environment) -> Result<Option<Self>, Missing> {
        let given = |name: &&'static str| environment.service(name).is_ok();
        let Some(name) = SERVICES.into_iter().find(given) else { return Ok(None) };
        let Ok(geometry) = DiskClient::new(environment.service(name)?).geometry() else {
            return Ok(None);
        };
        let size = BlockSize { sectors: geometry.sectors, read_only: geometry.read_only };
        Ok(Some(Self {
            block: Block::new(size, name),
            end: environment.channel(name)?,
            shared: environment.bulk(|channel| channel.to.as_deref() == Some(name))?,
            under_way: Cell::default(),
        }))
    }

    /// Carries out requests in place `place`, one after the other.
    pub async fn work(&self, desk: &Desk<'_>, place: usize) -> Infallible {
        loop {
            let (request, writes_through) = until(|| self.begin(desk, place)).await;
            let done = self.carry_out(place, &request, writes_through).await.is_ok();
            desk.with(Kind::Block, |transport, memory| {
                let stale = request.is_stale(transport);
                let done = done && !stale && self.deliver(memory, place, &request);
                self.block.finish(transport, memory, &request, done);
            });
            self.note(place, None);
        }
    }

    /// Takes the next request, and what is to be written out of the guest's memory; says whether that has to
    /// last at once. While requests from before a reset are under way there is none: they could overtake it.
    fn begin(&self, desk: &Desk<'_>, place: usize) -> Option<(Request, bool)> {
        desk.with(Kind::Block, |transport, memory| {
            let now = transport.resets();
            if self.under_way.get().iter().flatten().any(|resets| *resets != now) {
                return None;
            }
            let request = self.block.next(transport, memory)?;
            self.note(place, Some(now));
            self.collect(memory, place, &request);
            Some((request, Block::writes_through(transport)))
        })?
    }

    async fn carry_out(
        &self,
        place: usize,
        request: &Request,
        writes_through: bool,
    ) -> Result<(), Failure<DiskError>> {
        let client = DiskAsync::new(&self.end);
        let stretch = |bytes: usize| Stretch {
            sector: request.sector,
            bytes: bytes as u64,
            place: part(place, 0) as u64,
        };
        match request.operation {
            Operation::Read(bytes) => client.read(stretch(bytes)).await,
            Operation::Write(bytes) => {
                client.write(stretch(bytes)).await?;
                if writes_through { client.flush().await } else { Ok(()) }
            }
            Operation::Flush => client.flush().await,
        }
    }

    /// Puts what is to be written where KOITO's driver finds it. What cannot be read is zero.
    fn collect(&self, memory: &dyn GuestMemory, place: usize, request: &Request) {
        let Operation::Write(bytes) = request.operation else { return };
        let mut buffer = [0; PIECE];
        for (offset, length) in pieces(bytes) {
            let piece = &mut buffer[..length];
            request.contents(memory, offset, piece);
            self.shared.copy_from(part(place, offset), piece);
        }
    }

    /// Hands over what KOITO's driver has read. Whether there was room.
    fn deliver(&self, memory: &mut dyn GuestMemory, place: usize, request: &Request) -> bool {
        let Operation::Read(bytes) = request.operation else { return true };
        let mut buffer = [0; PIECE];
        pieces(bytes).all(|(offset, length)| {
            let piece = &mut buffer[..length];
            self.shared.copy_to(part(place, offset), piece);
            request.deliver(memory, offset, piece)
        })
    }

    fn note(&self, place: usize, resets: Option<u64>) {
        let mut under_way = self.under_way.get();
        if let Some(to) = under_way.get_mut(place) {
            *to = resets;
        }
        self.under_way.set(under_way);
    }
}

/// Where byte `offset` of the request in `place` lies in the shared memory.
const fn part(place: usize, offset: usize) -> usize {
    place * MOST_BLOCK_BYTES + offset
}

/// `bytes` bytes in pieces: where each begins, and its length.
fn pieces(bytes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..bytes).step_by(PIECE).map(move |offset| (offset, PIECE.min(bytes - offset)))
}
