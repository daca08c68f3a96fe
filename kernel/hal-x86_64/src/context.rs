//! A process's registers, and where the assembly in `entry` finds them.
//!
//! The first cache line holds all that the fast path touches. The rest is written only by the
//! general paths.
//!
//! Invariants, which make `sysretq`, `iretq`, `wrfsbase` and `mov cr3` in `entry` safe without
//! a check:
//! - `rip` lies below [`USER_END`];
//! - `fs_base` and `gs_base` are canonical;
//! - `rflags` has interrupts on and no privilege (`user_flags`, or saved from user mode);
//! - `root` is a root that `Paging::prepare_root` made, with its tag (see
//!   [`translations`](crate::translations)), or the kernel's own.

use core::cell::Cell;
use core::mem::offset_of;
use core::ptr;

use a9n_hal::{CallFrame, MESSAGE_REGISTERS, PhysicalAddress, UserAddress};

use crate::paging::{NEVER_MAPPED, USER_END, kernel_root, root_word};
use crate::{vector, virt};

/// Flags that every process runs with: interrupts on, and the bit that is always set.
pub const FIXED_FLAGS: u64 = 0x202;

/// Flags that a process may choose: CF PF AF ZF SF TF DF OF RF AC ID.
const FREE_FLAGS: u64 = 0x0025_0dd5;

/// Bytes of the `syscall` instruction.
const SYSCALL_BYTES: u64 = 2;

/// How a context resumes. The numbers are compared in `entry`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By `sysretq`, as the answer to a kernel call.
    Answer = 0,
    /// By `iretq`, with every register.
    Whole = 1,
    /// Into its guest.
    Guest = u32::MAX,
}

/// The registers of one process.
#[repr(C, align(64))]
pub struct Context {
    pub(crate) root: Cell<u64>,
    pub(crate) rip: Cell<u64>,
    pub(crate) rsp: Cell<u64>,
    pub(crate) rbx: Cell<u64>,
    pub(crate) rbp: Cell<u64>,
    pub(crate) fs_base: Cell<u64>,
    pub(crate) gs_base: Cell<u64>,
    pub(crate) mode: Cell<Mode>,
    /// 1 if its system calls are foreign, else 0. The system call stub reads it without the kernel
    /// lock: one word, of which either value is right while it changes.
    pub(crate) foreign: Cell<u32>,

    pub(crate) rax: Cell<u64>,
    pub(crate) rcx: Cell<u64>,
    pub(crate) rdx: Cell<u64>,
    pub(crate) rsi: Cell<u64>,
    pub(crate) rdi: Cell<u64>,
    pub(crate) r8: Cell<u64>,
    pub(crate) r9: Cell<u64>,
    pub(crate) r10: Cell<u64>,
    pub(crate) r11: Cell<u64>,
    pub(crate) r12: Cell<u64>,
    pub(crate) r13: Cell<u64>,
    pub(crate) r14: Cell<u64>,
    pub(crate) r15: Cell<u64>,
    pub(crate) rflags: Cell<u64>,
    /// Address of its vector state, 0 if it has none.
    pub(crate) vector_state: Cell<u64>,
    /// Address of its virtual CPU, which [`Mode::Guest`] needs.
    pub(crate) guest: Cell<u64>,
}

/// `value` as flags of a process: what it may choose from it, and what is fixed.
const fn user_flags(value: u64) -> u64 {
    value & FREE_FLAGS | FIXED_FLAGS
}

/// Where the registers of the register file are, by number.
const REGISTER_OFFSETS: [u8; 20] = [
    offset_of!(Context, rax) as u8,
    offset_of!(Context, rbx) as u8,
    offset_of!(Context, rcx) as u8,
    offset_of!(Context, rdx) as u8,
    offset_of!(Context, rsi) as u8,
    offset_of!(Context, rdi) as u8,
    offset_of!(Context, rbp) as u8,
    offset_of!(Context, rsp) as u8,
    offset_of!(Context, r8) as u8,
    offset_of!(Context, r9) as u8,
    offset_of!(Context, r10) as u8,
    offset_of!(Context, r11) as u8,
    offset_of!(Context, r12) as u8,
    offset_of!(Context, r13) as u8,
    offset_of!(Context, r14) as u8,
    offset_of!(Context, r15) as u8,
    offset_of!(Context, rip) as u8,
    offset_of!(Context, rflags) as u8,
    offset_of!(Context, fs_base) as u8,
    offset_of!(Context, gs_base) as u8,
];

