//! The vector unit: x87, SSE, AVX and AVX-512 registers, and whose they are.
//!
//! While a process runs in user mode, its CPU's unit holds the vector state of that process; or,
//! if it has none, the unit is clean and switched off, so that every vector instruction faults.
//! That includes speculation: nobody's registers are left in a unit that somebody else could
//! reach. An idle CPU's unit is clean, too. So a state is in a unit only while its process is
//! current there, or was when the kernel was entered: whoever made sure that a process runs on no
//! other CPU finds its state in memory, or in the unit of his own CPU ([`release`]).
//!
//! | leaves \ comes | without state | with state |
//! |---|---|---|
//! | without state | nothing | switch on, load |
//! | with state | save, clear, switch off | save, load; nothing if it is the same |
//!
//! Fast paths do the same by [`switch_quickly`], inlined, where the CPU has `xsaveopt`. Nothing is left to
//! be found out by a fault: processors with the *lazy FP* flaw (CVE-2018-3665) compute with the registers of
//! a unit that is off. So a caller's state goes to memory also while a server without one works for it.
//!
//! A state is an XSAVE area in the standard format (Intel SDM, volume 1, chapter 13), or an FXSAVE
//! area on CPUs without XSAVE. `xsaveopt` is used where present. It may skip what has not changed
//! since it was loaded *from the same address*; all states are addressed through the direct map,
//! and always loaded anew after they were saved.

pub(crate) mod image;

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use a9n_hal::PhysicalAddress;
use x86_64::registers::control::Cr0;
use x86_64::registers::xcontrol::XCr0;

use crate::context::Context;
use crate::cpu::Cpu;
use crate::features::{CR0, Features};
use crate::kernel_space::DIRECT_MAP;

/// Components of XCR0 that are used: x87, SSE, AVX, AVX-512.
const X87: u64 = 1;
const X87_AND_SSE: u64 = 0b11;
const AVX: u64 = 1 << 2;
const AVX_512: u64 = 0b111 << 5;

/// Bytes of the legacy area, which holds x87 and SSE.
const LEGACY_BYTES: u32 = 512;
/// Bytes of the legacy area and the header, after which the other components come.
const FIRST_BYTES: u32 = LEGACY_BYTES + 64;

/// x87 control word: all exceptions masked, double extended precision.
const CONTROL_WORD: u64 = 0x037f;
/// SSE control and status: all exceptions masked.
const SSE_CONTROL: u32 = 0x1f80;
/// Offset of the SSE control and status word in the legacy area.
const SSE_CONTROL_OFFSET: u64 = 24;

/// How states are saved and loaded, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Method {
    Fxsave,
    Xsave,
    Xsaveopt,
}

/// The [`Method`] that the CPUs have.
static METHOD: AtomicU8 = AtomicU8::new(Method::Fxsave as u8);
/// Logarithm of the bytes of a state.
static STATE_BITS: AtomicU32 = AtomicU32::new(LEGACY_BYTES.ilog2());
/// Whether loading leaves the last instruction's addresses in the unit (1) or replaces them (0).
static LEAKS_POINTERS: AtomicU8 = AtomicU8::new(0);

/// A state that clears the unit: only legacy area and header are read of it.
#[repr(C, align(64))]
struct Clean([AtomicU64; FIRST_BYTES as usize / 8]);

/// All zero at first, so that it takes no room in the image's file.
static CLEAN: Clean = Clean([const { AtomicU64::new(0) }; _]);

/// Those components in `supported` that are used together, 0 without XSAVE.
pub fn components(supported: u64) -> u64 {
    let used = if supported & AVX == 0 {
        X87_AND_SSE
    } else if supported & AVX_512 != AVX_512 {
        X87_AND_SSE | AVX
    } else {
        X87_AND_SSE | AVX | AVX_512
    };
    supported & used
}

