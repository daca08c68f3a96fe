//! Virtual CPUs: what both techniques of virtualisation have in common, and the choice between them.
//!
//! A virtual CPU is two pages. The first belongs to the technique and the processor (a VMCB, a
//! VMCS), the second to this module: registers that the processor does not switch itself, and
//! what has to be known about it. A process with one has mode [`Mode::Guest`](crate::context::Mode),
//! and the way out of the kernel (`stubs`) ends in `a9n_guest` instead of user mode. Its context
//! names the kernel's own page tables, so no user's are loaded while the guest runs.
//!
//! # What a guest can reach
//! Memory that its nested page tables map; its own registers. Whatever else exists is not there:
//! each instruction, port and model-specific register that would reach it leaves the guest. Registers that
//! the processor does not switch are switched here (XCR0, DR0 to DR3, TSC_AUX), or never in the guest's hands (PAT,
//! with AMD's technique).
//! Interrupts of the machine end the guest's turn: they are taken on the CPU's kernel stack, as if it
//! idled, with the guest's process as the interrupted one.
//!
//! # Cached translations
//! Each guest has a tag of its own on the CPU where it ran last (see [`Tags`]). A CPU remembers which guest it
//! entered last, a virtual CPU where that was; only if these differ, tags are looked at. To make a CPU forget
//! something of guest-physical memory, it is made to begin a new epoch, and to remember nobody.
//!
//! # Speculation
//! When one guest comes after another, the CPU is made to forget what it learnt of branches; where it may let guests read
//! its first-level cache (*L1TF*), that is emptied before each entry. Both where CPUs have the commands.

mod state;
#[cfg(target_os = "none")]
mod stubs;
pub(crate) mod svm;
mod tags;
pub(crate) mod vmx;

use core::arch::asm;
use core::cell::Cell;
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use a9n_abi::guest::Event;
use a9n_hal::{
    Exit, ExitReason, Exits, GuestVerdict, PhysicalAddress, StateGroups, Take, Virt, Words,
};

use raw_cpuid::CpuId;
use x86_64::registers::model_specific::Msr;
use x86_64::registers::xcontrol::XCr0;

pub(crate) use self::tags::Tags;

use crate::boot_error::BootError;
use crate::context::Context;
use crate::cpu::{Cpu, MAX_CPUS};
use crate::features::{Features, IA32_PAT};
use crate::kernel_space::{DIRECT_MAP, KernelSpace};
use crate::{X86_64, paging, speculation, vector};

/// How guests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Technique {
    /// AMD's.
    Svm = 1,
    /// Intel's.
    Vmx = 2,
}

/// The result of a function that both techniques have, by one of them.
macro_rules! by {
    ($technique:expr, $function:ident($($argument:expr),*)) => {
        match $technique {
            Technique::Svm => svm::$function($($argument),*),
            Technique::Vmx => vmx::$function($($argument),*),
        }
    };
}

impl Exits for Technique {
    #[inline(always)]
    fn exit(&self, state: PhysicalAddress) -> (ExitReason, Exit) {
        by!(self, exit(guest(state)))
    }

    #[inline(always)]
    fn answer_exit(&self, state: PhysicalAddress, verdict: GuestVerdict, words: &Words) {
        let (guest, [w0, w1, w2, w3, event, _]) = (guest(state), *words);
        let [_, rbx, rcx, rdx, ..] = &guest.registers;
        by!(self, reach(guest));
        let done = verdict.bytes_done();
        if done != 0 {
            by!(self, advance(guest, done));
        }
        let four = verdict.has(GuestVerdict::SET_FOUR);
        let pair = four || verdict.has(GuestVerdict::SET_PAIR);
        if pair || verdict.has(GuestVerdict::SET_RAX) {
            by!(self, rax(guest)).set(w0);
        }
        if pair {
            rdx.set(w3);
        }
        if four {
            rbx.set(w1);
            rcx.set(w2);
        }
        if verdict.has(GuestVerdict::INJECT) {
            by!(self, inject(guest, Event(event)));
        }
        let window = verdict.0 & GuestVerdict::WINDOW;
        if guest.window.replace(window) != window {
            by!(self, await_window(guest, window != 0));
        }
    }
}

