//! What a guest may do by itself, and what it leaves for (Intel SDM, volume 3, sections 25.6 to
//! 25.8).
//!
//! Everything that touches the machine leaves the guest: I/O, model-specific registers but those that
//! are switched, debug registers, `hlt`, `cpuid`, caches, performance counters, every VMX instruction
//! (always), and host interrupts, which are acknowledged on the way. `rdtscp` is unknown to a guest, as the
//! register that it reads besides is the machine's.

use x86_64::registers::model_specific::Msr;

use super::capability::{self, Allowed};

const EXTERNAL_INTERRUPTS: u32 = 1 << 0;
const NMIS: u32 = 1 << 3;
const VIRTUAL_NMIS: u32 = 1 << 5;

/// The guest leaves when it can take an interrupt.
pub const INTERRUPT_WINDOW: u32 = 1 << 2;
const TSC_OFFSETTING: u32 = 1 << 3;
const HLT: u32 = 1 << 7;
const MWAIT: u32 = 1 << 10;
const RDPMC: u32 = 1 << 11;
const CR3_LOADS: u32 = 1 << 15;
const CR3_STORES: u32 = 1 << 16;
const CR8_LOADS: u32 = 1 << 19;
const CR8_STORES: u32 = 1 << 20;
/// The guest leaves when it can take a non-maskable interrupt.
pub const NMI_WINDOW: u32 = 1 << 22;
/// The guest leaves when it touches a debug register.
pub const DEBUG_REGISTERS: u32 = 1 << 23;
const ALL_IO: u32 = 1 << 24;
const MSR_BITMAPS: u32 = 1 << 28;
const MONITOR: u32 = 1 << 29;
/// There are secondary controls.
pub const SECONDARY: u32 = 1 << 31;

/// Guest-physical memory is mapped by nested tables.
pub const EPT: u32 = 1 << 1;
/// What is cached is tagged.
pub const VPID_TAGS: u32 = 1 << 5;
const CACHES: u32 = 1 << 6;
const UNRESTRICTED: u32 = 1 << 7;
const INVPCID: u32 = 1 << 12;

/// Exceptions that make the guest leave: #DB and #AC, as one that raises itself again and again would
/// keep the CPU from ever taking an interrupt; and #MC, which is the machine's.
pub const EXCEPTIONS: u64 = 1 << 1 | 1 << 17 | 1 << MACHINE_CHECK;
/// Number of the exception #MC.
pub const MACHINE_CHECK: u8 = 18;

const EXIT_SAVE_DEBUG: u32 = 1 << 2;
const EXIT_LONG_MODE: u32 = 1 << 9;
const EXIT_ACKNOWLEDGE: u32 = 1 << 15;
const EXIT_SAVE_PAT: u32 = 1 << 18;
const EXIT_LOAD_PAT: u32 = 1 << 19;
const EXIT_SAVE_EFER: u32 = 1 << 20;
const EXIT_LOAD_EFER: u32 = 1 << 21;

const ENTRY_LOAD_DEBUG: u32 = 1 << 2;
/// The guest runs in long mode.
pub const ENTRY_LONG_MODE: u32 = 1 << 9;
const ENTRY_LOAD_PAT: u32 = 1 << 14;
const ENTRY_LOAD_EFER: u32 = 1 << 15;

/// The words of controls that all guests run with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// What a VMXON region and each VMCS begin with.
    pub revision: u32,
    /// Pin-based.
    pub pin: u32,
    /// Primary processor-based, without windows.
    pub processor: u32,
    /// Secondary processor-based.
    pub secondary: u32,
    /// VM-exit.
    pub exit: u32,
    /// VM-entry, outside long mode.
    pub entry: u32,
}

impl Controls {
    /// What we want on this CPU; `None` if it cannot do it, or may not.
    ///
    /// # Safety
    /// CPUID says that there is VMX.
    pub unsafe fn of_cpu() -> Option<Self> {
        // SAFETY: CPUs with VMX have the first registers that are asked for, and these say which others
        // there are. Reading changes nothing.
        Self::choose(|number| unsafe { Msr::new(number).read() })
    }

