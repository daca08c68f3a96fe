//! The kernel lock: one CPU at a time is in the portable kernel.
//!
//! While only one CPU runs, there is nothing to lock, and [`Exclusive`] costs nothing but a look
//! at their number. Else every event takes the lock once the registers are saved, and gives it
//! back when the CPU is ready to run whoever comes next. The fast paths do the same in assembly
//! (see [`entry`](crate::entry)).
//!
//! # Whoever waits serves
//! What another CPU has to do is asked for with the lock held, and waited for after it was given
//! back ([`shootdown::settle`]). Whoever waits, for the lock or for an answer, does meanwhile what
//! others ask of him. So each wait ends: the lock's holder waits for nobody, and a CPU that was
//! asked is in user mode or idle, where the request interrupts it; or it waits, and serves; or it
//! holds the lock, and will do one of these next.
//!
//! One thing is waited for with the lock held: that a CPU gives back a virtual CPU's state
//! ([`virt::vmx::take_back`]). That CPU does not have the lock, so it is one of the others.
//!
//! # What is true while the lock is held
//! - `root` of every CPU is what its CR3 holds, or names a user root although CR3 holds the
//!   kernel's already (`translations::leave_user_space`). It changes with the lock held, *before* that
//!   is given back; so when an address space or a page of tables dies, no CPU that is not asked
//!   to forget it can be about to use it.
//! - A vector state is in memory, unless its process runs at this moment.
//! - The context of a process that runs, as its state says, is used by its CPU without the lock,
//!   on the way in and on the way out. The portable kernel therefore touches the context of a
//!   process that runs on another CPU only after that has stopped it.

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::ptr;

use a9n_handshake::Lock;

use crate::context::Context;
use crate::cpu::{self, Cpu};
use crate::{shootdown, translations, vector, virt};

/// Taken while a CPU is in the kernel. The assembly takes and gives it, too.
pub(crate) static LOCK: Lock = Lock::new();

/// Takes the lock on this CPU.
pub(crate) extern "C" fn acquire() {
    let cpu = Cpu::here();
    LOCK.acquire(|| wait_a_moment(cpu));
}

/// Gives the lock back.
pub(crate) fn release() {
    LOCK.release();
}

/// Lets CPUs that [`boot`](crate::boot::boot) started enter the kernel: it took the lock if there
/// are any.
pub fn admit_all() {
    release();
}

/// What `cpu`, the executing one, does while it waits: serves others.
pub(crate) fn wait_a_moment(cpu: &Cpu) {
    shootdown::serve(cpu);
    spin_loop();
}

/// What only the CPU that is in the kernel may touch.
pub struct Exclusive<T>(UnsafeCell<T>);

// SAFETY: handed out to the holder of the lock only, or to the only CPU that runs.
unsafe impl<T> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    /// Guards `value`.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Lets `event` do its work in the kernel, and makes `cpu` ready for the context that it
    /// answers (`None`: to idle). Answers that context, null for none.
    ///
    /// # Safety
    /// `cpu` is the executing one, and is not in the kernel already.
    #[inline(always)]
    pub unsafe fn with<F>(&self, cpu: &Cpu, event: F) -> *const Context
    where
        F: for<'a> FnOnce(&'a mut T) -> Option<&'a Context>,
    {
        let shared = cpu::are_several();
        if shared {
            acquire();
        }
        // SAFETY: this CPU holds the lock, or is the only one; and it was not in the kernel.
        let next = event(unsafe { &mut *self.0.get() });
        vector::give(cpu, next);
        if virt::is_vmx() {
            virt::vmx::pass_on(cpu, next.map_or(0, |next| next.guest.get()));
        }
        let pointer = next.map_or(ptr::null(), ptr::from_ref);
        if shared {
            translations::load(cpu, next);
            release();
            shootdown::settle(cpu);
        }
        pointer
    }

    /// The value, for a fast path.
    ///
    /// # Safety
    /// The CPU came through its system call stub, which took the lock if there are several CPUs;
    /// the result is not used after the fast path's last action.
    #[inline(always)]
    pub unsafe fn entered(&self) -> &T {
        // SAFETY: the caller's promise.
        unsafe { &*self.0.get() }
    }

    /// The value, for the boot CPU before the first event.
    ///
    /// # Safety
    /// No other CPU can be in the kernel, and there is no other reference.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that it is the only one")]
    pub unsafe fn before_events(&self) -> &mut T {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.0.get() }
    }
}
