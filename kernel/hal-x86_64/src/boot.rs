//! Bringing the machine up, in this order: console, descriptor tables (so that a mistake from
//! here on is a message, not a reset), CPU features, page tables, interrupt controllers, clock,
//! the other CPUs, system calls.

use core::ops::Range;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

use a9n_abi::boot::{BootInfo, MemoryRegion, PAGE_BYTES, Span};
use a9n_hal::{Access, MemoryType, PhysicalAddress, Ticks};
use x86_64::registers::control::{Cr3, Cr3Flags, Cr4, Cr4Flags};
use x86_64::registers::model_specific::{LStar, Msr, SFMask};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use crate::acpi::{self, Physical, Platform};
use crate::boot_error::BootError;
use crate::clock::{self, Known};
use crate::cpu::{self, CPUS, Cpu};
use crate::early::{self, EarlyPages};
use crate::features::Features;
use crate::hand_over::{self, HandOver};
use crate::kernel_space::{DIRECT_MAP, DIRECT_MAP_BYTES, ImageLayout, KernelSpace};
use crate::madt::MAX_IO_APICS;
use crate::reference::{Hpet, Reference};
use crate::segments::{KERNEL_CODE, SYSRET_BASE};
use crate::tables::Tables;
use crate::{
    apic, console, device_memory, entry, interrupts, io_apic, legacy, paging, processors, segments,
    skew, translations, vector, virt,
};

/// The machine as it came up.
pub struct Machine {
    /// What the loader handed over, minus the memory taken for page tables.
    pub hand_over: HandOver,
    /// What the CPU can do.
    pub features: Features,
    /// Usable CPUs that the firmware reports; at least as many as run.
    pub cpus: usize,
    /// CPUs that run.
    pub running: usize,
    /// Lines of the I/O APICs.
    pub lines: u32,
    /// How the clock's rate is known.
    pub clock: Known,
    /// When the kernel was entered.
    pub entered: Ticks,
    /// How far the clocks of two CPUs are known to be apart, at least.
    pub skew: Ticks,
}

/// Brings up the machine on the boot CPU, with `image` as the kernel's layout and the physical
/// address of the boot information.
///
/// # Safety
/// Called once, by the loader's entry, in the state that [`a9n_abi::boot`] describes, with a
/// boot information and an image layout that are true, on the boot CPU's kernel stack.
pub unsafe fn boot(info: u64, image: &ImageLayout) -> Result<Machine, BootError> {
    let entered = clock::now();
    console::start();
    let [area, ..] = &CPUS;
    // SAFETY: this is the boot CPU, whose area is the first, and everything is done once.
    unsafe {
        segments::load(area);
        interrupts::prepare();
        interrupts::load();
    }
    if Cr4::read_raw() & Cr4Flags::L5_PAGING.bits() != 0 {
        return Err(BootError::FiveLevelPaging);
    }
    let features = Features::detect()?;

    // SAFETY: the loader maps it where virtual equals physical address.
    let info = unsafe { *ptr::with_exposed_provenance::<BootInfo>(info as usize) };
    hand_over::check(&info)?;
    vector::prepare(&features);
    // SAFETY: the loader's page tables are no user pages, and allow what they must.
    unsafe {
        features.enable();
        vector::start();
    }
    if features.huge_pages {
        paging::allow_huge_pages();
    }
    if features.tags {
        translations::allow_tags();
    }
    legacy::silence();

    // SAFETY: as the boot information says; nothing else refers to the map.
    let mut space = unsafe { build_space(&info, image, &features)? };
    let platform = acpi::read(info.acpi_root, &mut Window(&mut space));
    // SAFETY: the firmware's tables tell the truth about where controllers are.
    let (lines, clock) = unsafe {
        (
            start_interrupts(&features, &platform, &mut space)?,
            start_clock(&features, &platform, &mut space)?,
        )
    };
    features.speculation.prepare();
    virt::prepare(&features, &mut space)?;
    // SAFETY: the memory map is true.
    let trampoline = unsafe { start_processors(&info, &features, &platform, &mut space)? };
    // SAFETY: the segments are loaded, and it is known whether this CPU is alone.
    unsafe { enable_system_calls(&area.cpu) };
    let taken = taken_ranges(&platform, trampoline);
    // SAFETY: the space maps all memory; the identity map's references are gone.
    let hand_over = unsafe { finish(&info, space, &features, &taken)? };
    let running = cpu::running().count();
    Ok(Machine {
        hand_over,
        features,
        cpus: platform.controllers.cpu_count.max(running),
        running,
        lines,
        clock,
        entered,
        skew: skew::worst(),
    })
}