impl Context {
    /// The cell of register `number` of the register file.
    fn register(&self, number: usize) -> Option<&Cell<u64>> {
        let offset = usize::from(*REGISTER_OFFSETS.get(number)?);
        // SAFETY: at this offset of a context, which is smaller than 256 bytes, lies a field of this
        // type.
        Some(unsafe { &*ptr::from_ref(self).byte_add(offset).cast() })
    }

    /// Restores the invariant on `rip` after the CPU stored it: a jump out of the user half
    /// may leave it at its target.
    pub(crate) fn confine(&self) {
        if self.rip.get() >= USER_END {
            self.rip.set(NEVER_MAPPED);
        }
    }
}

impl a9n_hal::Context for Context {
    const REGISTERS: usize = REGISTER_OFFSETS.len();

    fn new() -> Self {
        let zero = || Cell::new(0);
        Self {
            root: Cell::new(kernel_root().0),
            rip: zero(),
            rsp: zero(),
            rbx: zero(),
            rbp: zero(),
            fs_base: zero(),
            gs_base: zero(),
            mode: Cell::new(Mode::Whole),
            foreign: Cell::new(0),
            rax: zero(),
            rcx: zero(),
            rdx: zero(),
            rsi: zero(),
            rdi: zero(),
            r8: zero(),
            r9: zero(),
            r10: zero(),
            r11: zero(),
            r12: zero(),
            r13: zero(),
            r14: zero(),
            r15: zero(),
            rflags: Cell::new(FIXED_FLAGS),
            vector_state: zero(),
            guest: zero(),
        }
    }

    fn call(&self) -> CallFrame {
        CallFrame {
            operation: self.rax.get(),
            descriptor: self.rdi.get(),
            info: self.rsi.get(),
            words: [
                self.r12.get(),
                self.r13.get(),
                self.r14.get(),
                self.r15.get(),
                self.r8.get(),
                self.r9.get(),
            ],
        }
    }

    #[inline(always)]
    fn set_words(&self, words: &[u64; MESSAGE_REGISTERS]) {
        let [w0, w1, w2, w3, w4, w5] = *words;
        self.r12.set(w0);
        self.r13.set(w1);
        self.r14.set(w2);
        self.r15.set(w3);
        self.r8.set(w4);
        self.r9.set(w5);
    }

    #[inline(always)]
    fn answer_without_words(&self, identifier: u64, info: u64) {
        self.rdi.set(identifier);
        self.rsi.set(info);
        self.mode.set(Mode::Answer);
    }

    fn restart(&self, operation: u64) {
        self.rax.set(operation);
        let next = self.rip.get();
        self.rcx.set(next);
        self.r11.set(self.rflags.get());
        self.rip.set(next.saturating_sub(SYSCALL_BYTES));
        self.mode.set(Mode::Whole);
    }

    fn set_foreign(&self, foreign: bool) {
        self.foreign.set(foreign.into());
    }

    fn is_foreign(&self) -> bool {
        self.foreign.get() != 0
    }

    /// The convention of Linux on x86_64 (System V psABI, appendix A.2.1).
    fn foreign_call(&self) -> (u64, [u64; MESSAGE_REGISTERS]) {
        let arguments = [&self.rdi, &self.rsi, &self.rdx, &self.r10, &self.r8, &self.r9];
        (self.rax.get(), arguments.map(Cell::get))
    }

    fn answer_foreign(&self, result: u64) {
        self.rax.set(result);
        self.rcx.set(self.rip.get());
        self.r11.set(self.rflags.get());
        self.mode.set(Mode::Whole);
    }

    fn resume_whole(&self) {
        self.mode.set(Mode::Whole);
    }

    fn copy_from(&self, other: &Self) {
        for number in 0..Self::REGISTERS {
            if let (Some(to), Some(from)) = (self.register(number), other.register(number)) {
                to.set(from.get());
            }
        }
        self.mode.set(other.mode.get());
    }

    fn instruction_pointer(&self) -> UserAddress {
        UserAddress(self.rip.get())
    }

    fn set_instruction_pointer(&self, address: UserAddress) {
        self.rip.set(address.0);
        self.confine();
    }

