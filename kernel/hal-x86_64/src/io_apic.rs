//! I/O APICs: where device interrupt lines become vectors of a CPU (82093AA data sheet).
//!
//! Every line starts masked and goes to the CPU that booted. When it interrupts, it is masked
//! again. Only who holds the kernel may call what changes a line.

use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use a9n_hal::Interrupt;

use crate::madt::{MAX_IO_APICS, Signal};
use crate::vectors::Vector;

/// Bytes of the registers that are used.
pub const REGISTER_BYTES: u64 = 0x20;

const SELECT: usize = 0x00;
const VALUE: usize = 0x10;
const VERSION: u32 = 0x01;
const REDIRECTIONS: u32 = 0x10;

/// Redirection entry: active while low.
const ACTIVE_LOW: u32 = 1 << 13;
/// Redirection entry: by level.
const LEVEL: u32 = 1 << 15;
/// Redirection entry: not delivered.
const MASKED: u32 = 1 << 16;
/// Redirection entry, upper half: where the receiving local APIC's identifier stands.
const DESTINATION_SHIFT: u32 = 24;

/// One I/O APIC in use: where its registers are seen (0: not in use), and its lines.
struct IoApic {
    registers: AtomicU64,
    /// First line in the upper, number of lines in the lower half.
    lines: AtomicU64,
}

static IO_APICS: [IoApic; MAX_IO_APICS] =
    [const { IoApic { registers: AtomicU64::new(0), lines: AtomicU64::new(0) } }; MAX_IO_APICS];

impl IoApic {
    fn select(&self, register: u32) -> *mut u32 {
        let base = self.registers.load(Relaxed) as usize;
        // SAFETY: only I/O APICs that `add` was promised the registers of are used. One CPU at a
        // time is in the kernel, with interrupts off, so nothing comes between selecting and using.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(base + SELECT).write_volatile(register) };
        ptr::with_exposed_provenance_mut(base + VALUE)
    }

    fn read(&self, register: u32) -> u32 {
        // SAFETY: as in `select`.
        unsafe { self.select(register).read_volatile() }
    }

    fn write(&self, register: u32, value: u32) {
        // SAFETY: as in `select`. What is written only decides which vectors arrive where.
        unsafe { self.select(register).write_volatile(value) }
    }

    /// Register with the lower half of the redirection entry of `line`, if it is one of ours.
    fn redirection(&self, line: u32) -> Option<u32> {
        let lines = self.lines.load(Relaxed);
        let index = line.checked_sub((lines >> 32) as u32)?;
        (index < lines as u32).then_some(REDIRECTIONS + index * 2)
    }
}

/// Puts the I/O APIC whose registers are seen at `registers` to use, all lines masked. `signal`
/// says how each of them signals, `receiver` is the local APIC that gets them all. Answers the
/// number of its lines; 0 if there is no room for it or no I/O APIC there.
///
/// # Safety
/// The registers of an I/O APIC whose first line is `first_line` are mapped there uncached, for
/// good, and nothing else uses them.
pub unsafe fn add(
    registers: u64,
    first_line: u32,
    receiver: u32,
    signal: impl Fn(u32) -> Signal,
) -> u32 {
    const NOTHING_THERE: u32 = !0;
    let free = |io_apic: &&IoApic| io_apic.registers.load(Relaxed) == 0;
    let Some(io_apic) = IO_APICS.iter().find(free) else {
        return 0;
    };
    io_apic.registers.store(registers, Relaxed);
    let version = io_apic.read(VERSION);
    if version == NOTHING_THERE {
        io_apic.registers.store(0, Relaxed);
        return 0;
    }
    let lines = (version >> 16 & 0xff) + 1;
    let packed = u64::from(first_line) << 32 | u64::from(lines);
    io_apic.lines.store(packed, Relaxed);
    for line in (0..lines).map(|index| first_line.saturating_add(index)) {
        if let Some(register) = io_apic.redirection(line) {
            io_apic.write(register, entry(line, signal(line)));
            io_apic.write(register + 1, receiver << DESTINATION_SHIFT);
        }
    }
    lines
}

/// Lower half of the redirection entry of a masked line.
fn entry(line: u32, signal: Signal) -> u32 {
    let line = u8::try_from(line).ok();
    let vector = line.and_then(|line| Vector::of(Interrupt::Line(line)));
    let vector = vector.map_or(0, |vector| vector.0.into());
    let active_low = if signal.active_low { ACTIVE_LOW } else { 0 };
    let level = if signal.level { LEVEL } else { 0 };
    vector | active_low | level | MASKED
}

/// The I/O APIC that has `line`, and the register with the lower half of its redirection entry.
fn find(line: u8) -> Option<(&'static IoApic, u32)> {
    IO_APICS.iter().find_map(|io_apic| Some((io_apic, io_apic.redirection(line.into())?)))
}

/// Whether there is such a line.
pub fn has(line: u8) -> bool {
    find(line).is_some()
}

/// Keeps `line` from interrupting.
pub fn mask(line: u8) {
    if let Some((io_apic, register)) = find(line) {
        io_apic.write(register, io_apic.read(register) | MASKED);
    }
}

/// Lets `line` interrupt. It has a vector.
pub fn unmask(line: u8) {
    if let Some((io_apic, register)) = find(line) {
        io_apic.write(register, io_apic.read(register) & !MASKED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_start_masked_with_their_vector_and_signal() {
        let pci = Signal { active_low: true, level: true };
        assert_eq!(entry(16, pci), 64 | ACTIVE_LOW | LEVEL | MASKED);
        let legacy = Signal { active_low: false, level: false };
        assert_eq!(entry(4, legacy), 52 | MASKED);
        assert_eq!(entry(1000, legacy), MASKED);
    }
}
