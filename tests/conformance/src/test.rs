//! What a case works with: an arena, and threads.

use core::array;
use core::ops::{Deref, DerefMut};

use a9n_cases::{Arena, Failure, READ_WRITE, Surroundings, Verdict, check_eq, index};
use nun::entry::Stack;
use nun::mapped::Mapped;
use nun::{
    Access, Descriptor, Error, Fault, FaultReason, Frame, InitInfo, IpcPort, NotificationPort, Pcb,
    Received, Rights, Window, aci, buffer, ticks,
};

use crate::cells;

/// Priority of init while a case runs.
const HIGHEST: u64 = 255;
/// Priority of threads that ask for no other.
pub const USUAL: u8 = 100;
/// Slots that one case can use.
const SLOTS: u64 = 768;
/// Threads that one case can use.
const THREADS: usize = 8;

static STACKS: [Stack<16384>; THREADS] = [const { Stack::new() }; THREADS];

/// First instruction of a thread. It gets a number, and ends in [`park`].
pub type Body = extern "C" fn(u64) -> !;

/// The surroundings of a case.
pub struct Test {
    arena: Arena,
    threads: usize,
}

impl Test {
    pub fn new(init: &'static InitInfo) -> Result<Self, Error> {
        let mut arena = Arena::new(init, SLOTS)?;
        // Where parked threads wait for ever.
        let parking: NotificationPort = arena.resources.make(0)?;
        cells::set(PARKING, parking.descriptor().index());
        Ok(Self { arena, threads: 0 })
    }

    /// Init's own PCB.
    pub fn own_pcb(&self) -> Pcb {
        Pcb::slot(aci::slot::PROCESS)
    }

    /// Maps all of a frame of `pages` pages at `address`.
    pub fn map_at(
        &mut self,
        frame: Frame,
        address: u64,
        pages: u64,
        access: Access,
    ) -> Result<Window, Error> {
        let space = self.space();
        self.map(space, frame, address, pages, access)
    }

    /// Makes a window of `frame` around `pages` pages at `address`.
    pub fn attach(&mut self, frame: Frame, address: u64, pages: u64) -> Result<Window, Error> {
        let space = self.space();
        self.arena.attach(space, frame, address, pages)
    }

    /// A page of memory, mapped: the frame, its window, and its content.
    pub fn page(&mut self, access: Access) -> Result<(Frame, Window, Mapped), Error> {
        let (frame, address) = (self.make(12)?, self.room(1));
        let window = self.map_at(frame, address, 1, access)?;
        Ok((frame, window, Mapped::in_workspace(address, 4096)))
    }

    /// A stopped thread that will run `body(argument)` with the usual priority.
    pub fn thread(&mut self, body: Body, argument: u64) -> Result<Pcb, Error> {
        let pcb = self.bare_thread(body, argument)?;
        let (frame, _, _) = self.page(READ_WRITE)?;
        pcb.configure_spaces(Descriptor::NULL, Descriptor::NULL, frame)?;
        Ok(pcb)
    }

    /// The same without an IPC buffer.
    pub fn bare_thread(&mut self, body: Body, argument: u64) -> Result<Pcb, Error> {
        let pcb: Pcb = self.make(0)?;
        let stack = STACKS[self.threads].top();
        self.threads += 1;
        pcb.configure_spaces(self.space(), self.node(), Descriptor::NULL)?;
        pcb.configure_entry(body as usize as u64, stack, 0, argument)?;
        pcb.configure_schedule(USUAL.into(), 0, 0)?;
        Ok(pcb)
    }

    /// Starts a thread of the usual priority. It runs when init waits, or lets it.
    pub fn start(&mut self, body: Body, argument: u64) -> Result<Pcb, Error> {
        let pcb = self.thread(body, argument)?;
        pcb.resume()?;
        Ok(pcb)
    }

