//! What this CPU's VMX can do (Intel SDM, volume 3, appendix A).
//!
//! A word of controls has a capability MSR that says which bits must be 1 (its low half) and which
//! may be (its high half). Bits that must be 1 in the older MSRs may be 0 by the newer, *true* ones,
//! which every CPU with unrestricted guests has.

use x86_64::registers::model_specific::Msr;

use super::controls::{EPT, SECONDARY, VPID_TAGS};

const IA32_FEATURE_CONTROL: u32 = 0x3a;
pub const IA32_VMX_BASIC: u32 = 0x480;
pub const IA32_VMX_PROCBASED2: u32 = 0x48b;
const IA32_VMX_EPT_VPID: u32 = 0x48c;
pub const IA32_VMX_TRUE_PINBASED: u32 = 0x48d;
pub const IA32_VMX_TRUE_PROCBASED: u32 = 0x48e;
pub const IA32_VMX_TRUE_EXIT: u32 = 0x48f;
pub const IA32_VMX_TRUE_ENTRY: u32 = 0x490;

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

/// A word of controls: which bits a CPU wants and allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed(pub u64);

impl Allowed {
    /// `wanted` with the bits that must be set; `None` if a wanted bit may not, or if one of
    /// `unwanted` must.
    pub const fn adjust(self, wanted: u32, unwanted: u32) -> Option<u32> {
        let (must, may) = (self.0 as u32, (self.0 >> 32) as u32);
        let value = wanted | must;
        if value & !may == 0 && value & unwanted == 0 { Some(value) } else { None }
    }
}

/// Whether the registers that `read` reads by number are those of a CPU with VMX that suits us, and the
/// firmware left it to us.
pub fn suits(read: impl Fn(u32) -> u64) -> bool {
    let basic = read(IA32_VMX_BASIC);
    let usable = may_be_enabled(read(IA32_FEATURE_CONTROL))
        && basic & TRUE_CONTROLS != 0
        && basic >> 50 & 0xf == WRITE_BACK;
    // The others are there as these controls say, which CPUs with the last one allow.
    usable
        && Allowed(read(IA32_VMX_TRUE_PROCBASED)).adjust(SECONDARY, 0).is_some()
        && Allowed(read(IA32_VMX_PROCBASED2)).adjust(EPT | VPID_TAGS, 0).is_some()
        && read(IA32_VMX_EPT_VPID) & EPT_NEEDED == EPT_NEEDED
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

    #[test]
    fn controls_get_what_must_be_set_and_nothing_that_may_not() {
        let allowed = Allowed(0x0000_00ff_0000_0016);
        assert_eq!(allowed.adjust(0x81, 0), Some(0x97));
        assert_eq!(allowed.adjust(0x100, 0), None, "not allowed");
        assert_eq!(allowed.adjust(0x01, 0x10), None, "cannot be left out");
        assert_eq!(allowed.adjust(0x01, 0x20), Some(0x17));
    }

    #[test]
    fn the_firmware_may_have_switched_it_off_for_good() {
        assert!(may_be_enabled(0) && may_be_enabled(LOCKED | ENABLED) && may_be_enabled(ENABLED));
        assert!(!may_be_enabled(LOCKED));
    }
}
