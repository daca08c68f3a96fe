//! What a guest may do by itself, and what it leaves for (Intel SDM, volume 3, sections 25.6 to
//! 25.8).
//!
//! Everything that touches the machine leaves the guest: I/O, model-specific registers but those that
//! are switched, debug registers, `hlt`, `cpuid`, caches, performance counters, every VMX instruction
//! (always), and host interrupts, which are acknowledged on the way. `rdtscp` is unknown to a guest, as the
//! register that it reads besides is the machine's.

use super::capability::Capabilities;

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
    /// What we want on a CPU with `capabilities`; `None` if it cannot do it.
    pub fn choose(capabilities: &Capabilities) -> Option<Self> {
        let optional = |bit| if capabilities.secondary.adjust(bit, 0).is_some() { bit } else { 0 };
        Some(Self {
            pin: capabilities.pin.adjust(EXTERNAL_INTERRUPTS | NMIS | VIRTUAL_NMIS, 0)?,
            processor: capabilities.processor.adjust(
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
            secondary: capabilities
                .secondary
                .adjust(EPT | VPID_TAGS | CACHES | UNRESTRICTED | optional(INVPCID), 0)?,
            exit: capabilities.exit.adjust(
                EXIT_SAVE_DEBUG
                    | EXIT_LONG_MODE
                    | EXIT_ACKNOWLEDGE
                    | EXIT_SAVE_PAT
                    | EXIT_LOAD_PAT
                    | EXIT_SAVE_EFER
                    | EXIT_LOAD_EFER,
                0,
            )?,
            entry: capabilities
                .entry
                .adjust(ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, ENTRY_LONG_MODE)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::capability::Allowed;
    use super::*;

    /// A processor with all that there is to VMX's name (Broadwell, as Bochs has it).
    const ABLE: Capabilities = Capabilities {
        revision: 43,
        pin: Allowed(0x0000_007f_0000_0016),
        processor: Allowed(0xf7f9_fffe_0400_6172),
        secondary: Allowed(0x0005_7fff_0000_0000),
        exit: Allowed(0x007f_ffff_0003_6dfb),
        entry: Allowed(0x0000_ffff_0000_11fb),
    };

    #[test]
    fn guests_leave_for_what_is_the_machines_and_for_nothing_else() {
        let controls = Controls::choose(&ABLE).unwrap();
        for must in [HLT, MWAIT, MONITOR, RDPMC, DEBUG_REGISTERS, ALL_IO, MSR_BITMAPS] {
            assert_ne!(controls.processor & must, 0);
        }
        assert_eq!(
            controls.processor & (CR3_LOADS | CR3_STORES | INTERRUPT_WINDOW | NMI_WINDOW),
            0
        );
        assert_eq!(controls.secondary, EPT | VPID_TAGS | CACHES | UNRESTRICTED | INVPCID);
        assert_ne!(controls.exit & EXIT_ACKNOWLEDGE, 0);
    }

    #[test]
    fn what_is_not_allowed_is_left_out_or_makes_it_impossible() {
        let without = |bit: u32| Allowed(ABLE.secondary.0 & !(u64::from(bit) << 32));
        let spare = Capabilities { secondary: without(INVPCID), ..ABLE };
        assert_eq!(Controls::choose(&spare).unwrap().secondary & INVPCID, 0);
        let restricted = Capabilities { secondary: without(UNRESTRICTED), ..ABLE };
        assert_eq!(Controls::choose(&restricted), None);
        let always = Capabilities { processor: Allowed(ABLE.processor.0 | 1 << 15), ..ABLE };
        assert_eq!(Controls::choose(&always), None, "CR3 belongs to the guest");
    }
}
