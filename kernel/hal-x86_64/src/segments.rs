//! Segments and task state: the least that long mode wants.
//!
//! There are no 32-bit user segments. The order is dictated by `syscall` (kernel data follows
//! kernel code) and `sysretq` (user data at STAR + 8, user code at STAR + 16).

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables::{lgdt, load_tss};
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::{Descriptor, DescriptorFlags, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PrivilegeLevel, VirtAddr};

use crate::cpu::{Area, FatalStack};

/// Selector of the kernel's code segment.
pub const KERNEL_CODE: u16 = 0x08;
/// Selector of the kernel's data segment.
pub const KERNEL_DATA: u16 = 0x10;
/// Selector of the user's data segment.
pub const USER_DATA: u16 = 0x18 | 3;
/// Selector of the user's code segment.
pub const USER_CODE: u16 = 0x20 | 3;
/// Selector of the task state.
pub(crate) const TASK_STATE: u16 = 0x28;

/// What `sysretq` adds 8 and 16 to.
pub const SYSRET_BASE: u16 = USER_DATA - 8;

const _: () = assert!(KERNEL_DATA == KERNEL_CODE + 8 && USER_CODE == SYSRET_BASE + 16);

/// One CPU's descriptor table and task state. Written once, before they are loaded.
#[repr(C)]
pub struct Segments {
    /// Where the table is: the way out of a guest loads it, too.
    pub(crate) pointer: UnsafeCell<DescriptorTablePointer>,
    table: UnsafeCell<[u64; 7]>,
    task: UnsafeCell<MaybeUninit<TaskStateSegment>>,
}

impl Segments {
    pub(crate) const fn new() -> Self {
        Self {
            pointer: UnsafeCell::new(DescriptorTablePointer { limit: 0, base: VirtAddr::zero() }),
            table: UnsafeCell::new([0; 7]),
            task: UnsafeCell::new(MaybeUninit::zeroed()),
        }
    }

    /// Address of the descriptor table.
    pub(crate) fn table_address(&self) -> u64 {
        self.table.get() as u64
    }

    /// Address of the task state.
    pub(crate) fn task_address(&self) -> u64 {
        self.task.get() as u64
    }
}

/// Loads this CPU's segments and task state, with `area`'s stacks in it.
///
/// # Safety
/// `area` is that of the executing CPU, whose segments were never loaded before.
pub unsafe fn load(area: &'static Area) {
    let segments = &area.cpu.segments;
    // SAFETY: the caller promises that nobody, and no hardware, uses them yet.
    let task = unsafe { &mut *segments.task.get() }.write(TaskStateSegment::new());
    task.privilege_stack_table[0] = VirtAddr::new_truncate(area.stack_top());
    let top = |stack| VirtAddr::new_truncate(area.fatal_stack_top(stack));
    task.interrupt_stack_table = FatalStack::tops(top);
    let pointer = DescriptorTablePointer {
        limit: (size_of::<[u64; 7]>() - 1) as u16,
        base: VirtAddr::new_truncate(segments.table_address()),
    };
    // SAFETY: as above; the task state lives in a static.
    unsafe {
        *segments.table.get() = descriptors(task);
        *segments.pointer.get() = pointer;
    }
    let kernel_data = SegmentSelector(KERNEL_DATA);
    // SAFETY: the table is static and holds the segments that these selectors name. FS and
    // GS take null: their bases are written at every return to user mode.
    unsafe {
        lgdt(&pointer);
        CS::set_reg(SegmentSelector(KERNEL_CODE));
        SS::set_reg(kernel_data);
        DS::set_reg(SegmentSelector::NULL);
        ES::set_reg(SegmentSelector::NULL);
        FS::set_reg(SegmentSelector::NULL);
        GS::set_reg(SegmentSelector::NULL);
        asm!("lldt {:x}", in(reg) 0u16, options(nomem, nostack, preserves_flags));
        load_tss(SegmentSelector::new(TASK_STATE >> 3, PrivilegeLevel::Ring0));
    }
}

/// The descriptor table with `task` as its task state. Its I/O permission map lies past its
/// end, so user mode has no port.
fn descriptors(task: *const TaskStateSegment) -> [u64; 7] {
    // SAFETY: only the address is taken; it goes into a descriptor.
    let (low, high) = match unsafe { Descriptor::tss_segment_unchecked(task) } {
        Descriptor::SystemSegment(low, high) => (low, high),
        Descriptor::UserSegment(low) => (low, 0),
    };
    [
        0,
        DescriptorFlags::KERNEL_CODE64.bits(),
        DescriptorFlags::KERNEL_DATA.bits(),
        DescriptorFlags::USER_DATA.bits(),
        DescriptorFlags::USER_CODE64.bits(),
        low,
        high,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_user_segments_are_reachable_from_user_mode() {
        let task = TaskStateSegment::new();
        let table = descriptors(&raw const task);
        let privilege = |selector: u16| table[usize::from(selector >> 3)] >> 45 & 3;
        assert_eq!([KERNEL_CODE, KERNEL_DATA, TASK_STATE].map(privilege), [0; 3]);
        assert_eq!([USER_DATA, USER_CODE].map(privilege), [3; 2]);
    }

    #[test]
    fn the_task_state_grants_no_port() {
        let task = TaskStateSegment::new();
        assert!(usize::from(task.iomap_base) >= size_of::<TaskStateSegment>());
    }
}