/// The [`Technique`] in use, 0 for none.
pub(crate) static TECHNIQUE: AtomicU8 = AtomicU8::new(0);

/// Physical address of the pages that a technique has for itself: first [`SHARED_PAGES`] for all
/// CPUs, then one for each.
pub(crate) static PAGES: AtomicU64 = AtomicU64::new(0);
pub(crate) const SHARED_PAGES: u64 = 5;
const PAGE: u64 = 4096;

/// The one in use.
pub(crate) fn technique() -> Technique {
    if TECHNIQUE.load(Relaxed) == Technique::Vmx as u8 { Technique::Vmx } else { Technique::Svm }
}

/// Whether it is Intel's.
pub(crate) fn is_vmx() -> bool {
    technique() == Technique::Vmx
}

/// Model-specific registers that a guest reaches by itself: the processor switches them.
#[rustfmt::skip]
const OWN_REGISTERS: [u32; 11] = [
    0x174, 0x175, 0x176, IA32_PAT,
    0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0100, 0xc000_0101, 0xc000_0102,
];

/// Makes the `bytes` at `map`, whose bits make guests leave, let them reach their own registers; `places`
/// has the bytes and bits that stand for a register.
///
/// # Safety
/// The map and the places are in memory that is nobody else's.
unsafe fn permit(map: *mut u8, bytes: usize, places: impl Fn(u32) -> [(usize, u8); 2]) {
    // SAFETY: the caller's promise.
    unsafe {
        map.write_bytes(0xff, bytes);
        for (byte, bits) in OWN_REGISTERS.into_iter().flat_map(places) {
            let place = map.add(byte);
            place.write(place.read() & !bits);
        }
    }
}

/// Where the kernel sees `physical`.
fn seen<T>(physical: u64) -> *mut T {
    ptr::with_exposed_provenance_mut((DIRECT_MAP | physical) as usize)
}

/// Words in a page.
pub(crate) const WORDS: usize = 512;
/// Reasons, counted from 0.
const REASONS: usize = ExitReason::ALL.len() + 1;

/// A virtual CPU.
#[repr(C, align(4096))]
pub(crate) struct Guest {
    /// The processor's page. It may write here while the guest runs.
    pub(crate) control: [Cell<u64>; WORDS],
    /// RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8 to R15, as far as they are not in `control`.
    pub(crate) registers: [Cell<u64>; 16],
    /// CR8, times 16, with Intel's technique: the CPU looks for it here, 128 bytes into a page.
    pub(crate) priority: Cell<u64>,
    /// Physical address of `control`.
    pub(crate) physical: Cell<u64>,
    /// Address of the [`Cpu`] on which it ran last, 0 if it must not find again what that cached.
    pub(crate) cpu: Cell<u64>,
    /// What it was given of [`Tags`] there.
    tag: Cell<u64>,
    /// What has to be done on the way in and out that is not usual, a bit each.
    pub(crate) unusual: Cell<u32>,
    /// [`GuestVerdict::WINDOW`] if it leaves when it can take an interrupt.
    window: Cell<u32>,
    /// DR0 to DR3 and, with Intel's technique, DR6, while the processor does not hold them.
    pub(crate) debug: [Cell<u64>; 5],
    /// XCR0. The stubs look whether the processor still has it: emulators let guests change it.
    pub(crate) extended: Cell<u64>,
    /// IA32_TSC_AUX. The machine's is 0.
    auxiliary: Cell<u64>,
    /// [`StateGroups`] that go with an exit, by reason.
    groups: [Cell<u64>; REASONS],
    /// What Intel's technique keeps beside.
    pub(crate) vmx: vmx::State,
}

