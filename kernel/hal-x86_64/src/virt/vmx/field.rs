//! Fields of a VMCS by their encodings (Intel SDM, volume 3, appendix B).

/// A field. Width and kind are part of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(pub u16);

/// Defines fields, in order of number within their kinds.
macro_rules! fields {
    ($($name:ident = $number:literal,)*) => {
        impl Field {
            $(
                pub const $name: Self = Self($number);
            )*
        }
    };
}

fields! {
    VPID = 0x0000, GUEST_ES = 0x0800, HOST_CS = 0x0c02, HOST_SS = 0x0c04, HOST_TR = 0x0c0c, MSR_BITMAP = 0x2004,
    EXIT_MSR_STORE = 0x2006, EXIT_MSR_LOAD = 0x2008, ENTRY_MSR_LOAD = 0x200a, TSC_OFFSET = 0x2010,
    PRIORITY_PAGE = 0x2012, EPT_POINTER = 0x201a, GUEST_PHYSICAL = 0x2400, LINK = 0x2800, GUEST_PAT = 0x2804,
    GUEST_EFER = 0x2806, HOST_PAT = 0x2c00, HOST_EFER = 0x2c02, PIN_CONTROLS = 0x4000,
    PROCESSOR_CONTROLS = 0x4002, EXCEPTIONS = 0x4004, EXIT_CONTROLS = 0x400c, EXIT_MSR_STORE_COUNT = 0x400e,
    EXIT_MSR_LOAD_COUNT = 0x4010, ENTRY_CONTROLS = 0x4012, ENTRY_MSR_LOAD_COUNT = 0x4014, ENTRY_EVENT = 0x4016,
    ENTRY_ERROR_CODE = 0x4018, SECONDARY_CONTROLS = 0x401e, INSTRUCTION_ERROR = 0x4400, EXIT_REASON = 0x4402,
    EXIT_EVENT = 0x4404, EXIT_ERROR_CODE = 0x4406, VECTORING_EVENT = 0x4408, VECTORING_ERROR_CODE = 0x440a,
    EXIT_LENGTH = 0x440c, INSTRUCTION_DETAILS = 0x440e, GUEST_ES_LIMIT = 0x4800, GUEST_GDTR_LIMIT = 0x4810,
    GUEST_IDTR_LIMIT = 0x4812, GUEST_ES_RIGHTS = 0x4814, INTERRUPTIBILITY = 0x4824, GUEST_SYSENTER_CS = 0x482a,
    CR0_MASK = 0x6000, CR4_MASK = 0x6002, CR0_SHADOW = 0x6004, CR4_SHADOW = 0x6006, QUALIFICATION = 0x6400,
    GUEST_CR0 = 0x6800, GUEST_CR3 = 0x6802, GUEST_CR4 = 0x6804, GUEST_ES_BASE = 0x6806,
    GUEST_GDTR_BASE = 0x6816, GUEST_IDTR_BASE = 0x6818, GUEST_DR7 = 0x681a, GUEST_RSP = 0x681c,
    GUEST_RIP = 0x681e, GUEST_RFLAGS = 0x6820, GUEST_SYSENTER_ESP = 0x6824, GUEST_SYSENTER_EIP = 0x6826,
    HOST_CR0 = 0x6c00, HOST_CR3 = 0x6c02, HOST_CR4 = 0x6c04, HOST_TR_BASE = 0x6c0a, HOST_GDTR_BASE = 0x6c0c,
    HOST_IDTR_BASE = 0x6c0e, HOST_RSP = 0x6c14, HOST_RIP = 0x6c16,
}

impl Field {
    /// The field of segment number `segment`, in the order ES, CS, SS, DS, FS, GS, LDTR, TR, where `self`
    /// is that of ES.
    pub const fn of(self, segment: u16) -> Self {
        Self(self.0 + 2 * segment)
    }
}

/// Number of CS among the segments.
pub const CODE: u16 = 1;
/// Number of SS.
pub const STACK: u16 = 2;
/// Number of TR, the last one.
pub const TASK: u16 = 7;