    fn set_stack_pointer(&self, address: UserAddress) {
        self.rsp.set(address.0);
    }

    fn set_thread_base(&self, address: UserAddress) -> bool {
        let fits = address.0 < USER_END;
        if fits {
            self.fs_base.set(address.0);
        }
        fits
    }

    fn set_argument(&self, value: u64) {
        self.rdi.set(value);
    }

    /// Without an address space it would run, if it ever did, in the kernel's own, where it
    /// faults at its first instruction.
    fn set_address_space(&self, root: Option<PhysicalAddress>) {
        self.root.set(root.map_or(kernel_root().0, |root| root_word(root).0));
    }

    fn set_vector_state(&self, state: Option<PhysicalAddress>) {
        self.vector_state.set(state.map_or(0, vector::address));
    }

    fn set_guest(&self, guest: Option<PhysicalAddress>) {
        if self.guest.get() != 0 {
            virt::vmx::take_back(self.guest.get());
        }
        self.guest.set(guest.map_or(0, virt::address));
        self.mode.set(if guest.is_some() { Mode::Guest } else { Mode::Whole });
    }

    fn read(&self, number: usize) -> Option<u64> {
        self.register(number).map(Cell::get)
    }

    fn write(&self, number: usize, value: u64) -> bool {
        let Some(register) = self.register(number) else {
            return false;
        };
        let value = match number {
            16 | 18 | 19 if value >= USER_END => return false,
            17 => user_flags(value),
            _ => value,
        };
        register.set(value);
        self.mode.set(Mode::Whole);
        true
    }
}

const _: () = {
    assert!(offset_of!(Context, foreign) < 64);
    assert!(size_of::<Context>() == 3 * 64);
};

#[cfg(test)]
mod tests {
    use a9n_hal::Context as _;

    use super::*;

    #[test]
    fn every_register_keeps_its_own_value() {
        let context = Context::new();
        for number in (0..Context::REGISTERS).filter(|number| *number != 17) {
            assert!(context.write(number, 0x1000 + number as u64));
        }
        for number in (0..Context::REGISTERS).filter(|number| *number != 17) {
            assert_eq!(context.read(number), Some(0x1000 + number as u64));
        }
        assert_eq!(context.mode.get(), Mode::Whole);
        assert_eq!(context.read(Context::REGISTERS), None);
        assert!(!context.write(Context::REGISTERS, 1));
    }

    #[test]
    fn flags_never_raise_privilege() {
        let context = Context::new();
        assert!(context.write(17, !0));
        let flags = context.read(17).unwrap();
        assert_eq!(flags & 0x3000, 0, "I/O privilege level");
        assert_eq!(flags & 0x4000, 0, "nested task");
        assert_eq!(flags & 0x1a_0000, 0, "virtual-8086 mode and virtual interrupts");
        assert!(context.write(17, 0));
        assert_eq!(context.read(17), Some(FIXED_FLAGS));
    }

    #[test]
    fn addresses_outside_the_user_half_are_refused() {
        let context = Context::new();
        for number in [16, 18, 19] {
            assert!(!context.write(number, USER_END));
            assert!(!context.write(number, 0xffff_8000_0000_0000));
            assert_eq!(context.read(number), Some(0));
        }
        assert!(!context.set_thread_base(UserAddress(!0)));
        context.set_instruction_pointer(UserAddress(0x8000_0000_0000));
        assert_eq!(context.instruction_pointer().0, NEVER_MAPPED);
    }

    #[test]
    fn an_answer_comes_back_in_the_registers_of_the_call() {
        let context = Context::new();
        context.answer(7, 8, &[1, 2, 3, 4, 5, 6]);
        let frame = context.call();
        assert_eq!((frame.descriptor, frame.info), (7, 8));
        assert_eq!(frame.words, [1, 2, 3, 4, 5, 6]);
        assert_eq!(context.mode.get(), Mode::Answer);
    }

    #[test]
    fn a_restarted_call_stands_at_its_instruction_again() {
        let context = Context::new();
        context.set_instruction_pointer(UserAddress(0x20_0002));
        context.restart(9);
        assert_eq!(context.read(0), Some(9));
        assert_eq!(context.instruction_pointer(), UserAddress(0x20_0000));
        assert_eq!(context.read(2), Some(0x20_0002));
        assert_eq!(context.mode.get(), Mode::Whole);
    }
}
