//! What a guest may do by itself, and what it leaves for (Intel SDM, volume 3, sections 25.6 to
//! 25.8), as far as a CPU can do it (appendix A).
//!
//! Everything that touches the machine leaves the guest: I/O, model-specific registers but those that
//! are switched, debug registers, `hlt`, `cpuid`, caches, performance counters, every VMX instruction
//! (always), and host interrupts, which are acknowledged on the way.
//!
//! A word of controls has a capability MSR that says which bits must be 1 (its low half) and which
//! may be (its high half). Bits that must be 1 in the older MSRs may be 0 by the newer, *true* ones,
//! which every CPU with unrestricted guests has.

use x86_64::registers::model_specific::Msr;

use super::field::Field;

const IA32_FEATURE_CONTROL: u32 = 0x3a;
const IA32_VMX_BASIC: u32 = 0x480;
const IA32_VMX_PROCBASED2: u32 = 0x48b;
const IA32_VMX_EPT_VPID: u32 = 0x48c;
const IA32_VMX_TRUE_PINBASED: u32 = 0x48d;
const IA32_VMX_TRUE_PROCBASED: u32 = 0x48e;
const IA32_VMX_TRUE_EXIT: u32 = 0x48f;
const IA32_VMX_TRUE_ENTRY: u32 = 0x490;

/// IA32_FEATURE_CONTROL: it cannot be changed before the next reset.
const LOCKED: u64 = 1 << 0;
/// IA32_FEATURE_CONTROL: VMX may be switched on (outside the mode for measured launch).
const ENABLED: u64 = 1 << 2;
/// IA32_VMX_BASIC: there are the true capability MSRs.
const TRUE_CONTROLS: u64 = 1 << 55;
/// IA32_VMX_BASIC, from bit 50: memory type of the structures, 6 for write-back.
const WRITE_BACK: u64 = 6;
/// IA32_VMX_EPT_VPID_CAP: four levels, write-back tables, pages of 2 MiB and 1 GiB, `invept` of everything.
const EPT_NEEDED: u64 = 1 << 6 | 1 << 14 | 1 << 16 | 1 << 17 | 1 << 20 | 1 << 26;

/// Pin-based: interrupts and non-maskable ones make guests leave, those have their own of the latter kind.
const PIN: u32 = 1 << 0 | 1 << 3 | 1 << 5;
/// The guest leaves when it can take an interrupt.
pub const INTERRUPT_WINDOW: u32 = 1 << 2;
/// The guest leaves when it touches a debug register.
pub const DEBUG_REGISTERS: u32 = 1 << 23;
/// Offset of time, HLT, MWAIT, RDPMC, CR8 in memory, I/O, map of registers, MONITOR, secondary controls.
const PROCESSOR: u32 =
    1 << 3 | 1 << 7 | 0b11 << 10 | 1 << 21 | DEBUG_REGISTERS | 1 << 24 | 0b1011 << 28;
/// Loads and stores of CR3, both windows.
const PROCESSOR_NOT: u32 = INTERRUPT_WINDOW | 0b11 << 15 | 1 << 22;
/// Secondary: EPT, RDTSCP, tagged translations, WBINVD, unrestricted guests; and what not all CPUs have, INVPCID.
const SECONDARY: u32 = 1 << 1 | 1 << 3 | 0b111 << 5;
const INVPCID: u32 = 1 << 12;
/// Debug registers and page attributes and EFER are saved, the latter loaded, to long mode, interrupts acknowledged.
const EXIT: u32 = 1 << 2 | 1 << 9 | 1 << 15 | 0b1111 << 18;
/// The guest runs in long mode.
pub const ENTRY_LONG_MODE: u32 = 1 << 9;
/// Debug registers, page attributes and EFER are loaded.
const ENTRY: u32 = 1 << 2 | 0b11 << 14;

/// Exceptions that make the guest leave: #DB and #AC, as one that raises itself again and again would
/// keep the CPU from ever taking an interrupt; and #MC, which is the machine's.
pub const EXCEPTIONS: u64 = 1 << 1 | 1 << 17 | 1 << MACHINE_CHECK;
/// Number of the exception #MC.
pub const MACHINE_CHECK: u8 = 18;