/// XCR0 as `wanted`, as far as there is what it names: of components that are used together, all or none.
pub(crate) fn admitted(wanted: u64) -> u64 {
    let has_sse = wanted & X87_AND_SSE == X87_AND_SSE;
    if has_sse { components(wanted & enabled_components()) } else { X87 }
}

/// Writes XCR0: a value that is [`admitted`].
pub(crate) fn enable(components: u64) {
    // SAFETY: who asks has XSAVE, and the components belong together.
    unsafe { XCr0::write_raw(components) }
}

/// Bytes of a state with `components`; `place` tells offset and bytes of one of them.
fn state_bytes(components: u64, place: impl Fn(u32) -> (u32, u32)) -> u32 {
    if components == 0 {
        return LEGACY_BYTES;
    }
    (2..u64::BITS)
        .filter(|component| components >> component & 1 != 0)
        .map(place)
        .fold(FIRST_BYTES, |end, (offset, bytes)| end.max(offset.saturating_add(bytes)))
}

/// Takes note of how the CPUs, which all have `features`, keep their vector states.
pub fn prepare(features: &Features) {
    let place = |component| {
        let found = __cpuid_count(0xd, component);
        (found.ebx, found.eax)
    };
    let bytes = state_bytes(features.extended_states, place);
    STATE_BITS.store(bytes.next_power_of_two().trailing_zeros(), Relaxed);
    image::prepare(bytes, features.extended_states);
    let method = if features.extended_states == 0 {
        Method::Fxsave
    } else if features.xsaveopt {
        Method::Xsaveopt
    } else {
        Method::Xsave
    };
    let [control, ..] = &CLEAN.0;
    control.store(CONTROL_WORD, Relaxed);
    CLEAN.0[SSE_CONTROL_OFFSET as usize / 8].store(SSE_CONTROL.into(), Relaxed);
    METHOD.store(method as u8, Relaxed);
    LEAKS_POINTERS.store(u8::from(features.leaks_fpu_pointers), Relaxed);
}

/// Cleans this CPU's unit of what the firmware left in it, and switches it off.
///
/// # Safety
/// Runs at boot, after [`prepare`] and [`Features::enable`].
pub unsafe fn start() {
    // SAFETY: nobody's state is in the unit.
    unsafe {
        switch_on();
        load(clean());
        image::ask_for_mask();
        switch_off();
    }
}

/// Components that are enabled: XCR0, or 0 without XSAVE.
pub(crate) fn enabled_components() -> u64 {
    image::components()
}

/// Logarithm of the bytes of a state.
pub(crate) fn state_bits() -> u32 {
    STATE_BITS.load(Relaxed)
}

/// Address of a state as [`Context`] and [`Cpu`] keep it.
pub(crate) const fn address(state: PhysicalAddress) -> u64 {
    DIRECT_MAP | state.0
}

/// Makes the zeroed memory at `state` the clean state.
///
/// # Safety
/// It is a state's memory, which the portable kernel owns and nobody else uses.
pub(crate) unsafe fn initialise(state: PhysicalAddress) {
    let first = core::ptr::with_exposed_provenance_mut::<u64>(address(state) as usize);
    // SAFETY: the caller's promise; the direct map shows all memory.
    unsafe {
        first.write(CONTROL_WORD);
        first.byte_add(SSE_CONTROL_OFFSET as usize).write(SSE_CONTROL.into());
    }
}

/// Puts the unit of `cpu`, which is the executing one, into the state in which `next`, or nobody,
/// may run.
#[inline(always)]
pub fn give(cpu: &Cpu, next: Option<&Context>) {
    let state = next.map_or(0, |next| next.vector_state.get());
    if cpu.vector_state.load(Relaxed) != state {
        exchange(cpu, state);
    }
}

/// Whether [`switch_quickly`] suits the CPUs.
#[inline(always)]
pub(crate) fn switches_quickly() -> bool {
    METHOD.load(Relaxed) == Method::Xsaveopt as u8
}