/// Bits of [`Guest::unusual`].
pub(crate) mod unusual {
    /// XCR0 differs from the machine's.
    pub(crate) const EXTENDED: u32 = 1;
    /// The guest uses its debug registers.
    pub(crate) const DEBUG: u32 = 2;
    /// Its IA32_TSC_AUX is not 0.
    pub(crate) const AUXILIARY: u32 = 4;
    /// With AMD's technique, the CPU has to forget all tags when it enters it, which it may not do if it refuses to.
    pub(crate) const FORGETS: u32 = 8;
    /// With the same, it takes no non-maskable interrupt.
    pub(crate) const HELD_OFF: u32 = 16;
    /// What is injected has to be looked at.
    pub(crate) const INJECTED: u32 = 64;
    /// With the same, an interrupt is injected.
    pub(crate) const INTERRUPT: u32 = 32;
    /// With Intel's, the first-level cache has to be emptied before it is entered.
    pub(crate) const CACHE: u32 = 128;
}

/// Writes IA32_TSC_AUX, which `rdtscp` and `rdpid` tell. The machine's own is 0.
fn write_auxiliary(value: u64) {
    const IA32_TSC_AUX: u32 = 0xc000_0103;
    // SAFETY: CPUs that run guests have `rdtscp`; the upper half of the value is 0.
    unsafe { Msr::new(IA32_TSC_AUX).write(value) }
}

const _: () = assert!(size_of::<Guest>() == 2 * PAGE as usize);
const _: () = assert!(offset_of!(Guest, priority) == PAGE as usize + 128);

/// Bits of DR7 that make a breakpoint.
pub(crate) const BREAKPOINTS: u64 = 0xff;

/// The technique that this CPU has, which may have `extended_states` to be switched: without XSAVE and `rdtscp`
/// there are no guests.
pub fn detect(extended_states: u64) -> Option<Technique> {
    let id = CpuId::new().get_extended_processor_and_feature_identifiers();
    let is_able = extended_states != 0 && id.is_some_and(|features| features.has_rdtscp());
    let find = |is_there: fn() -> bool, it| (is_able && is_there()).then_some(it);
    find(svm::is_there, Technique::Svm).or_else(|| find(vmx::is_there, Technique::Vmx))
}

/// Puts the technique that the CPUs have to use, with memory from `space`.
pub(crate) fn prepare(features: &Features, space: &mut KernelSpace) -> Result<(), BootError> {
    let Some(technique) = features.virtualisation else { return Ok(()) };
    let pages = space.take((SHARED_PAGES + MAX_CPUS as u64) * PAGE)?;
    PAGES.store(pages.0, Relaxed);
    // SAFETY: the pages were taken just now, so they are in the direct map and nobody else's.
    unsafe { by!(technique, prepare(pages)) }
    TECHNIQUE.store(technique as u8, Relaxed);
    Ok(())
}

/// Switches virtualisation on, on `cpu`, the executing one.
///
/// # Safety
/// Everything else about it is set up, its system calls included; [`prepare`] is done.
pub(crate) unsafe fn start(cpu: &Cpu) {
    if TECHNIQUE.load(Relaxed) == 0 {
        return;
    }
    let page = PAGES.load(Relaxed) + (SHARED_PAGES + u64::from(cpu.number())) * PAGE;
    cpu.own_page.store(page, Relaxed);
    write_auxiliary(0);
    // SAFETY: the caller's promise; each CPU has a page of its own.
    unsafe { by!(technique(), start(PhysicalAddress(page))) }
}

/// The virtual CPU at `guest`.
#[inline(always)]
fn guest(guest: PhysicalAddress) -> &'static Guest {
    // SAFETY: the portable kernel names virtual CPUs that it made with `prepare_guest`, which own two
    // pages and do not run; they consist of `Cell`s, for which any bytes are valid. Only a CPU that
    // holds the kernel lock gets here, or is asked by one that does and waits; the reference is gone before the lock is.
    unsafe { &*seen(guest.0) }
}

/// Address of the virtual CPU at `state`, as a context has it.
pub(crate) const fn address(state: PhysicalAddress) -> u64 {
    DIRECT_MAP | state.0
}

