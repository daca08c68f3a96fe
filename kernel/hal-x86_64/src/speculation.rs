//! Speculation: what a CPU may leak by it, and what it can be told against that.

use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use raw_cpuid::{CpuId, CpuIdReader};
use x86_64::registers::control::Efer;
use x86_64::registers::model_specific::Msr;

const IA32_SPEC_CTRL: u32 = 0x48;
const IA32_PRED_CMD: u32 = 0x49;
const IA32_ARCH_CAPABILITIES: u32 = 0x10a;
const IA32_FLUSH_CMD: u32 = 0x10b;

/// CPUID 7 EDX: there is IA32_PRED_CMD; IA32_FLUSH_CMD; IA32_ARCH_CAPABILITIES.
const HAS_BRANCH_COMMAND: u32 = 1 << 26;
const HAS_CACHE_COMMAND: u32 = 1 << 28;
const HAS_CAPABILITIES: u32 = 1 << 29;
/// CPUID: the leaf in whose EBX AMD's say that there is IA32_PRED_CMD, and how.
const CAPACITY: u32 = 0x8000_0008;
const HAS_BRANCH_COMMAND_AS_AMD: u32 = 1 << 12;
/// IA32_ARCH_CAPABILITIES: not vulnerable to Meltdown, nor to L1TF.
const RDCL_NO: u64 = 1 << 0;
/// IA32_ARCH_CAPABILITIES: IBRS may stay on.
const IBRS_ALL: u64 = 1 << 1;
/// IA32_ARCH_CAPABILITIES: who runs this kernel's machine empties the cache where it matters.
const CACHE_IS_EMPTIED: u64 = 1 << 3;
/// IA32_SPEC_CTRL: indirect branches are restricted.
const IBRS: u64 = 1 << 0;
/// EFER: Automatic IBRS on.
const EFER_AUTOMATIC_IBRS: u64 = 1 << 21;

/// What a CPU says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speculation {
    /// Speculation in the kernel can be shielded from user mode's training once and for all.
    pub shield: Option<Shield>,
    /// User mode may speculatively read kernel memory (Meltdown).
    pub leaks_kernel_memory: bool,
    /// It can be told to forget what it learnt of branches (IBPB).
    pub forgets_branches: bool,
    /// Guests may speculatively read what its first-level cache holds (L1TF), and it can be told to empty that.
    pub must_empty_cache: bool,
}

/// How indirect branches of the kernel are kept apart from those of user mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shield {
    /// Enhanced IBRS (Intel).
    EnhancedIbrs,
    /// Automatic IBRS (AMD).
    AutomaticIbrs,
}

/// Whether the CPUs, which are all of one kind, have the commands and want them.
static FORGETS_BRANCHES: AtomicBool = AtomicBool::new(false);
static MUST_EMPTY_CACHE: AtomicBool = AtomicBool::new(false);

impl Speculation {
    /// Asks the CPU.
    pub(crate) fn detect<R: CpuIdReader>(id: &CpuId<R>) -> Self {
        let intel = id.get_vendor_info().is_some_and(|vendor| vendor.as_str() == "GenuineIntel");
        let has_more = id.get_extended_feature_info().is_some();
        let more = if has_more { __cpuid_count(7, 0).edx } else { 0 };
        let has_capacity = id.get_processor_capacity_feature_info().is_some();
        let capacity = if has_capacity { __cpuid(CAPACITY).ebx } else { 0 };
        let capabilities = if more & HAS_CAPABILITIES != 0 {
            // SAFETY: CPUID says that the register is there; reading it changes nothing.
            unsafe { Msr::new(IA32_ARCH_CAPABILITIES).read() }
        } else {
            0
        };
        let automatic =
            id.get_extended_feature_identification_2().is_some_and(|f| f.has_automatic_ibrs());
        Self::judge(intel, [more, capacity], capabilities, automatic)
    }

