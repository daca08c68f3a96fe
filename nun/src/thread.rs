//! Threads: processes that share an address space and a root node.
//!
//! A thread gets one stretch of addresses: its stack at the bottom, with an empty page below it,
//! then its thread-local storage and [control block](crate::aci::thread), then its IPC buffer.

mod area;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) use self::area::Area;
use crate::mapped::Mapped;
use crate::memory::{Maker, Space};
use crate::slots::Slots;
use crate::{AddressSpace, Descriptor, Error, Node, NotificationPort, Pcb, Rights, aci, arch};

/// Whether this program has more than one thread. Until then nobody looks at the thread-local base,
/// which may be anything.
static THREADED: AtomicBool = AtomicBool::new(false);

/// Says that this program has several threads: for one whose threads somebody else makes, before it has
/// any but its first. From now on each finds its IPC buffer by its thread-local base, which is 0 or what
/// [`aci::thread`] says.
pub fn expect_several() {
    THREADED.store(true, Ordering::Relaxed);
}

/// Where the IPC buffer of the first thread is.
static BUFFER: AtomicU64 = AtomicU64::new(aci::BUFFER_ADDRESS);

/// Says that the program's IPC buffer is at `address`: for those who start programs by another
/// convention than [`aci`].
///
/// # Safety
/// A page is mapped there, readable and writable, as long as the program lives, and holds no Rust
/// object.
pub unsafe fn use_buffer_at(address: u64) {
    BUFFER.store(address, Ordering::Relaxed);
}

/// What a thread does.
pub trait Body {
    /// Runs with the `argument` that the thread was started with; what it returns, whoever joins the
    /// thread gets.
    fn run(argument: u64) -> u64;
}

/// How a thread starts.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What its body receives.
    pub argument: u64,
    /// Its priority, 0 to 255.
    pub priority: u8,
    /// The CPU that it runs on.
    pub cpu: u64,
    /// Pages of its stack.
    pub stack_pages: u64,
    /// The port that learns of its faults; null for none.
    pub resolver: Descriptor,
    /// The Notification Port that is bound to it; null for none.
    pub notification: Descriptor,
}

impl Default for Options {
    fn default() -> Self {
        let (resolver, notification) = (Descriptor::NULL, Descriptor::NULL);
        Self { argument: 0, priority: 0, cpu: 0, stack_pages: 8, resolver, notification }
    }
}

/// A thread of this process.
#[derive(Debug)]
pub struct Thread {
    pcb: Pcb,
    area: Area,
    ended: NotificationPort,
    /// The capability that the thread signals its end with.
    signal: u64,
}

impl Thread {
    /// Starts a thread that runs `B`, with objects from `maker`, in the caller's own address space `space`.
    /// If that fails, everything is as it was.
    pub fn spawn<B: Body, M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        options: &Options,
    ) -> Result<Self, Error> {
        let area = Area::map(maker, space, None, options.stack_pages)?;
        let started = Self::start::<B, M, REGIONS, TABLES>(maker, space, area, options);
        if started.is_err() {
            space.release(maker, area.address)?;
        }
        started
    }

    fn start<B: Body, M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &Space<REGIONS, TABLES>,
        area: Area,
        options: &Options,
    ) -> Result<Self, Error> {
        let pcb: Pcb = maker.make(0)?;
        let signalled =
            maker.make(0).and_then(|ended: NotificationPort| match maker.slots().take_slot() {
                Ok(signal) => Ok((ended, signal)),
                Err(error) => maker.discard(ended).and(Err(error)),
            });
        let (ended, signal) = match signalled {
            Ok(signalled) => signalled,
            Err(error) => return maker.discard(pcb).and(Err(error)),
        };
        let thread = Self { pcb, area, ended, signal };
        match thread.configure::<B>(maker.slots(), space.address_space(), options) {
            Ok(()) => Ok(thread),
            Err(error) => thread.give_back(maker).and(Err(error)),
        }
    }

    fn configure<B: Body>(
        &self,
        slots: &impl Slots,
        space: AddressSpace,
        options: &Options,
    ) -> Result<(), Error> {
        slots.node().mint(self.signal, self.ended, Rights::WRITE, 1)?;
        let block = self.area.block();
        self.area.write_block(&block, None, self.pcb.descriptor());
        block.write(self.area.offset(aci::thread::ENDED), slots.descriptor(self.signal).0);
        expect_several();
        let node = Node::slot(aci::slot::NODE);
        self.pcb.configure_spaces(space, node, self.area.buffer)?;
        let entry = begin::<B> as *const () as u64;
        let (stack, base) = (self.area.stack_top - arch::RETURN_ADDRESS_BYTES, self.area.base);
        self.pcb.configure_entry(entry, stack, base, options.argument)?;
        self.pcb.configure_schedule(options.priority.into(), options.cpu, 0)?;
        self.pcb.configure_ports(options.resolver, options.notification)?;
        self.pcb.resume()
    }

    /// Its PCB.
    pub const fn pcb(&self) -> Pcb {
        self.pcb
    }

    /// Waits until it has ended; answers what its body returned. Gives back what it was made of. A
    /// thread that faults never ends by itself: its resolver has to see to it.
    pub fn join<M: Maker, const REGIONS: usize, const TABLES: usize>(
        self,
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
    ) -> Result<u64, Error> {
        self.ended.wait()?;
        let result = self.area.block().read(self.area.offset(aci::thread::RESULT));
        self.destroy(maker, space)?;
        Ok(result)
    }

    /// Ends it, whatever it does, and gives back what it was made of.
    pub fn destroy<M: Maker, const REGIONS: usize, const TABLES: usize>(
        self,
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
    ) -> Result<(), Error> {
        self.give_back(maker)?;
        space.release(maker, self.area.address)
    }

    /// Ends it and gives everything back but its addresses.
    fn give_back(&self, maker: &mut impl Maker) -> Result<(), Error> {
        maker.discard(self.pcb)?;
        maker.discard(self.ended)?;
        maker.slots().put(self.signal);
        Ok(())
    }
}

/// The first function of a thread.
extern "C" fn begin<B: Body>(argument: u64) -> ! {
    finish(B::run(argument))
}

/// Ends the running thread with `result`. It must be one that Nun started besides a process's first,
/// and, if its process did not start it itself, with a capability to itself.
pub fn finish(result: u64) -> ! {
    let block = own_block();
    block.write(aci::thread::RESULT, result);
    let pcb = Pcb::at(Descriptor(block.read(aci::thread::PROCESS)));
    let ended = Descriptor(block.read(aci::thread::ENDED));
    if ended != Descriptor::NULL {
        let _ = NotificationPort::at(ended).notify();
    }
    // From the signal on, the thread may be gone at any moment.
    let _ = pcb.suspend();
    arch::abort()
}

/// The control block of the running thread, which is not the program's first.
fn own_block() -> Mapped {
    let base = arch::thread_base() as usize;
    // SAFETY: whoever started the thread put its control block there, mapped for as long as it
    // lives; no Rust object lies there.
    unsafe { Mapped::new(base, aci::thread::BYTES as usize) }
}

/// Address of the running thread's IPC buffer.
#[inline]
pub(crate) fn own_buffer() -> u64 {
    // On a host, the thread-local base is not ours.
    if cfg!(not(target_os = "none"))
        || !THREADED.load(Ordering::Relaxed)
        || arch::thread_base() == 0
    {
        return BUFFER.load(Ordering::Relaxed);
    }
    own_block().read(aci::thread::BUFFER)
}
