//! The HAL's traits, as far as they are not [`Paging`](a9n_hal::Paging).

use core::arch::asm;
use core::mem::MaybeUninit;
use core::num::NonZeroU64;
use core::ptr::{self, NonNull};

use a9n_hal::{CpuNumber, Hal, KernelAddress, Memory, PhysicalAddress, Ticks};

use crate::context::Context;
use crate::cpu::Cpu;
use crate::entry::{self, Entered};
use crate::kernel_space::DIRECT_MAP;
use crate::{X86_64, clock, console, dump, vector};

/// The direct map's first address. It is aligned to more than all memory, so a physical address
/// is added by setting its bits.
const FIRST: NonZeroU64 = NonZeroU64::new(DIRECT_MAP).expect("the direct map is not at 0");

// SAFETY: the direct map shows every byte of reported memory at exactly one address, for good,
// readable and (but for the kernel's own constants) writable.
unsafe impl Memory for X86_64 {
    #[inline(always)]
    fn kernel_address(&self, physical: PhysicalAddress) -> KernelAddress {
        KernelAddress(FIRST | physical.0)
    }

    #[inline(always)]
    fn physical_address(&self, address: KernelAddress) -> PhysicalAddress {
        PhysicalAddress(address.0.get().wrapping_sub(DIRECT_MAP))
    }

    #[inline(always)]
    fn pointer(&self, address: KernelAddress, _bytes: usize) -> NonNull<u8> {
        let pointer = ptr::with_exposed_provenance_mut(address.0.get() as usize);
        // SAFETY: an address that is not 0 gives a pointer that is not null.
        unsafe { NonNull::new_unchecked(pointer) }
    }