/// `guest` is about to be entered on `cpu`, the executing one: it finds nothing of another one's, and nothing that
/// is not so any more.
fn take_over(cpu: &Cpu, guest: &Guest) {
    let (here, it) = (ptr::from_ref(cpu) as u64, ptr::from_ref(guest) as u64);
    if cpu.guest.load(Relaxed) != it {
        cpu.guest.store(it, Relaxed);
        speculation::forget_branches();
    }
    if guest.cpu.replace(here) != here || !cpu.tags.hold(guest.tag.get()) {
        let (given, tag) = cpu.tags.give();
        guest.tag.set(given);
        by!(technique(), set_tag(guest, tag));
    }
}

/// This CPU may have translations of guests cached that are not so any more.
pub(crate) fn forget(cpu: &Cpu) {
    cpu.guest.store(0, Relaxed);
    cpu.tags.end_epoch();
}

impl Guest {
    /// Takes XCR0 as a guest may have it from `wanted`.
    pub(crate) fn set_extended(&self, wanted: u64) {
        let value = vector::admitted(wanted);
        self.extended.set(value);
        self.set_unusual(unusual::EXTENDED, value != vector::enabled_components());
    }

    pub(crate) fn set_unusual(&self, bit: u32, on: bool) {
        let others = self.unusual.get() & !bit;
        self.unusual.set(if on { others | bit } else { others });
    }

    /// Before it is entered: its own XCR0 and breakpoints.
    pub(crate) fn load_unusual(&self) {
        let unusual = self.unusual.get();
        if unusual & unusual::EXTENDED != 0 {
            vector::enable(self.extended.get());
        }
        if unusual & unusual::AUXILIARY != 0 {
            write_auxiliary(self.auxiliary.get());
        }
        if unusual & unusual::DEBUG != 0 {
            let [first, second, third, fourth, status] = &self.debug;
            // SAFETY: nothing breaks before DR7 says so, which is the guest's.
            unsafe {
                asm!("mov dr0, {}", "mov dr1, {}", "mov dr2, {}", "mov dr3, {}", "mov dr6, {}",
                    in(reg) first.get(), in(reg) second.get(), in(reg) third.get(), in(reg) fourth.get(),
                    in(reg) status.get(), options(nomem, nostack, preserves_flags));
            }
        }
    }

    /// After it was left: the machine's again. Debug registers without breakpoints are not switched any more.
    pub(crate) fn store_unusual(&self) {
        let unusual = self.unusual.get();
        let machine = vector::enabled_components();
        let extended = XCr0::read_raw();
        if extended != self.extended.get() {
            self.set_extended(extended);
        }
        if extended != machine {
            vector::enable(machine);
        }
        if unusual & unusual::AUXILIARY != 0 {
            write_auxiliary(0);
        }
        if unusual & unusual::DEBUG != 0 {
            let (first, second, third, fourth, status): (u64, u64, u64, u64, u64);
            // SAFETY: reads registers, and switches off what breakpoints there may be.
            unsafe {
                asm!("mov dr7, {off}", "mov {}, dr0", "mov {}, dr1", "mov {}, dr2", "mov {}, dr3",
                    "mov {}, dr6",
                    out(reg) first, out(reg) second, out(reg) third, out(reg) fourth, out(reg) status,
                    off = in(reg) 0x400u64, options(nomem, nostack, preserves_flags));
            }
            for (cell, value) in self.debug.iter().zip([first, second, third, fourth, status]) {
                cell.set(value);
            }
            if by!(technique(), read(self, state::DR7)) & BREAKPOINTS == 0 {
                by!(technique(), use_debug(self, false));
            }
        }
    }
}

// SAFETY: the kernel image defines this function, with this signature.
unsafe extern "Rust" {
    /// The kernel's answer to an exit of `me`'s guest on `cpu`: whom to run next, null for nobody.
    safe fn a9n_guest_exit(cpu: &Cpu, me: &Context) -> *const Context;
}

/// What the stubs call on the way in where something is not as it usually is.
pub(crate) extern "C" fn before_entry(cpu: &Cpu, guest: &Guest) {
    by!(technique(), make_ready(cpu, guest));
    take_over(cpu, guest);
    guest.load_unusual();
}

