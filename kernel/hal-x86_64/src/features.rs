//! What this CPU can do, and switching on what the kernel relies on.
//!
//! Required: everything in [`Missing`]. Used where present: SMEP, SMAP, UMIP, 1 GiB pages, PCIDs,
//! x2APIC, the timer's TSC deadline mode, enhanced IBRS.

use core::arch::x86_64::{__cpuid, __cpuid_count, CpuidResult};

use raw_cpuid::{CpuId, CpuIdReader};
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::Msr;
use x86_64::registers::xcontrol::XCr0;

use crate::speculation::Speculation;
use crate::vector;
use crate::virt::{self, Technique};

const IA32_SYSENTER_CS: u32 = 0x174;
pub(crate) const IA32_PAT: u32 = 0x277;

/// Attributes 0 to 3, and the same again: write-back, write-combining, uncached unless the
/// range says write-combining, uncached. Chosen by [`Flags`](crate::page_entry::Flags).
const PAGE_ATTRIBUTES: u64 = 0x0007_0106_0007_0106;

/// CPUID: the leaf that tells the last of the extended ones.
const EXTENDED_LEAVES: u32 = 0x8000_0000;
/// CPUID: the last of the three leaves with the CPU's name.
const LAST_BRAND_LEAF: u32 = 0x8000_0004;
/// CPUID 0Dh, second leaf, EAX: there is `xsaveopt`.
const XSAVEOPT: u32 = 1 << 0;

/// A feature that A9N cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Pages without execute permission.
    NoExecute,
    /// `wrfsbase` and `wrgsbase`, by which every switch sets the thread-local bases.
    FsGsBase,
    /// Global pages.
    GlobalPages,
    /// Page attribute table.
    PageAttributes,
    /// A local interrupt controller.
    LocalApic,
    /// `fxsave`, without which SIMD instructions could not be made to fault.
    FxSave,
}

impl Missing {
    /// What it is, and perhaps why it is not there.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoExecute => "no-execute pages (NX; perhaps switched off in the firmware)",
            Self::FsGsBase => "FSGSBASE (in QEMU, use -cpu max)",
            Self::GlobalPages => "global pages (PGE)",
            Self::PageAttributes => "the page attribute table (PAT)",
            Self::LocalApic => "a local APIC",
            Self::FxSave => "FXSAVE",
        }
    }
}

/// What this CPU can do beyond what is required. All CPUs that are used can do the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// The kernel cannot execute user pages.
    pub smep: bool,
    /// The kernel cannot touch user pages.
    pub smap: bool,
    /// User mode cannot read descriptor table addresses.
    pub umip: bool,
    /// Pages of 1 GiB.
    pub huge_pages: bool,
    /// Translations of several address spaces may be cached at a time (PCID), and each of them
    /// forgotten (`invpcid`).
    pub tags: bool,
    /// The local interrupt controller is reached by registers, not memory.
    pub x2apic: bool,
    /// The timer takes a deadline in TSC ticks.
    pub tsc_deadline: bool,
    /// The TSC runs at one rate in all power states.
    pub invariant_tsc: bool,
    /// Bits in a physical address.
    pub physical_bits: u8,
    /// Vector states that XCR0 enables; none without XSAVE.
    pub extended_states: u64,
    /// `xsaveopt` is there.
    pub xsaveopt: bool,
    /// Loading a vector state may leave the addresses of somebody's last x87 instruction.
    pub leaks_fpu_pointers: bool,
    /// What it may leak, and can be told against that.
    pub speculation: Speculation,
    /// How it runs guests, if it can.
    pub virtualisation: Option<Technique>,
}

/// The kernel's CR0. The vector unit is off: its instructions fault (#NM), in user mode and in the
/// kernel, which has none; [`vector`] switches it on for a process that has a state.
pub(crate) const CR0: Cr0Flags = Cr0Flags::PROTECTED_MODE_ENABLE
    .union(Cr0Flags::MONITOR_COPROCESSOR)
    .union(Cr0Flags::TASK_SWITCHED)
    .union(Cr0Flags::EXTENSION_TYPE)
    .union(Cr0Flags::NUMERIC_ERROR)
    .union(Cr0Flags::WRITE_PROTECT)
    .union(Cr0Flags::ALIGNMENT_MASK)
    .union(Cr0Flags::PAGING);