    /// The same on a CPU whose capabilities `read` reads, by the numbers of their registers.
    fn choose(read: impl Fn(u32) -> u64) -> Option<Self> {
        if !capability::suits(&read) {
            return None;
        }
        let allowed = |number| Allowed(read(number));
        let secondary = allowed(capability::IA32_VMX_PROCBASED2);
        let optional = |bit| if secondary.adjust(bit, 0).is_some() { bit } else { 0 };
        Some(Self {
            revision: read(capability::IA32_VMX_BASIC) as u32 & 0x7fff_ffff,
            pin: allowed(capability::IA32_VMX_TRUE_PINBASED)
                .adjust(EXTERNAL_INTERRUPTS | NMIS | VIRTUAL_NMIS, 0)?,
            processor: allowed(capability::IA32_VMX_TRUE_PROCBASED).adjust(
                TSC_OFFSETTING
                    | HLT
                    | MWAIT
                    | RDPMC
                    | CR8_LOADS
                    | CR8_STORES
                    | DEBUG_REGISTERS
                    | ALL_IO
                    | MSR_BITMAPS
                    | MONITOR
                    | SECONDARY,
                CR3_LOADS | CR3_STORES | INTERRUPT_WINDOW | NMI_WINDOW,
            )?,
            secondary: secondary
                .adjust(EPT | VPID_TAGS | CACHES | UNRESTRICTED | optional(INVPCID), 0)?,
            exit: allowed(capability::IA32_VMX_TRUE_EXIT).adjust(
                EXIT_SAVE_DEBUG
                    | EXIT_LONG_MODE
                    | EXIT_ACKNOWLEDGE
                    | EXIT_SAVE_PAT
                    | EXIT_LOAD_PAT
                    | EXIT_SAVE_EFER
                    | EXIT_LOAD_EFER,
                0,
            )?,
            entry: allowed(capability::IA32_VMX_TRUE_ENTRY)
                .adjust(ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, ENTRY_LONG_MODE)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registers of a processor with all that there is to VMX's name (Broadwell, as Bochs has it).
    fn able(number: u32) -> u64 {
        match number {
            0x3a => 5,
            0x480 => 0x00d8_1000_0000_002b,
            0x48b => 0x0005_7fff_0000_0000,
            0x48c => 0x0000_0f01_0633_4141,
            0x48d => 0x0000_007f_0000_0016,
            0x48e => 0xf7f9_fffe_0400_6172,
            0x48f => 0x007f_ffff_0003_6dfb,
            0x490 => 0x0000_ffff_0000_11fb,
            _ => panic!("there is no register {number:#x}"),
        }
    }

    /// The same, but that `bits` of register `of` are others.
    fn but(of: u32, bits: u64) -> Option<Controls> {
        Controls::choose(|number| able(number) ^ if number == of { bits } else { 0 })
    }

    #[test]
    fn guests_leave_for_what_is_the_machines_and_for_nothing_else() {
        let controls = Controls::choose(able).unwrap();
        for must in [HLT, MWAIT, MONITOR, RDPMC, DEBUG_REGISTERS, ALL_IO, MSR_BITMAPS] {
            assert_ne!(controls.processor & must, 0);
        }
        assert_eq!(
            controls.processor & (CR3_LOADS | CR3_STORES | INTERRUPT_WINDOW | NMI_WINDOW),
            0
        );
        assert_eq!(controls.secondary, EPT | VPID_TAGS | CACHES | UNRESTRICTED | INVPCID);
        assert_ne!(controls.exit & EXIT_ACKNOWLEDGE, 0);
        assert_eq!(controls.revision, 43);
    }

    #[test]
    fn what_is_not_allowed_is_left_out_or_makes_it_impossible() {
        let forbid = |bit: u32| but(0x48b, u64::from(bit) << 32);
        assert_eq!(forbid(INVPCID).unwrap().secondary & INVPCID, 0);
        assert_eq!(forbid(UNRESTRICTED), None);
        assert_eq!(but(0x48e, CR3_LOADS.into()), None, "CR3 belongs to the guest");
        assert_eq!(but(0x3a, 4), None, "switched off by the firmware");
        assert_eq!(but(0x48c, 1 << 26), None, "translations could not be forgotten");
        assert_eq!(but(0x480, 1 << 55), None, "no true capabilities");
    }
}