/// What the stubs call after an exit from a guest with something unusual, or in the middle of an event.
pub(crate) extern "C" fn after_exit(guest: &Guest) {
    guest.store_unusual();
    svm::keep_event(guest);
    guest.set_unusual(unusual::FORGETS, false);
    if svm::is_refused(guest) {
        forget(Cpu::here());
    }
}

/// What the stubs call when the guest of `me`, which runs on `cpu`, was left for something else than an
/// interrupt. Answers whom to run.
pub(crate) extern "C" fn left(cpu: &Cpu, me: &Context, guest: &Guest) -> *const Context {
    let stays = !is_vmx() && svm::handle(guest);
    if stays { ptr::from_ref(me) } else { a9n_guest_exit(cpu, me) }
}

/// The cell of word `number` of the state, unless the technique keeps it.
fn kept(guest: &Guest, number: usize) -> Option<&Cell<u64>> {
    match number {
        state::RAX if !is_vmx() => None,
        state::RSP => None,
        0..16 => guest.registers.get(number),
        state::CR2 if is_vmx() => Some(&guest.vmx.cr2),
        state::EXTENDED => Some(&guest.extended),
        45..50 if is_vmx() => guest.vmx.listed.get(number - 45).map(|[_, value]| value),
        state::AUXILIARY => Some(&guest.auxiliary),
        state::DR6 if !is_vmx() => None,
        state::DR0..=state::DR6 => guest.debug.get(number - state::DR0),
        _ => None,
    }
}

impl Virt for X86_64 {
    type Exits = Technique;

    fn exits(&self) -> &Technique {
        if is_vmx() { &Technique::Vmx } else { &Technique::Svm }
    }

    fn guest_bits(&self) -> Option<u32> {
        (TECHNIQUE.load(Relaxed) != 0).then_some(size_of::<Guest>().ilog2())
    }

    fn prepare_guest(&self, state: PhysicalAddress) {
        let guest = guest(state);
        guest.physical.set(state.0);
        by!(technique(), reset(guest, PAGES.load(Relaxed)));
        let mut words = state::RESET.into_iter();
        self.write_guest(state, StateGroups::all(), &mut || words.next().unwrap_or_default());
    }

    fn prepare_guest_root(&self, root: PhysicalAddress) {
        paging::prepare_guest_root(root);
    }

    fn set_guest_memory(&self, state: PhysicalAddress, root: PhysicalAddress) {
        guest(state).cpu.set(0);
        by!(technique(), set_memory(guest(state), root));
    }

    #[inline]
    fn exit_groups(&self, state: PhysicalAddress, reason: ExitReason) -> StateGroups {
        let groups = guest(state).groups.get(reason as usize).map_or(0, Cell::get);
        StateGroups::from_bits_truncate(groups)
    }

    fn set_exit_groups(&self, state: PhysicalAddress, reason: ExitReason, groups: StateGroups) {
        guest(state).groups[reason as usize % REASONS].set(groups.bits());
    }

    fn read_guest(&self, state: PhysicalAddress, groups: StateGroups, put: &mut dyn FnMut(u64)) {
        let guest = guest(state);
        for number in groups.numbers() {
            let kept = kept(guest, number).map(Cell::get);
            put(kept.unwrap_or_else(|| by!(technique(), read(guest, number))));
        }
    }

    fn write_guest(&self, state: PhysicalAddress, groups: StateGroups, take: Take<'_>) {
        let guest = guest(state);
        for number in groups.numbers() {
            let value = state::admitted(number, take());
            match kept(guest, number) {
                Some(cell) => cell.set(value),
                None => by!(technique(), write(guest, number, value)),
            }
            match number {
                state::CR0 | state::CR3 | state::CR4 | state::EFER => guest.cpu.set(0),
                state::EXTENDED => guest.set_extended(value),
                state::DR7 => by!(technique(), use_debug(guest, value & BREAKPOINTS != 0)),
                state::AUXILIARY => guest.set_unusual(unusual::AUXILIARY, value != 0),
                _ => {}
            }
        }
    }
}
