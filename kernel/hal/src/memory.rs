//! Access to physical memory, the ground that kernel objects stand on.

use core::ptr::NonNull;

use crate::{KernelAddress, PhysicalAddress};

/// The machine's memory as the kernel sees it. Only the object store calls
/// [`pointer`](Memory::pointer) and [`object`](Memory::object).
///
/// # Safety
/// An implementation guarantees that
/// - `kernel_address` is injective on the memory that the machine reported, and
///   `physical_address` is its inverse;
/// - `pointer(a, n)` is valid for reads and writes of `n` bytes as long as `self` lives, if `a`
///   came from `kernel_address` of reported memory that reaches `n` bytes further. A simulated
///   machine panics where that does not hold; a real one need not check.
pub unsafe trait Memory {
    /// Where the kernel sees `physical`.
    fn kernel_address(&self, physical: PhysicalAddress) -> KernelAddress;

    /// What `address` lies in front of.
    fn physical_address(&self, address: KernelAddress) -> PhysicalAddress;

    /// A pointer to `bytes` bytes at `address` that are no kernel object.
    fn pointer(&self, address: KernelAddress, bytes: usize) -> NonNull<u8>;

    /// A pointer to `bytes` bytes at `address` that are one kernel object or part of one, with the
    /// same guarantee. A simulated machine also panics if no object lives there.
    #[inline(always)]
    fn object(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        self.pointer(address, bytes)
    }

    /// Copies `count` words from `from` to `to`, upwards, as the machine does it best. User
    /// processes may be reading and writing both at this moment.
    ///
    /// # Safety
    /// Both pointers come from [`pointer`](Memory::pointer), are aligned, and `count` words are
    /// valid behind each.
    #[inline(always)]
    unsafe fn copy_words(&self, from: *const u64, to: *mut u64, count: usize) {
        for word in 0..count {
            // SAFETY: the caller's promise; volatile access makes no assumption about values.
            unsafe { to.add(word).write_volatile(from.add(word).read_volatile()) }
        }
    }

    /// Says that an object of `bytes` bytes now lives at `address`. A simulated machine checks
    /// that nothing else does; a real one has nothing to do.
    #[inline(always)]
    fn claim(&self, _address: KernelAddress, _bytes: usize) {}

    /// Says that the object at `address` is gone: no reference to it may be followed any more.
    #[inline(always)]
    fn release(&self, _address: KernelAddress, _bytes: usize) {}
}