/// [`give`] for a fast path.
#[inline(always)]
pub(crate) fn switch_quickly(cpu: &Cpu, next: &Context) {
    let (held, state) = (cpu.vector_state.load(Relaxed), next.vector_state.get());
    if held == state {
        return;
    }
    cpu.vector_state.store(state, Relaxed);
    // SAFETY: as in `exchange`; the portable kernel takes this way only if `switches_quickly`. The
    // components that are enabled are all in the low half of the mask, so edx does not matter.
    unsafe {
        asm!(
            "mov eax, -1",
            "test {held}, {held}",
            "jz 2f",
            "xsaveopt64 [{held}]",
            "cmp byte ptr [rip + {leaks}], 0",
            "je 3f",
            "fnclex",
            "emms",
            "fild dword ptr [rip + {clean}]",
            "3:",
            "test {state}, {state}",
            "jz 4f",
            "5:",
            "xrstor64 [{state}]",
            "6:",
            // Out of the way: one of the two has no state.
            ".pushsection .text.a9n_vectors, \"ax\", @progbits",
            "2:",
            "clts",
            "jmp 5b",
            "4:",
            "xrstor64 [rip + {clean}]",
            "mov eax, {off}",
            "mov cr0, rax",
            "jmp 6b",
            ".popsection",
            held = in(reg) held,
            state = in(reg) state,
            leaks = sym LEAKS_POINTERS,
            clean = sym CLEAN,
            off = const CR0.bits(),
            out("eax") _,
            options(nostack),
        );
    }
}

/// [`switch_quickly`] from `me`, whose state the unit of `cpu` holds, to nobody's.
#[inline(always)]
pub(crate) fn put_aside(cpu: &Cpu, me: &Context) {
    cpu.vector_state.store(0, Relaxed);
    // SAFETY: as in `switch_quickly`. The running process has its state in the unit, so this is one.
    unsafe {
        asm!(
            "mov eax, -1",
            "xsaveopt64 [{held}]",
            "cmp byte ptr [rip + {leaks}], 0",
            "je 2f",
            "fnclex",
            "emms",
            "fild dword ptr [rip + {clean}]",
            "2:",
            "xrstor64 [rip + {clean}]",
            "mov eax, {off}",
            "mov cr0, rax",
            held = in(reg) me.vector_state.get(),
            leaks = sym LEAKS_POINTERS,
            clean = sym CLEAN,
            off = const CR0.bits(),
            out("eax") _,
            options(nostack),
        );
    }
}

/// [`switch_quickly`] from nobody's state in the unit of `cpu` to that of `next`, which has one.
#[inline(always)]
pub(crate) fn take_up(cpu: &Cpu, next: &Context) {
    let state = next.vector_state.get();
    cpu.vector_state.store(state, Relaxed);
    // SAFETY: as in `switch_quickly`. A clean unit holds no addresses that could leak.
    unsafe {
        asm!(
            "clts",
            "mov eax, -1",
            "xrstor64 [{state}]",
            state = in(reg) state,
            out("eax") _,
            options(nostack),
        );
    }
}

/// Takes `state` out of this CPU's unit, if it is there.
pub(crate) fn release(state: PhysicalAddress) {
    let cpu = Cpu::here();
    if cpu.vector_state.load(Relaxed) == address(state) {
        exchange(cpu, 0);
    }
}

/// Replaces what the unit holds by `state`; each of the two may be 0 for none.
#[cold]
#[inline(never)]
fn exchange(cpu: &Cpu, state: u64) {
    let held = cpu.vector_state.load(Relaxed);
    // SAFETY: what is held or attached to a context is a state that the portable kernel keeps and
    // that `initialise` or `save` wrote last; kernel code has no vector registers of its own.
    unsafe {
        if held == 0 {
            switch_on();
        } else {
            save(held);
        }
        if state == 0 {
            load(clean());
            switch_off();
        } else {
            load(state);
        }
    }
    cpu.vector_state.store(state, Relaxed);
}

fn clean() -> u64 {
    &raw const CLEAN as u64
}

