//! Wide vector registers of guests and of an ordinary process, all at once.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq};
use a9n_random::Random;
use nun::abi::guest::{ExitReason, StateGroups};
use nun::mapped::Mapped;
use nun::{Descriptor, IpcPort, Pcb, Received, VectorState};

use crate::code::machine_extended;
use crate::guest::Guest;
use crate::test::Test;

cases!("vectors": wide_registers);

// Loads all wide registers from where rsi points to, stores them where rdi does and compares, rbx times; ends
// by an instruction for the kernel of its machine, with 1 in rax if something was else than it should be.
core::arch::global_asm!(
    ".pushsection .text.watch, \"ax\", @progbits",
    ".globl guests_watch",
    "guests_watch:",
    "mov r8, rsi",
    "mov r9, rdi",
    "xor eax, eax",
    ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
    "vmovdqu ymm\\number, [rsi + 32 * \\number]",
    ".endr",
    "2:",
    ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
    "vmovdqu [rdi + 32 * \\number], ymm\\number",
    ".endr",
    "mov ecx, 64",
    "repe cmpsq",
    "mov rsi, r8",
    "mov rdi, r9",
    "jne 3f",
    "dec rbx",
    "jnz 2b",
    "hlt",
    "3: inc eax",
    "hlt",
    ".globl guests_watch_end",
    "guests_watch_end:",
    ".popsection",
);

unsafe extern "C" {
    #[link_name = "guests_watch"]
    static WATCH: u8;
    #[link_name = "guests_watch_end"]
    static WATCH_END: u8;
}

/// Bytes of all wide registers.
const BYTES: usize = 16 * 32;
/// Where a guest has its own, and stores them.
const OWN: usize = 0x9000;
const STORED: usize = 0xa000;
/// How often they are looked at: for some turns of everybody.
const ROUNDS: u64 = 40_000;
/// How often everybody is interrupted meanwhile, at least.
const INTERRUPTIONS: u64 = 20;
/// Priority of those who watch.
const PRIORITY: u64 = 100;
/// General registers by their numbers, of guests and of processes.
const RAX: usize = 0;
const RBX: usize = 1;
const RSI: usize = 4;
const RDI: usize = 5;

/// Its instructions.
fn watch() -> &'static [u8] {
    let (start, end) = (&raw const WATCH, &raw const WATCH_END);
    // SAFETY: the bytes between the two symbols are instructions of this program.
    unsafe { core::slice::from_raw_parts(start, end as usize - start as usize) }
}

/// Fills `memory` from `offset` on with what the registers shall hold.
fn fill(memory: &Mapped, offset: usize, random: &mut Random) {
    (0..BYTES).step_by(8).for_each(|at| memory.write(offset + at, random.next()));
}

/// A guest that watches registers of its own on `cpu`, ready to run.
fn guest(test: &mut Test, cpu: u64, random: &mut Random) -> Result<Guest, Failure> {
    let mut guest = Guest::on(test, cpu, watch())?;
    guest.begin_long()?;
    fill(&guest.memory, OWN, random);
    let mut control = guest.read::<7>(StateGroups::CONTROL)?;
    // SSE and XSAVE.
    (control[0], control[3], control[6]) =
        (control[0] | 2, control[3] | 0x4_0600, machine_extended());
    guest.write(StateGroups::CONTROL, &control)?;
    for (register, value) in [(RBX, ROUNDS), (RSI, OWN as u64), (RDI, STORED as u64)] {
        guest.set_general(register, value)?;
    }
    guest.pcb.configure_schedule(PRIORITY, cpu, 0)?;
    Ok(guest)
}

/// A process that does, and the port to which its end is told.
fn process(test: &mut Test, cpu: u64, random: &mut Random) -> Result<(Pcb, IpcPort), Failure> {
    let (pcb, port, vectors): (Pcb, IpcPort, VectorState) =
        (test.make(0)?, test.make(0)?, test.make(0)?);
    let frame = test.make(12)?;
    let address = test.room(1);
    let space = test.space();
    test.map(space, frame, address, 1, READ_WRITE)?;
    fill(&Mapped::in_workspace(address, 4096), 0, random);
    pcb.configure_spaces(space.descriptor(), Descriptor::NULL, Descriptor::NULL)?;
    pcb.configure_vector(vectors)?;
    pcb.configure_ports(port, Descriptor::NULL)?;
    pcb.configure_schedule(PRIORITY, cpu, 0)?;
    pcb.configure_entry((&raw const WATCH).addr() as u64, 0, 0, 0)?;
    for (register, value) in [(RBX, ROUNDS), (RSI, address), (RDI, address + BYTES as u64)] {
        pcb.write_register(register as u64, value)?;
    }
    Ok((pcb, port))
}

/// Two guests and a process take turns on one CPU, and another guest runs on the last one.
fn wide_registers(test: &mut Test) -> Verdict {
    const AVX: u64 = 4;
    check!(machine_extended() & AVX != 0);
    let mut random = Random::new(41);
    let far = test.far();
    let guests = [
        guest(test, 0, &mut random)?,
        guest(test, 0, &mut random)?,
        guest(test, far, &mut random)?,
    ];
    let (pcb, port) = process(test, 0, &mut random)?;
    for guest in &guests {
        guest.pcb.resume()?;
    }
    pcb.resume()?;
    for _ in 0..INTERRUPTIONS {
        test.sleep(1000)?;
    }
    for guest in &guests {
        let left = crate::guest::left(guest.port.receive()?)?;
        check_eq!(left.reason, Some(ExitReason::Halt));
        check_eq!((guest.general(RAX)?, guest.general(RBX)?), (0, 0));
    }
    let ended = port.receive()?;
    check!(matches!(ended, Received::Fault { .. }));
    check_eq!((pcb.read_register(RAX as u64)?, pcb.read_register(RBX as u64)?), (0, 0));
    Ok(())
}