    /// Starts a thread on the last CPU. Where there is but one, it runs when init waits.
    pub fn start_far(&mut self, body: Body, argument: u64) -> Result<Pcb, Error> {
        let pcb = self.thread(body, argument)?;
        pcb.configure_schedule(USUAL.into(), self.far(), 0)?;
        pcb.resume()?;
        Ok(pcb)
    }

    /// Starts a thread whose faults come to the port in the answer, as those of process 77.
    pub fn start_watched(&mut self, body: Body, argument: u64) -> Result<(Pcb, IpcPort), Error> {
        let port: IpcPort = self.make(0)?;
        let resolver = self.mint(port, Rights::all(), 77)?;
        let pcb = self.thread(body, argument)?;
        pcb.configure_ports(resolver, Descriptor::NULL)?;
        pcb.resume()?;
        Ok((pcb, port))
    }

    /// The fault that a thread runs into which does `body(argument)`. The thread is gone then.
    pub fn fault_of(&mut self, body: Body, argument: u64) -> Result<Fault, Failure> {
        let (pcb, port) = self.start_watched(body, argument)?;
        self.settle()?;
        let received = port.try_receive()?;
        self.node().remove(index(pcb))?;
        self.threads -= 1;
        match received {
            Received::Fault { process: 77, fault } => Ok(fault),
            other => Err(Failure::new(file!(), line!(), format_args!("received {other:?}"))),
        }
    }

    /// Checks that `body(address)` is a page fault at `address`, reported with what was tried.
    pub fn check_page_fault(&mut self, body: Body, address: u64, tried: Access) -> Verdict {
        let fault = self.fault_of(body, address)?;
        let found = (fault.reason, fault.address, fault.code);
        check_eq!(found, (Some(FaultReason::Page), address, tried.bits()));
        Ok(())
    }

    /// Sets init's own priority.
    pub fn set_priority(&self, priority: u64) -> Result<(), Error> {
        self.own_pcb().configure_schedule(priority, 0, 0)
    }

    /// Shares the CPU with all threads of the usual priority, without ever yielding, until `done`;
    /// answers whether that came about within a minute, in which even a busy machine comes to it.
    pub fn share_until(&self, done: impl Fn() -> bool) -> Result<bool, Error> {
        let end = ticks() + 60 * self.init().ticks_per_second;
        self.set_priority(USUAL.into())?;
        while !done() && ticks() < end {}
        self.set_priority(HIGHEST)?;
        Ok(done())
    }

    /// Lets all threads run until none can.
    pub fn settle(&self) -> Result<(), Error> {
        self.set_priority(0)?;
        self.set_priority(HIGHEST)
    }
}

impl Surroundings for Test {
    fn clean(&mut self) -> Result<(), Error> {
        self.set_priority(HIGHEST)?;
        self.arena.clear()?;
        buffer().accept(Descriptor::NULL, 0, 0);
        let parking = cells::get(PARKING);
        cells::clear();
        cells::set(PARKING, parking);
        self.threads = 0;
        Ok(())
    }
}

impl Deref for Test {
    type Target = Arena;

    fn deref(&self) -> &Arena {
        &self.arena
    }
}

impl DerefMut for Test {
    fn deref_mut(&mut self) -> &mut Arena {
        &mut self.arena
    }
}

/// The cell with the slot of the Notification Port where threads end.
const PARKING: u64 = 31;

/// The end of a thread: it waits for ever.
pub extern "C" fn park() -> ! {
    loop {
        // It is never signalled; if it is gone, so is this thread soon.
        let _ = NotificationPort::slot(cells::get(PARKING)).wait();
    }
}

/// Small numbers in one argument.
pub fn pack<const N: usize>(numbers: [u64; N]) -> u64 {
    numbers.iter().rev().fold(0, |packed, number| packed << 12 | number)
}

/// The numbers that were packed.
pub fn unpack<const N: usize>(packed: u64) -> [u64; N] {
    array::from_fn(|index| packed >> (12 * index) & 0xfff)
}