/// Builds the kernel's page tables and switches to them.
///
/// # Safety
/// `info` and `image` are true, and the loader's page tables are loaded.
unsafe fn build_space(
    info: &BootInfo,
    image: &ImageLayout,
    features: &Features,
) -> Result<KernelSpace, BootError> {
    // SAFETY: memory below 4 GiB is still seen where it is; early pages are unused.
    let (map, tables) = unsafe { (hand_over::array(info.memory_map, 0), Tables::new(0)) };
    let early = EarlyPages::from_map(map).ok_or(BootError::OutOfMemory)?;
    let mut space = KernelSpace::new(tables, early, features.huge_pages)?;
    let guards = CPUS.iter().map(|area| area.guard());
    space.map_image(image, PhysicalAddress(info.kernel), guards)?;
    let constant_bytes = image.rodata.end - image.text.start;
    space.map_memory(map, info.kernel..info.kernel + constant_bytes)?;

    let root = space.root();
    // SAFETY: the new tables map the image where it runs, stack included, and all memory at
    // `DIRECT_MAP`, where the tables are used from now on.
    unsafe {
        let frame = PhysFrame::containing_address(PhysAddr::new_truncate(root.0));
        Cr3::write(frame, Cr3Flags::empty());
        features.enable_global_pages();
        space.moved_to(Tables::new(DIRECT_MAP));
    }
    paging::set_kernel_root(root);
    Cpu::here().root.store(root.0, Relaxed);
    Ok(space)
}

/// Puts the interrupt controllers to use, all lines masked, and answers how many lines.
///
/// # Safety
/// `platform` is true.
unsafe fn start_interrupts(
    features: &Features,
    platform: &Platform,
    space: &mut KernelSpace,
) -> Result<u32, BootError> {
    let mut registers = |physical, bytes| {
        let access = Access::READ | Access::WRITE;
        space.map_window(physical, bytes, access, MemoryType::Device)
    };
    let local =
        if features.x2apic { None } else { Some(registers(apic::base(), apic::REGISTER_BYTES)?) };
    // SAFETY: mapped just now, for good; x2APIC mode only if the CPU has it.
    unsafe { apic::start(local) };
    Cpu::here().local_apic.store(apic::identifier(), Relaxed);
    let mut lines = 0;
    for found in platform.controllers.io_apics.iter() {
        let physical = PhysicalAddress(found.address.into());
        let seen = registers(physical, io_apic::REGISTER_BYTES)?;
        let signal = |line| platform.controllers.signal(line);
        // SAFETY: mapped just now, for good; the platform says that it is an I/O APIC.
        lines += unsafe { io_apic::add(seen, found.first_line, apic::identifier(), signal) };
    }
    Ok(lines)
}

/// Finds the best counter to measure time with, and starts the clock.
///
/// # Safety
/// `platform` is true.
unsafe fn start_clock(
    features: &Features,
    platform: &Platform,
    space: &mut KernelSpace,
) -> Result<Known, BootError> {
    let reference = match (platform.pm_timer, used_hpet(platform)) {
        (Some(timer), _) => Some(Reference::PmTimer(timer)),
        (None, Some(hpet)) => {
            let access = Access::READ | Access::WRITE;
            let (at, bytes) = (PhysicalAddress(hpet), Hpet::REGISTER_BYTES);
            let seen = space.map_window(at, bytes, access, MemoryType::Device)?;
            // SAFETY: mapped just now, for good; the platform says that it is an HPET.
            unsafe { Hpet::start(seen) }.map(Reference::Hpet)
        }
        (None, None) => None,
    };
    let reference = reference.unwrap_or_else(Reference::start_legacy);
    clock::start(features, &reference).ok_or(BootError::NoClock)
}

/// Starts the other CPUs, if there are any and a page for their first steps. Answers that page,
/// which nobody else may ever use: a CPU might start late.
///
/// # Safety
/// `info` is true, this CPU is up, and the space is loaded.
unsafe fn start_processors(
    info: &BootInfo,
    features: &Features,
    platform: &Platform,
    space: &mut KernelSpace,
) -> Result<Option<u64>, BootError> {
    let cpus = &platform.controllers.cpus;
    // SAFETY: the memory map lies in memory, hence in the direct map.
    let map = unsafe { hand_over::array(info.memory_map, DIRECT_MAP) };
    let Some(page) = early::low_page(map).filter(|_| cpus.iter().count() > 1) else {
        return Ok(None);
    };
    space.map_identity(PhysicalAddress(page.into()))?;
    // SAFETY: the page is free, as nothing has been taken from where it lies, and mapped.
    unsafe { processors::start(features, cpus.iter(), page) };
    space.unmap_identity();
    translations::reload();
    Ok(Some(page.into()))
}

