//! Virtual CPUs: the state of a guest's processor, and what a machine does with it.
//!
//! A virtual CPU is user-given memory, like a vector state. Attached to a process (see
//! [`Context::set_guest`](crate::Context::set_guest)), it makes that process run the guest instead of
//! user mode; the machine enters the guest where it would return to user mode, and calls the kernel
//! when the guest leaves for something that it does not deal with itself. Interrupts of the machine
//! are none of the guest's business: they are taken as if they came from user mode.
//!
//! The portable kernel knows nothing of the state but its parts, [`StateGroups`], whose words it
//! carries between virtual CPU and monitor.
//!
//! Guest-physical memory is an address space whose root was made by
//! [`prepare_guest_root`](Virt::prepare_guest_root): all of [`Paging`](crate::Paging) works on it, with
//! entries of the machine's kind for guests. The root itself tells the machine what it is. What
//! may be written there may also be executed.

use a9n_abi::guest::{Exit, ExitReason, GuestVerdict, StateGroups};

use crate::{PhysicalAddress, Words};

/// Where the words of a state come from, one after the other.
pub type Take<'a> = &'a mut dyn FnMut() -> u64;

/// What happens at every exit, by one of a machine's techniques, or by whichever it uses. A `guest` is
/// the address of a virtual CPU that [`prepare_guest`](Virt::prepare_guest) made.
pub trait Exits {
    /// Why `guest` was left the last time, for its monitor, with how its processor stands now.
    fn exit(&self, guest: PhysicalAddress) -> (ExitReason, Exit);

    /// Does to `guest` what a verdict with its `words` says, except for the groups.
    fn answer_exit(&self, guest: PhysicalAddress, verdict: GuestVerdict, words: &Words);
}

/// A machine's virtualisation. While a guest does not run, its state can be reached from every CPU, and
/// its memory can become something else at any time.
pub trait Virt {
    /// What the machine does at exits.
    type Exits: Exits;

    /// The exits of the technique that the machine uses.
    fn exits(&self) -> &Self::Exits;

    /// Logarithm of the bytes of a virtual CPU, at least a page; `None` if there can be none.
    fn guest_bits(&self) -> Option<u32>;

    /// Makes the zeroed memory at `guest` a virtual CPU as a processor's reset leaves it.
    fn prepare_guest(&self, guest: PhysicalAddress);

    /// Makes the zeroed page `root` an empty address space of guest-physical memory.
    fn prepare_guest_root(&self, root: PhysicalAddress);

    /// `guest`, which does not run, uses the guest-physical memory of `root` from now on; nothing
    /// that was cached of another counts for it.
    fn set_guest_memory(&self, guest: PhysicalAddress, root: PhysicalAddress);

    /// Which groups of state go with the message of an exit for `reason`.
    fn exit_groups(&self, guest: PhysicalAddress, reason: ExitReason) -> StateGroups;

    /// Sets which groups of state go with the message of an exit for `reason`.
    fn set_exit_groups(&self, guest: PhysicalAddress, reason: ExitReason, groups: StateGroups);

    /// Hands the words of `groups` to `put`, in order.
    fn read_guest(&self, guest: PhysicalAddress, groups: StateGroups, put: &mut dyn FnMut(u64));

    /// Replaces `groups` by as many words as they have from `take`, in order. Bits that no guest may
    /// have are taken away; whatever the words are, entering the guest harms nobody else.
    fn write_guest(&self, guest: PhysicalAddress, groups: StateGroups, take: Take<'_>);
}