impl Features {
    /// Asks the CPU.
    pub fn detect() -> Result<Self, Missing> {
        let id = CpuId::new();
        let basic = id.get_feature_info();
        let basic = basic.as_ref();
        let more = id.get_extended_feature_info();
        let more = more.as_ref();
        let extended = id.get_extended_processor_and_feature_identifiers();
        let extended = extended.as_ref();

        for (present, missing) in [
            (basic.is_some_and(|f| f.has_apic()), Missing::LocalApic),
            (basic.is_some_and(|f| f.has_pge()), Missing::GlobalPages),
            (basic.is_some_and(|f| f.has_pat()), Missing::PageAttributes),
            (basic.is_some_and(|f| f.has_fxsave_fxstor()), Missing::FxSave),
            (more.is_some_and(|f| f.has_fsgsbase()), Missing::FsGsBase),
            (extended.is_some_and(|f| f.has_execute_disable()), Missing::NoExecute),
        ] {
            if !present {
                return Err(missing);
            }
        }
        let has_xsave = basic.is_some_and(|f| f.has_xsave());
        let extended_states = if has_xsave { extended_states() } else { 0 };
        Ok(Self {
            smep: more.is_some_and(|f| f.has_smep()),
            smap: more.is_some_and(|f| f.has_smap()),
            umip: more.is_some_and(|f| f.has_umip()),
            huge_pages: extended.is_some_and(|f| f.has_1gib_pages()),
            tags: basic.is_some_and(|f| f.has_pcid()) && more.is_some_and(|f| f.has_invpcid()),
            x2apic: basic.is_some_and(|f| f.has_x2apic()),
            tsc_deadline: basic.is_some_and(|f| f.has_tsc_deadline()),
            invariant_tsc: id.get_advanced_power_mgmt_info().is_some_and(|f| f.has_invariant_tsc()),
            physical_bits: physical_bits(&id),
            extended_states,
            xsaveopt: has_xsave && __cpuid_count(0xd, 1).eax & XSAVEOPT != 0,
            leaks_fpu_pointers: leaks_fpu_pointers(&id),
            speculation: Speculation::detect(&id),
            virtualisation: virt::detect(extended_states),
        })
    }

    /// Switches on, on this CPU, what the kernel relies on and what shields it; global pages
    /// are still off.
    ///
    /// # Safety
    /// Runs once per CPU during boot, before any user mode. The page tables in use allow
    /// for it: what is executed is executable, what is written is writable, and nothing
    /// that the kernel touches is a user page.
    pub unsafe fn enable(&self) {
        let mut cr4 = Cr4Flags::PHYSICAL_ADDRESS_EXTENSION
            | Cr4Flags::MACHINE_CHECK_EXCEPTION
            | Cr4Flags::OSFXSR
            | Cr4Flags::OSXMMEXCPT_ENABLE
            | Cr4Flags::FSGSBASE;
        cr4.set(Cr4Flags::OSXSAVE, self.extended_states != 0);
        cr4.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, self.smep);
        cr4.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, self.smap);
        cr4.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, self.umip);
        // SAFETY: the caller's promise, and CPUID has each feature.
        unsafe {
            Efer::update(|efer| {
                *efer |= EferFlags::NO_EXECUTE_ENABLE | EferFlags::SYSTEM_CALL_EXTENSIONS;
            });
            Msr::new(IA32_PAT).write(PAGE_ATTRIBUTES);
            Msr::new(IA32_SYSENTER_CS).write(0);
            Cr4::write_raw(cr4.bits());
            if self.extended_states != 0 {
                XCr0::write_raw(self.extended_states);
            }
            Cr0::write_raw(CR0.bits());
        }
        self.speculation.enable();
    }

    /// Lets kernel translations survive a change of address space, on this CPU, and those of address
    /// spaces with tags. Forgets all translations from before, the firmware's global ones included.
    ///
    /// # Safety
    /// The kernel's own page tables are loaded.
    pub unsafe fn enable_global_pages(&self) {
        // SAFETY: the CPU has them, and only the kernel's own translations are global; tags begin
        // with that of the kernel's tables, 0.
        unsafe {
            Cr4::update(|cr4| {
                cr4.insert(Cr4Flags::PAGE_GLOBAL);
                cr4.set(Cr4Flags::PCID, self.tags);
            });
        }
    }
}

/// Components of XCR0 that the CPU has and we use.
fn extended_states() -> u64 {
    let found = __cpuid_count(0xd, 0);
    vector::components(u64::from(found.edx) << 32 | u64::from(found.eax))
}

/// Whether `fxrstor` and `xrstor` keep the last x87 instruction's addresses unless an exception is
/// pending, as AMD's do that do not say otherwise.
fn leaks_fpu_pointers<R: CpuIdReader>(id: &CpuId<R>) -> bool {
    let intel = id.get_vendor_info().is_some_and(|vendor| vendor.as_str() == "GenuineIntel");
    let restores = id
        .get_processor_capacity_feature_info()
        .is_some_and(|info| info.has_restore_fp_error_ptrs());
    !intel && !restores
}

/// Bits in a physical address; 36 where the CPU does not say.
fn physical_bits<R: CpuIdReader>(id: &CpuId<R>) -> u8 {
    id.get_processor_capacity_feature_info().map_or(36, |info| info.physical_address_bits())
}

/// The CPU's name, with blanks behind and perhaps before it; nothing but blanks if it tells none.
pub fn brand() -> [u8; 48] {
    let mut name = [b' '; 48];
    if __cpuid(EXTENDED_LEAVES).eax < LAST_BRAND_LEAF {
        return name;
    }
    let (parts, _) = name.as_chunks_mut::<16>();
    for (part, leaf) in parts.iter_mut().zip(LAST_BRAND_LEAF - 2..) {
        let CpuidResult { eax, ebx, ecx, edx } = __cpuid(leaf);
        let (words, _) = part.as_chunks_mut();
        for (word, register) in words.iter_mut().zip([eax, ebx, ecx, edx]) {
            *word = register.to_le_bytes();
        }
    }
    for letter in name.iter_mut().filter(|letter| **letter == 0) {
        *letter = b' ';
    }
    name
}