/// # Safety
/// `state` is the address of a state, and the unit is on.
unsafe fn save(state: u64) {
    let method = METHOD.load(Relaxed);
    // SAFETY: the caller's promise, and the CPU has the method. All components that are enabled
    // (the mask in edx and eax) fit into a state.
    unsafe {
        if method >= Method::Xsaveopt as u8 {
            asm!("xsaveopt64 [{}]", in(reg) state, in("eax") !0, in("edx") !0, options(nostack));
        } else if method >= Method::Xsave as u8 {
            asm!("xsave64 [{}]", in(reg) state, in("eax") !0, in("edx") !0, options(nostack));
        } else {
            asm!("fxsave64 [{}]", in(reg) state, options(nostack));
        }
    }
}

/// Makes the unit forget the addresses of the last instruction of the process that used it.
///
/// # Safety
/// The unit is on, and its content is about to be replaced.
#[inline(always)]
unsafe fn replace_pointers() {
    // SAFETY: the caller's promise. The operand is a word of ours.
    unsafe { asm!("fnclex", "emms", "fild dword ptr [rip + {}]", sym CLEAN, options(nostack)) }
}

/// # Safety
/// `state` is the address of a valid state, and the unit is on.
unsafe fn load(state: u64) {
    // SAFETY: the caller's promise, and the CPU has the method. Kernel code is compiled for a
    // machine without vector registers, so none of it is in use.
    unsafe {
        if LEAKS_POINTERS.load(Relaxed) != 0 {
            replace_pointers();
        }
        if METHOD.load(Relaxed) >= Method::Xsave as u8 {
            asm!("xrstor64 [{}]", in(reg) state, in("eax") !0, in("edx") !0, options(nostack));
        } else {
            asm!("fxrstor64 [{}]", in(reg) state, options(nostack));
        }
    }
}

/// # Safety
/// The unit's content is about to be replaced.
unsafe fn switch_on() {
    // SAFETY: only user mode has vector instructions that could work from now on.
    unsafe { asm!("clts", options(nomem, nostack, preserves_flags)) }
}

/// # Safety
/// The unit is clean.
unsafe fn switch_off() {
    // SAFETY: the bits are those that `Features::enable` set.
    unsafe { Cr0::write_raw(CR0.bits()) }
}

/// Status word of the x87 unit, which holds the state of the process that runs here.
pub(crate) fn x87_status() -> u64 {
    let status: u64;
    // SAFETY: reads a register. The unit is on, since it just raised an exception.
    unsafe { asm!("xor eax, eax", "fnstsw ax", out("rax") status, options(nomem, nostack)) };
    status
}

/// Control and status word of the SSE unit, which holds the state of the process that runs here.
pub(crate) fn sse_status() -> u64 {
    let mut status = 0u32;
    let place = &raw mut status;
    // SAFETY: writes a word of ours. The unit is on, since it just raised an exception.
    unsafe { asm!("stmxcsr [{}]", in(reg) place, options(nostack, preserves_flags)) };
    status.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_come_in_groups() {
        assert_eq!(components(0), 0);
        assert_eq!(components(0b11), 0b11);
        assert_eq!(components(0b10_0001_1111), 0b111, "no bound registers, no protection keys");
        assert_eq!(components(0b1110_0111), 0b1110_0111);
        assert_eq!(components(0b0110_0111), 0b111, "part of AVX-512");
        assert_eq!(components(0b1110_0011), 0b11, "AVX-512 without AVX");
    }

    #[test]
    fn a_state_ends_with_its_last_component() {
        let places = |component| match component {
            2 => (576, 256),
            5 => (1088, 64),
            6 => (1152, 512),
            7 => (1664, 1024),
            _ => (1 << 20, 1),
        };
        assert_eq!(state_bytes(0, places), 512);
        assert_eq!(state_bytes(0b11, places), 576);
        assert_eq!(state_bytes(0b111, places), 832);
        assert_eq!(state_bytes(0b1110_0111, places), 2688);
    }
}
