//! A guest and its monitor share a CPU, which so has no cause to part with the guest's state; and from another CPU
//! something is done to the guest before its exit is answered.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, index};
use nun::abi::guest::StateGroups;
use nun::capability::Capability;
use nun::entry::Stack;
use nun::mapped::Mapped;
use nun::{Descriptor, Error, Frame, Generic, IpcPort, Pcb, Received, VirtualCpu};

use crate::guest::{Answer, Guest, message};
use crate::test::Test;

cases!("apart": looked_at_and_changed, moved, taken_apart);

// Tells what EAX is, and counts it on, between two exits.
guest_code!(
    TELL,
    "tell",
    ".code16",
    "mov ax, 0x3000",
    "mov ds, ax",
    "xor eax, eax",
    "2:",
    "hlt",
    "mov dword ptr [0x10], eax",
    "inc eax",
    "jmp 2b",
);

/// Where `TELL` tells it, in its memory, and where its `hlt` is.
const TOLD: usize = 0x30010;
const HALT: u64 = 0x1008;
/// Rounds of a case.
const ROUNDS: u64 = 50;
/// Priority of the monitor, above its guest's and below init's.
const PRIORITY: u64 = 110;

static STACK: Stack<16384> = Stack::new();
/// Exits that the monitor got, and those that it may answer.
static EXITS: AtomicU64 = AtomicU64::new(0);
static ALLOWED: AtomicU64 = AtomicU64::new(0);

/// A monitor whose port is in `slot`. It makes no kernel call but the one that answers and waits.
extern "C" fn watch(slot: u64) -> ! {
    let port = IpcPort::slot(slot);
    let mut received = port.receive();
    while let Ok(Received::Exit { .. }) = received {
        let exits = EXITS.fetch_add(1, SeqCst) + 1;
        while ALLOWED.load(SeqCst) < exits {
            spin_loop();
        }
        received = port.reply_receive(&message(Answer::after(1)));
    }
    panic!("the monitor received something else than an exit")
}

/// A guest that tells and its monitor on `cpu`, running.
fn telling(test: &mut Test, cpu: u64) -> Result<Guest, Error> {
    let mut guest = Guest::on(test, cpu, TELL())?;
    guest.begin_real()?;
    start(test, cpu, &guest)?;
    Ok(guest)
}

/// Starts `guest`, and its monitor on `cpu`.
fn start(test: &mut Test, cpu: u64, guest: &Guest) -> Result<(), Error> {
    EXITS.store(0, SeqCst);
    ALLOWED.store(0, SeqCst);
    let monitor: Pcb = test.make(0)?;
    monitor.configure_spaces(test.space(), test.node(), Descriptor::NULL)?;
    monitor.configure_entry(
        watch as *const () as usize as u64,
        STACK.top(),
        0,
        index(guest.port),
    )?;
    monitor.configure_schedule(PRIORITY, cpu, 0)?;
    monitor.resume()?;
    guest.pcb.resume()
}

/// Lets the exit before the one with `number` be answered, and sleeps until that has come.
fn await_exit(test: &mut Test, number: u64) -> Result<(), Error> {
    ALLOWED.store(number - 1, SeqCst);
    while EXITS.load(SeqCst) < number {
        test.sleep(2000)?;
    }
    Ok(())
}

fn looked_at_and_changed(test: &mut Test) -> Verdict {
    let far = test.far();
    let guest = telling(test, far)?;
    for round in 1..ROUNDS {
        await_exit(test, round)?;
        check_eq!(guest.read::<2>(StateGroups::EXECUTION)?[0], HALT);
        if round > 1 {
            check_eq!(guest.memory.read(TOLD) & 0xffff_ffff, 1000 * (round - 1));
            check_eq!(guest.general(0)?, 1000 * (round - 1) + 1);
        }
        guest.set_general(0, 1000 * round)?;
    }
    Ok(())
}

/// The monitor's answer makes it run somewhere else.
fn moved(test: &mut Test) -> Verdict {
    let far = test.far();
    let guest = telling(test, far)?;
    for round in 1..ROUNDS {
        await_exit(test, round)?;
        // Twice on each CPU: the second time nothing has to be moved.
        guest.pcb.configure_schedule(100, if round & 2 == 0 { far } else { 0 }, 0)?;
        if round > 1 {
            check_eq!(guest.memory.read(TOLD) & 0xffff_ffff, round - 2);
        }
    }
    Ok(())
}

/// What was a virtual CPU becomes memory at once, and nobody writes to that who still had something of it.
fn taken_apart(test: &mut Test) -> Verdict {
    const PATTERN: u64 = 0x0123_4567_89ab_cdef;
    /// Logarithm of the bytes of a virtual CPU.
    const BITS: u8 = 13;
    let far = test.far();
    let mut guest = Guest::on(test, far, TELL())?;
    let (own, slot, address): (Generic, _, _) = (test.make(BITS)?, test.slot(), test.room(2));
    own.convert(VirtualCpu::TYPE, 0, 1, test.node(), slot)?;
    guest.pcb.configure_guest(VirtualCpu::slot(slot), guest.space.descriptor())?;
    guest.begin_real()?;
    start(test, far, &guest)?;
    await_exit(test, 5)?;
    test.node().remove(slot)?;
    own.convert(Frame::TYPE, BITS.into(), 1, test.node(), slot)?;
    let space = test.space();
    test.map(space, Frame::slot(slot), address, 2, READ_WRITE)?;
    let memory = Mapped::in_workspace(address, 1 << BITS);
    let places = || (0..1 << BITS).step_by(8);
    places().for_each(|place| memory.write(place, PATTERN));
    // Its monitor's answer goes to nobody; others come and go on that CPU.
    ALLOWED.store(5, SeqCst);
    test.sleep(20)?;
    check!(places().all(|place| memory.read(place) == PATTERN));
    Ok(())
}