    /// What it means that an Intel, or none, says this: of its features in the leaves 7 and [`CAPACITY`], of its
    /// capabilities, and that it has Automatic IBRS.
    fn judge(intel: bool, [more, capacity]: [u32; 2], capabilities: u64, automatic: bool) -> Self {
        let leaks_kernel_memory = intel && capabilities & RDCL_NO == 0;
        Self {
            shield: if capabilities & IBRS_ALL != 0 {
                Some(Shield::EnhancedIbrs)
            } else {
                automatic.then_some(Shield::AutomaticIbrs)
            },
            leaks_kernel_memory,
            forgets_branches: more & HAS_BRANCH_COMMAND != 0
                || capacity & HAS_BRANCH_COMMAND_AS_AMD != 0,
            must_empty_cache: leaks_kernel_memory
                && more & HAS_CACHE_COMMAND != 0
                && capabilities & CACHE_IS_EMPTIED == 0,
        }
    }

    /// Takes note of what is wanted before guests run.
    pub(crate) fn prepare(&self) {
        FORGETS_BRANCHES.store(self.forgets_branches, Relaxed);
        MUST_EMPTY_CACHE.store(self.must_empty_cache, Relaxed);
    }

    /// Puts up the shield, on this CPU.
    pub(crate) fn enable(&self) {
        // SAFETY: CPUID has each feature; neither changes what instructions do.
        unsafe {
            match self.shield {
                Some(Shield::EnhancedIbrs) => Msr::new(IA32_SPEC_CTRL).write(IBRS),
                Some(Shield::AutomaticIbrs) => {
                    Efer::write_raw(Efer::read_raw() | EFER_AUTOMATIC_IBRS);
                }
                None => {}
            }
        }
    }
}

/// What comes next on this CPU shall not be led by branches of what came before, if the CPU can forget them.
pub(crate) fn forget_branches() {
    if FORGETS_BRANCHES.load(Relaxed) {
        // SAFETY: the CPU has the command, which has no other effect.
        unsafe { Msr::new(IA32_PRED_CMD).write(1) };
    }
}

/// Whether guests shall find nothing in a cache that they might read, and the CPU can empty that.
pub(crate) fn must_empty_cache() -> bool {
    MUST_EMPTY_CACHE.load(Relaxed)
}

/// Empties it, on this CPU, which must.
pub(crate) fn empty_cache() {
    // SAFETY: as in `forget_branches`; the cache is written back.
    unsafe { Msr::new(IA32_FLUSH_CMD).write(1) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDS: [u32; 2] = [HAS_BRANCH_COMMAND | HAS_CACHE_COMMAND, 0];

    #[test]
    fn caches_are_emptied_where_that_is_needed_and_can_be_done() {
        let must = |intel, more, capabilities| {
            Speculation::judge(intel, [more, 0], capabilities, false).must_empty_cache
        };
        assert!(must(true, HAS_CACHE_COMMAND, 0));
        assert!(!must(true, 0, 0), "it cannot be told to");
        assert!(!must(false, HAS_CACHE_COMMAND, 0), "not Intel's");
        assert!(!must(true, HAS_CACHE_COMMAND, RDCL_NO), "without the flaw");
        assert!(!must(true, HAS_CACHE_COMMAND, CACHE_IS_EMPTIED), "somebody else does");
    }

    #[test]
    fn branches_are_forgotten_where_either_maker_says_that_they_can_be() {
        let can = |leaves| Speculation::judge(false, leaves, 0, false).forgets_branches;
        assert!(can(COMMANDS) && can([0, HAS_BRANCH_COMMAND_AS_AMD]));
        assert!(!can([HAS_CACHE_COMMAND, 0]));
    }

    #[test]
    fn the_shield_is_the_best_that_there_is() {
        let shield = |capabilities, automatic| {
            Speculation::judge(true, COMMANDS, capabilities, automatic).shield
        };
        assert_eq!(shield(IBRS_ALL, true), Some(Shield::EnhancedIbrs));
        assert_eq!(shield(0, true), Some(Shield::AutomaticIbrs));
        assert_eq!(shield(0, false), None);
    }
}
