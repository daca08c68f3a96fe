//! Threads of the server, and which of their ports programs call.
//!
//! A program's thread calls the port of the processor that it runs on: there the kernel hands a message over in a few
//! instructions. Any other port would do as well, and does while a thread moves.

use koito::conventions::slot;
use koito_posix_core::PAGE_BYTES;
use nun::arch::RETURN_ADDRESS_BYTES;
use nun::mapped::Mapped;
use nun::thread::expect_several;
use nun::{Descriptor, Error, Frame, IpcPort, NotificationPort, Pcb, Rights, aci};

use super::objects::{Body, IDENTIFIER, Objects, own_space, root};
use super::placement::URGENT;

/// Bytes of a thread's stack, and their logarithm. Below it nothing is mapped.
const STACK_BITS: u64 = 18;
const STACK_BYTES: u64 = 1 << STACK_BITS;
/// Where the memory of threads lies, behind that of programs, and how far one's is from the next's.
const ADDRESS: u64 = aci::WORKSPACE_ADDRESS + (1 << 34);
const DISTANCE: u64 = 1 << 20;
/// Logarithm of the bytes of a page.
const PAGE_BITS: u64 = PAGE_BYTES.trailing_zeros() as u64;

/// What a thread of the server has to itself.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// The port that it serves.
    pub port: IpcPort,
    /// An empty slot, for a Reply.
    pub spare: u64,
}

/// Bits of the number of a slot.
const SLOT_BITS: u32 = 32;

impl Seat {
    /// What [`Objects::start_thread`] told a thread.
    pub const fn from_argument(argument: u64) -> Self {
        let port = IpcPort::slot(argument & ((1 << SLOT_BITS) - 1));
        Self { port, spare: argument >> SLOT_BITS }
    }

    fn argument(self) -> u64 {
        self.port.descriptor().index() | self.spare << SLOT_BITS
    }
}

/// Which thread of the server hears of a body.
#[derive(Clone, Copy, Debug)]
pub struct Resolver {
    cpu: u8,
    /// The slot of the capability in use, and an empty one.
    slots: [u64; 2],
}

impl Objects {
    /// What the first thread has to itself. Nobody has a port before that.
    pub fn first_seat(&mut self) -> Result<Seat, Error> {
        let seat = Seat { port: IpcPort::slot(slot::SERVED), spare: self.take_slot()? };
        self.ports.push(seat.port);
        Ok(seat)
    }

    /// A Notification Port: the slots of a capability to wait at it, and one to signal it.
    pub fn make_bell(&mut self) -> Result<[u64; 2], Error> {
        let (bell, rung): (NotificationPort, u64) = (self.make(0)?, self.take_slot()?);
        root().mint(rung, bell, Rights::WRITE, 1)?;
        Ok([bell.descriptor().index(), rung])
    }

    /// Starts a thread on processor `cpu`; those before it have theirs. It runs `entry`, which is told what it has to
    /// itself. If it fails, the root server hears of it as of the first one.
    pub fn start_thread(
        &mut self,
        cpu: usize,
        entry: extern "C" fn(u64) -> !,
    ) -> Result<(), Error> {
        let stack_at = ADDRESS + cpu as u64 * DISTANCE;
        let block_at = stack_at + STACK_BYTES;
        let buffer_at = block_at + PAGE_BYTES;
        let mut map = |bits, address| {
            let frame: Frame = self.make(bits)?;
            self.map_own(frame, address).map(|()| frame)
        };
        map(STACK_BITS, stack_at)?;
        map(PAGE_BITS, block_at)?;
        let buffer = map(PAGE_BITS, buffer_at)?;
        let (port, spare): (IpcPort, u64) = (self.make(0)?, self.take_slot()?);
        self.ports.push(port);
        let pcb: Pcb = self.make(0)?;
        let block = Mapped::in_workspace(block_at, PAGE_BYTES);
        block.write(aci::thread::ITSELF, block_at);
        block.write(aci::thread::BUFFER, buffer_at);
        block.write(aci::thread::PROCESS, pcb.descriptor().0);

        expect_several();
        pcb.configure_spaces(own_space(), root(), buffer)?;
        pcb.configure_ports(IpcPort::slot(aci::slot::SUPERVISOR), Descriptor::NULL)?;
        let stack_top = block_at - RETURN_ADDRESS_BYTES;
        let seat = Seat { port, spare };
        pcb.configure_entry(entry as *const () as u64, stack_top, block_at, seat.argument())?;
        pcb.configure_schedule(URGENT.into(), cpu as u64, 0)?;
        pcb.resume()
    }

    /// Has the thread of processor `cpu` hear of a body from now on.
    pub(super) fn set_resolver(&mut self, body: Body, cpu: u8) -> Result<(), Error> {
        let Resolver { cpu: now, slots: [used, spare] } = self.resolvers[body.number as usize];
        if now != cpu {
            self.resolvers[body.number as usize] = self.resolve(body, cpu, [spare, used])?;
            root().remove(used)?;
        }
        Ok(())
    }

    /// The same for the first time, by a capability in the first of these slots, which is empty.
    pub(super) fn resolve(&self, body: Body, cpu: u8, slots: [u64; 2]) -> Result<Resolver, Error> {
        let identifier = IDENTIFIER | u64::from(body.number);
        let port = self.ports[usize::from(cpu)];
        root().mint(slots[0], port, Rights::WRITE | Rights::COPY, identifier)?;
        body.pcb.configure_ports(IpcPort::slot(slots[0]), Descriptor::NULL)?;
        Ok(Resolver { cpu, slots })
    }
}