/// The words of controls that all guests run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controls {
    /// What a VMXON region and each VMCS begin with.
    pub revision: u32,
    /// The fields with them: without windows, outside long mode.
    pub words: [(Field, u64); 5],
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
        let basic = read(IA32_VMX_BASIC);
        let usable = may_be_enabled(read(IA32_FEATURE_CONTROL))
            && basic & TRUE_CONTROLS != 0
            && basic >> 50 & 0xf == WRITE_BACK;
        let adjusted = |register, wanted, unwanted| adjust(read(register), wanted, unwanted);
        // The registers of the secondary controls, then of EPT, are there as the words before them allow.
        let processor =
            usable.then(|| adjusted(IA32_VMX_TRUE_PROCBASED, PROCESSOR, PROCESSOR_NOT))??;
        let secondary = |wanted| adjusted(IA32_VMX_PROCBASED2, wanted, 0);
        let secondary = secondary(SECONDARY | INVPCID).or_else(|| secondary(SECONDARY))?;
        let suits = read(IA32_VMX_EPT_VPID) & EPT_NEEDED == EPT_NEEDED;
        suits.then_some(Self {
            revision: basic as u32 & 0x7fff_ffff,
            words: [
                (Field::PIN_CONTROLS, adjusted(IA32_VMX_TRUE_PINBASED, PIN, 0)?),
                (Field::PROCESSOR_CONTROLS, processor),
                (Field::SECONDARY_CONTROLS, secondary),
                (Field::EXIT_CONTROLS, adjusted(IA32_VMX_TRUE_EXIT, EXIT, 0)?),
                (Field::ENTRY_CONTROLS, adjusted(IA32_VMX_TRUE_ENTRY, ENTRY, ENTRY_LONG_MODE)?),
            ],
        })
    }
}

/// `wanted` with the bits that must be set as `allowed` says; `None` if a wanted bit may not, or if one of
/// `unwanted` must.
fn adjust(allowed: u64, wanted: u32, unwanted: u32) -> Option<u64> {
    let (must, may) = (allowed as u32, (allowed >> 32) as u32);
    let value = wanted | must;
    (value & !may == 0 && value & unwanted == 0).then_some(value.into())
}

/// Whether the firmware left VMX to us.
const fn may_be_enabled(feature_control: u64) -> bool {
    feature_control & LOCKED == 0 || feature_control & ENABLED != 0
}

/// Allows VMX on the executing CPU, where the firmware did not.
///
/// # Safety
/// CPUID says that there is VMX, and the firmware did not switch it off.
pub unsafe fn allow() {
    let mut control = Msr::new(IA32_FEATURE_CONTROL);
    // SAFETY: every CPU with VMX has the register, and it is only written while it may be.
    unsafe {
        let value = control.read();
        if value & LOCKED == 0 {
            control.write(value | LOCKED | ENABLED);
        }
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

    /// The words of primary and secondary controls, and of those of exits.
    fn of([_, processor, secondary, exit, _]: [(Field, u64); 5]) -> [u32; 3] {
        [processor, secondary, exit].map(|(_, word)| word as u32)
    }

    #[test]
    fn guests_leave_for_what_is_the_machines_and_for_nothing_else() {
        let controls = Controls::choose(able).unwrap();
        let [processor, secondary, exit] = of(controls.words);
        // HLT, MWAIT, RDPMC, debug registers, I/O, map of registers, MONITOR.
        for must in [7, 10, 11, 23, 24, 28, 29] {
            assert_ne!(processor & 1 << must, 0);
        }
        assert_eq!(processor & PROCESSOR_NOT, 0);
        assert_eq!(secondary, SECONDARY | INVPCID);
        assert_ne!(exit & 1 << 15, 0, "interrupts are acknowledged");
        assert_eq!(controls.revision, 43);
    }

    #[test]
    fn what_is_not_allowed_is_left_out_or_makes_it_impossible() {
        let forbid = |bit: u32| but(0x48b, u64::from(bit) << 32);
        assert_eq!(of(forbid(INVPCID).unwrap().words)[1] & INVPCID, 0);
        assert_eq!(forbid(1 << 7), None, "no unrestricted guests");
        assert_eq!(but(0x48e, 1 << 15), None, "CR3 belongs to the guest");
        assert_eq!(but(0x3a, 4), None, "switched off by the firmware");
        assert_eq!(but(0x48c, 1 << 26), None, "translations could not be forgotten");
        assert_eq!(but(0x480, 1 << 55), None, "no true capabilities");
    }

    #[test]
    fn controls_get_what_must_be_set_and_nothing_that_may_not() {
        let adjust = |wanted, unwanted| adjust(0x0000_00ff_0000_0016, wanted, unwanted);
        assert_eq!(adjust(0x81, 0), Some(0x97));
        assert_eq!(adjust(0x100, 0), None, "not allowed");
        assert_eq!(adjust(0x01, 0x10), None, "cannot be left out");
        assert_eq!(adjust(0x01, 0x20), Some(0x17));
    }

    #[test]
    fn the_firmware_may_have_switched_it_off_for_good() {
        assert!(may_be_enabled(0) && may_be_enabled(LOCKED | ENABLED) && may_be_enabled(ENABLED));
        assert!(!may_be_enabled(LOCKED));
    }
}
