//! A guest's processor, as the machine asks it for more than an exit tells.

use a9n_abi::guest::StateGroups;

/// The state of a processor that is not running, word by word.
pub trait Processor {
    /// Word `index` of `group`, which is one group.
    fn get(&mut self, group: StateGroups, index: usize) -> u64;

    /// Changes it.
    fn set(&mut self, group: StateGroups, index: usize, value: u64);
}

/// Where ES, CS and DS begin among the words of the segments.
pub const EXTRA_BASE: usize = 1;
pub const CODE_BASE: usize = 3;
pub const DATA_BASE: usize = 7;
/// Some of the general registers.
pub const RCX: usize = 2;
pub const RSI: usize = 4;
pub const RDI: usize = 5;
/// RFLAGS beside RIP.
pub const FLAGS: usize = 1;
/// CR0, CR2, CR4 and EFER among the words of the control registers.
pub const CR0: usize = 0;
pub const CR2: usize = 1;
pub const CR4: usize = 3;
pub const EFER: usize = 5;
/// Which extended states are on, among the same.
pub const XCR0: usize = 6;
/// The page attribute table among the words of the system's registers.
pub const PAT: usize = 8;