/// Lets user mode call the kernel on this CPU.
///
/// # Safety
/// The CPU's segments are loaded.
pub(crate) unsafe fn enable_system_calls(cpu: &Cpu) {
    const IA32_STAR: u32 = 0xc000_0081;
    const KERNEL_SHIFT: u32 = 32;
    const USER_SHIFT: u32 = 48;
    let stub = entry::system_call_stub(cpu.number());
    let selectors = u64::from(SYSRET_BASE) << USER_SHIFT | u64::from(KERNEL_CODE) << KERNEL_SHIFT;
    LStar::write(VirtAddr::new_truncate(stub));
    // All flags that a system call can clear, it clears.
    SFMask::write(RFlags::all());
    // SAFETY: these are the selectors that `segments` loaded, in the order that it promises. Nothing
    // else is left to be set up.
    unsafe {
        Msr::new(IA32_STAR).write(selectors);
        virt::start(cpu);
    }
}

/// Ends the construction of `space`, and finds what was handed over in the direct map.
///
/// # Safety
/// `info` is true, `space` is loaded, and nothing refers to the memory map.
unsafe fn finish(
    info: &BootInfo,
    mut space: KernelSpace,
    features: &Features,
    taken: &[Range<u64>],
) -> Result<HandOver, BootError> {
    let room = device_memory::most_regions(info.memory_map.count as usize, taken.len());
    let at = space.take((room * size_of::<MemoryRegion>()) as u64)?;
    let completed = Span { address: at.0, count: room as u64 };
    let top = DIRECT_MAP_BYTES.min(1 << features.physical_bits.min(63));
    // SAFETY: all of it lies in memory that the loader's map contains, hence in the direct map;
    // the loader's memory is not given to anyone as long as the kernel refers to it. What was
    // taken is nobody else's, and any bytes are regions.
    unsafe {
        let map = hand_over::memory_map(info.memory_map, DIRECT_MAP);
        space.finish(map);
        let memory = hand_over::memory_map(completed, DIRECT_MAP);
        let count = device_memory::complete(map, top, taken, memory);
        Ok(HandOver {
            info: *info,
            memory: memory.get(..count).unwrap_or(memory),
            segments: hand_over::array(info.init.segments, DIRECT_MAP),
            modules: hand_over::array(info.modules, DIRECT_MAP),
            command_line: hand_over::array(info.command_line, DIRECT_MAP),
        })
    }
}

/// Physical address of the HPET, if the clock needs it.
fn used_hpet(platform: &Platform) -> Option<u64> {
    platform.hpet.filter(|_| platform.pm_timer.is_none())
}

/// What the kernel keeps to itself: registers, and the page in which CPUs start. Ranges may be
/// empty.
fn taken_ranges(platform: &Platform, trampoline: Option<u64>) -> [Range<u64>; MAX_IO_APICS + 4] {
    let page = |address: u64| {
        let first = address & !(PAGE_BYTES - 1);
        first..first + PAGE_BYTES
    };
    let mut ranges = [const { 0..0 }; _];
    let mut places = ranges.iter_mut();
    let mut take = |range| {
        if let Some(place) = places.next() {
            *place = range;
        }
    };
    take(device_memory::MESSAGES);
    take(page(apic::base().0));
    for io_apic in platform.controllers.io_apics.iter() {
        take(page(io_apic.address.into()));
    }
    for address in [used_hpet(platform), trampoline].into_iter().flatten() {
        take(page(address));
    }
    ranges
}

/// ACPI tables, seen through the window.
struct Window<'a>(&'a mut KernelSpace);

impl Physical for Window<'_> {
    fn see(&mut self, address: u64, bytes: u64) -> Option<&'static [u8]> {
        if address == 0 {
            return None;
        }
        let at = PhysicalAddress(address);
        let seen = self.0.map_window(at, bytes, Access::READ, MemoryType::Normal).ok()?;
        let first = ptr::with_exposed_provenance::<u8>(seen as usize);
        // SAFETY: mapped just now, for good. Nobody writes to ACPI tables.
        Some(unsafe { core::slice::from_raw_parts(first, bytes as usize) })
    }
}