    /// One `rep movsq`: on CPUs with fast string operations the quickest way for more than a few
    /// words, and one instruction where it is counted.
    ///
    /// # Safety
    /// As the trait says.
    #[inline(always)]
    unsafe fn copy_words(&self, from: *const u64, to: *mut u64, count: usize) {
        // SAFETY: the caller promises `count` valid words behind both. The direction flag is clear
        // in the kernel (the entry masks it).
        unsafe {
            asm!(
                "rep movsq",
                inout("rcx") count => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// What a fast path ends in; see [`Hal::Leave`].
pub struct Leave(());

impl Hal for X86_64 {
    type Context = Context;
    type Cpu = Entered;
    type Leave = Leave;

    const ARCHITECTURE: &'static str = "x86_64";

    #[inline(always)]
    fn cpu_number(cpu: &Entered) -> CpuNumber {
        cpu.number()
    }

    #[inline(always)]
    fn now(&self) -> Ticks {
        clock::now()
    }

    #[inline(always)]
    fn ticks_per_second(&self) -> Ticks {
        clock::ticks_per_second()
    }

    fn set_timer(&self, deadline: Option<Ticks>) {
        clock::set_timer(Cpu::here(), deadline);
    }

    fn write_console(&self, byte: u8) {
        console::write_byte(byte);
    }

    fn vector_state_bits(&self) -> u32 {
        vector::state_bits()
    }

    fn prepare_vector_state(&self, state: PhysicalAddress) {
        // SAFETY: the portable kernel's accounting of Generics says whose memory it is.
        unsafe { vector::initialise(state) }
    }

    fn release_vector_state(&self, state: PhysicalAddress) {
        vector::release(state);
    }

    fn vector_image_bytes(&self) -> usize {
        vector::image::bytes()
    }

    fn read_vector_state(&self, state: PhysicalAddress, image: PhysicalAddress) {
        // SAFETY: the portable kernel says whose memory it is, and that no unit holds the state.
        unsafe { vector::image::copy(self, state, image) }
    }

    fn write_vector_state(&self, state: PhysicalAddress, image: PhysicalAddress) -> bool {
        // SAFETY: as for `read_vector_state`.
        unsafe { vector::image::admit(self, image, state) }
    }

    fn copy_vector_state(&self, from: PhysicalAddress, to: PhysicalAddress) {
        // SAFETY: as for `read_vector_state`; what was a valid state is one in another place.
        unsafe { vector::image::copy(self, from, to) }
    }

    fn debug_exit(&self, success: bool) {
        dump::exit_emulator(success);
    }

    #[inline(always)]
    fn leave(
        &self,
        cpu: &Entered,
        to: &Context,
        identifier: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Leave {
        let unused = MaybeUninit::uninit();
        // SAFETY: only the fast paths can call this with a result to return, and they do it as
        // their last action, on the stack and with the registers that `entry` gave them.
        unsafe {
            match cpu {
                Entered::Alone => entry::a9n_leave(identifier, info, to, unused, word4, word5),
                Entered::Locked(_) => {
                    entry::a9n_leave_locked(identifier, info, to, unused, word4, word5);
                }
            }
        }
        Leave(())
    }

    #[inline(always)]
    fn stay(
        &self,
        cpu: &Entered,
        me: &Context,
        identifier: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Leave {
        let unused = MaybeUninit::uninit();
        // SAFETY: as for `leave`.
        unsafe {
            match cpu {
                Entered::Alone => entry::a9n_stay(identifier, info, me, unused, word4, word5),
                Entered::Locked(_) => {
                    entry::a9n_stay_locked(identifier, info, me, unused, word4, word5);
                }
            }
        }
        Leave(())
    }

    #[inline(always)]
    fn resume(&self, cpu: &Entered, to: &Context) -> Leave {
        let unused = MaybeUninit::uninit();
        // SAFETY: as for `leave`.
        unsafe {
            match cpu {
                Entered::Alone => entry::a9n_resume_fast(unused, unused, to),
                Entered::Locked(_) => entry::a9n_resume_locked(unused, unused, to),
            }
        }
        Leave(())
    }

    #[inline(always)]
    fn resume_until(&self, cpu: &Entered, to: &Context, deadline: Ticks) -> Leave {
        let unused = MaybeUninit::uninit();
        // SAFETY: as for `leave`.
        unsafe {
            match cpu {
                Entered::Alone => entry::a9n_resume_until(unused, deadline, to),
                Entered::Locked(_) => entry::a9n_resume_until_locked(unused, deadline, to),
            }
        }
        Leave(())
    }

    #[inline(always)]
    fn resume_guest(&self, cpu: &Entered, to: &Context) -> Leave {
        let unused = MaybeUninit::uninit();
        // SAFETY: as for `leave`.
        unsafe {
            match cpu {
                Entered::Alone => entry::a9n_enter_guest(unused, unused, to),
                Entered::Locked(_) => entry::a9n_enter_guest_locked(unused, unused, to),
            }
        }
        Leave(())
    }

    #[inline(always)]
    fn leave_foreign(&self, cpu: &Entered, to: &Context) -> Leave {
        let unused = MaybeUninit::uninit();
        // SAFETY: as for `leave`.
        unsafe {
            match cpu {
                Entered::Alone => entry::a9n_leave_foreign(unused, unused, to),
                Entered::Locked(_) => entry::a9n_leave_foreign_locked(unused, unused, to),
            }
        }
        Leave(())
    }

    #[inline(always)]
    fn switches_vectors(&self) -> bool {
        vector::switches_quickly()
    }

    #[inline(always)]
    fn switch_vectors(&self, cpu: &Entered, to: &Context) {
        vector::switch_quickly(cpu.cpu(), to);
    }

    #[inline(always)]
    fn put_vectors_aside(&self, cpu: &Entered, me: &Context) {
        vector::put_aside(cpu.cpu(), me);
    }

    #[inline(always)]
    fn take_vectors_up(&self, cpu: &Entered, to: &Context) {
        vector::take_up(cpu.cpu(), to);
    }

    #[inline(always)]
    fn retreat(
        &self,
        cpu: &Entered,
        me: &Context,
        operation: u64,
        descriptor: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Leave {
        let retreat = match cpu {
            Entered::Alone => entry::a9n_retreat,
            Entered::Locked(_) => entry::a9n_retreat_locked,
        };
        // SAFETY: as for `leave`.
        unsafe { retreat(descriptor, info, me, operation, word4, word5) };
        Leave(())
    }

    #[inline(always)]
    fn retreat_foreign(&self, cpu: &Entered, me: &Context) -> Leave {
        let unused = MaybeUninit::uninit();
        // SAFETY: as for `leave`.
        unsafe {
            match cpu {
                Entered::Alone => entry::a9n_retreat_foreign(unused, unused, me),
                Entered::Locked(_) => entry::a9n_retreat_foreign_locked(unused, unused, me),
            }
        }
        Leave(())
    }
}
