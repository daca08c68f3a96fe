//! The first process: init and what it receives.

mod memory;

use a9n_abi::boot::{Framebuffer, InitSegment, MemoryKind as RegionKind, MemoryRegion, Module};
use a9n_abi::init::{
    INIT_BUFFER_ADDRESS, INIT_COMMAND_LINE, INIT_INFO_ADDRESS, INIT_MODULES, INIT_NODE_RADIX,
    INIT_VERSION, InitGeneric, InitInfo, InitModule, SlotRange, slot,
};
use a9n_abi::{ABI_HASH, Access, MemoryType, Rights};
use a9n_hal::{
    Context, Hal, PageSize, PagingError, PhysicalAddress, Run, Stretch, Text, Ticks, UserAddress,
};
use a9n_store::{
    AddressSpace, Capability, Internal, MemoryKind, Node, Object, Process, Ref, Slot, Store,
    TableUse,
};

use crate::Kernel;
use crate::binding::Binding;
use memory::{Carver, Pieces, generics, module_pieces, region_end};

const PAGE_BITS: u32 = PageSize::Small.bits();
const PAGE_BYTES: u64 = PageSize::Small.bytes();

/// Priority of init, and the highest that it may give.
const INIT_PRIORITY: u8 = 255;

/// Version of this kernel: major, minor, patch.
const KERNEL_VERSION: [u16; 4] = [0, 1, 0, 0];

/// What the kernel starts from, in the machine's terms.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// Memory that the machine does not use itself, ascending, without overlap. Kinds usable and
    /// loader become Generics, device and ACPI tables device Generics; the rest is not given to
    /// anyone.
    pub memory: &'a [MemoryRegion],
    /// Init's segments.
    pub segments: &'a [InitSegment],
    /// Init's first instruction.
    pub entry: u64,
    /// Boot modules.
    pub modules: &'a [Module],
    /// Command line, UTF-8.
    pub command_line: &'a [u8],
    /// Physical address of the ACPI root pointer, 0 if none.
    pub acpi_root: u64,
    /// The screen.
    pub framebuffer: Framebuffer,
    /// The time when the kernel was entered.
    pub entry_ticks: Ticks,
    /// CPUs that run user processes.
    pub cpus: u32,
}

/// Why there is no first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// The largest free region is too small for init's kernel objects.
    NotEnoughMemory,
    /// A segment of init, by number, lies outside the user half or overlaps another.
    BadSegment(usize),
    /// Init has more modules, or modules in more pieces, than its root node has room for.
    TooManyModules,
}

impl BootError {
    /// Says it.
    pub fn say(self, text: &mut Text<'_>) {
        match self {
            Self::NotEnoughMemory => _ = text.text("too little free memory to start init"),
            Self::BadSegment(number) => {
                text.text("segment ").number(number as u64).text(" of init cannot be mapped");
            }
            Self::TooManyModules => {
                text.text("more than ").number(INIT_MODULES as u64);
                text.text(" boot modules, or too large ones");
            }
        }
    }
}

/// Fills init's root node from slot to slot.
struct Slots {
    node: Ref<Node>,
    next: u64,
}

impl Slots {
    /// The next slot, `None` when the node is full.
    fn take<H: Hal>(&mut self, store: &Store<H>) -> Option<Ref<Slot>> {
        let slot = store.slot(self.node, self.next)?;
        self.next = self.next.wrapping_add(1);
        Some(slot)
    }

    /// The slots taken since `first`.
    fn since(&self, first: u64) -> SlotRange {
        SlotRange { first: first as u32, count: self.next.wrapping_sub(first) as u32 }
    }
}

impl<H: Hal> Kernel<H> {
    /// Makes init and gives it everything. The scheduler then finds it ready.
    pub fn boot(&mut self, boot: &Boot<'_>) -> Result<(), BootError> {
        let largest = boot
            .memory
            .iter()
            .filter(|region| region.kind == RegionKind::Usable as u32)
            .max_by_key(|region| region.pages)
            .ok_or(BootError::NotEnoughMemory)?;
        let start = largest.start;
        let mut carver = Carver { next: start, end: region_end(largest) };

        let node_bits = Store::<H>::node_bits(INIT_NODE_RADIX);
        let node_address = self.carve(&mut carver, node_bits)?;
        let node = self.store.create_node(node_address, INIT_NODE_RADIX);
        let process_address =
            self.carve(&mut carver, <Process as Object<H>>::SIZE_BITS.max(PAGE_BITS))?;
        self.start_clock();
        let process = self.create_process(process_address);
        let space_address = self.carve(&mut carver, <AddressSpace as Object<H>>::SIZE_BITS)?;
        let space = self.create_space(space_address);
        let bindings = self.carve(&mut carver, Store::<H>::node_bits(Binding::RADIX))?;
        self.bindings.set(Some(self.store.create_node(bindings, Binding::RADIX)));
        let info_bits = (size_of::<InitInfo>() as u64).next_power_of_two().trailing_zeros();
        let info_page = self.carve(&mut carver, info_bits)?;
        let buffer = self.carve(&mut carver, PAGE_BITS)?;

        self.grant(node, slot::NODE, Capability::Node(node));
        self.grant(node, slot::ADDRESS_SPACE, Capability::AddressSpace(space));
        let highest_priority = INIT_PRIORITY;
        self.grant(node, slot::PROCESS, Capability::Pcb { process, highest_priority });
        let kind = MemoryKind::Ordinary;
        let buffer_frame = Capability::Frame { base: buffer, size_bits: PAGE_BITS as u8, kind };
        self.grant(node, slot::BUFFER, buffer_frame);
        self.grant(node, slot::IO_PORTS, Capability::IoPort { first: 0, last: u16::MAX });
        self.grant(node, slot::INTERRUPTS, Capability::InterruptRegion);
        for cpu in 0..boot.cpus {
            let capability = Capability::Timer { cpu: cpu as u8 };
            self.grant(node, slot::TIMERS.wrapping_add(u64::from(cpu)), capability);
        }

        // Init's memory: its segments, what it is told, its IPC buffer.
        let mut slots = Slots { node, next: slot::FIRST_LISTED };
        let mut mapper = Mapper { space, carver, slots: &mut slots };
        for (number, segment) in boot.segments.iter().enumerate() {
            self.map_segment(&mut mapper, segment).map_err(|error| match error {
                BootError::NotEnoughMemory => error,
                _ => BootError::BadSegment(number),
            })?;
        }
        let info_pages = 1 << (info_bits - PAGE_BITS);
        let read_only = (info_pages, Access::READ);
        self.map_pages(&mut mapper, INIT_INFO_ADDRESS, info_page, read_only)?;
        let writable = (1, Access::READ | Access::WRITE);
        self.map_pages(&mut mapper, INIT_BUFFER_ADDRESS, buffer, writable)?;
        let used_up_to = mapper.carver.next;
        let page_tables = slots.since(slot::FIRST_LISTED);

        let first = slots.next;
        for segment in boot.segments {
            let end = segment.physical_address.wrapping_add(segment.pages << PAGE_BITS);
            for (base, size_bits) in (Pieces { start: segment.physical_address, end }) {
                self.grant_next(&mut slots, frame(base, size_bits));
            }
        }
        let image_frames = slots.since(first);

        let modules = boot.modules;
        if modules.len() > INIT_MODULES {
            return Err(BootError::TooManyModules);
        }
        let mut module_ranges = [SlotRange::default(); INIT_MODULES];
        for (module, range) in modules.iter().zip(&mut module_ranges) {
            let first = slots.next;
            for (base, size_bits) in module_pieces(module) {
                self.grant_next(&mut slots, frame(base, size_bits))
                    .ok_or(BootError::TooManyModules)?;
            }
            *range = slots.since(first);
        }

        let first_generic = slots.next;
        let mut generic_count = 0;
        for (base, size_bits, kind) in generics(boot, start, used_up_to) {
            let base = PhysicalAddress(base);
            let generic = Capability::Generic { base, size_bits, used: 0, zeroed: 0, kind };
            if self.grant_next(&mut slots, generic).is_none() {
                break;
            }
            generic_count += 1;
        }

        let free_slots = SlotRange {
            first: slots.next as u32,
            count: (1u32 << INIT_NODE_RADIX).wrapping_sub(slots.next as u32),
        };
        let ticks_per_second = self.hal().ticks_per_second();
        let info = self.store.create_info(info_page);
        info.abi_hash = ABI_HASH;
        info.version = INIT_VERSION;
        info.cpus = boot.cpus;
        info.kernel_version = KERNEL_VERSION;
        copy_prefix(&mut info.architecture, H::ARCHITECTURE.as_bytes());
        info.ticks_per_second = ticks_per_second;
        info.entry_ticks = boot.entry_ticks;
        info.buffer_address = INIT_BUFFER_ADDRESS;
        info.acpi_root = boot.acpi_root;
        info.framebuffer = boot.framebuffer;
        info.page_tables = page_tables;
        info.image_frames = image_frames;
        info.free_slots = free_slots;
        info.command_line_bytes = boot.command_line.len().min(INIT_COMMAND_LINE) as u32;
        copy_prefix(&mut info.command_line, boot.command_line);
        info.generic_count = generic_count;
        let listed = generics(boot, start, used_up_to).zip(first_generic..);
        for (entry, ((address, size_bits, kind), slot)) in
            info.generics.iter_mut().take(generic_count as usize).zip(listed)
        {
            let device = u8::from(kind == MemoryKind::Device);
            *entry = InitGeneric { address, slot: slot as u32, size_bits, device, reserved: 0 };
        }
        info.module_count = modules.len() as u32;
        for ((entry, module), frames) in info.modules.iter_mut().zip(modules).zip(module_ranges) {
            *entry = InitModule { name: module.name, frames, bytes: module.bytes };
        }

        self.cpu_count.set(boot.cpus.min(crate::MAXIMUM_CPUS as u32) as u8);
        self.start_init(process, node, boot.entry);
        Ok(())
    }

    /// Cuts off and clears 2^`bits` bytes.
    fn carve(&mut self, carver: &mut Carver, bits: u32) -> Result<PhysicalAddress, BootError> {
        let address = carver.take(bits)?;
        self.store.zero(address, 1 << (bits & 63));
        Ok(address)
    }

    /// Puts an original capability into slot `index`.
    fn grant(&self, node: Ref<Node>, index: u64, capability: Capability) -> Option<()> {
        let slot = self.store.get(self.store.slot(node, index)?);
        slot.fill(capability, Rights::all(), 0);
        slot.mark_original();
        Some(())
    }

    fn grant_next(&self, slots: &mut Slots, capability: Capability) -> Option<()> {
        let slot = self.store.get(slots.take(&self.store)?);
        slot.fill(capability, Rights::all(), 0);
        slot.mark_original();
        Some(())
    }

    fn map_segment(
        &mut self,
        mapper: &mut Mapper<'_>,
        segment: &InitSegment,
    ) -> Result<(), BootError> {
        let access = Access::from_bits_truncate(segment.access);
        let page = PhysicalAddress(segment.physical_address);
        self.map_pages(mapper, segment.virtual_address, page, (segment.pages, access))
    }

    /// Maps pages for init, adding page tables where they are missing.
    fn map_pages(
        &mut self,
        mapper: &mut Mapper<'_>,
        address: u64,
        first: PhysicalAddress,
        (pages, access): (u64, Access),
    ) -> Result<(), BootError> {
        let bad = BootError::BadSegment(0);
        let root = self.store.root_table(mapper.space);
        let end = pages.checked_mul(PAGE_BYTES).and_then(|bytes| address.checked_add(bytes));
        if end.is_none_or(|end| end > H::USER_END.0) {
            return Err(bad);
        }
        for bytes in (0..pages).map(|page| page << PAGE_BITS) {
            let address = UserAddress(address).offset(bytes);
            // Page by page, so that init can take each away by the Frame that it lies in.
            let stretch = Stretch { address, pages: 1 };
            let page = first.offset(bytes);
            let run = Run { stretch, page, access, memory: MemoryType::Normal };
            loop {
                match self.hal().map(root, run, 1) {
                    Ok(_) => break,
                    Err(PagingError::MissingTable(_)) => self.add_table(mapper, address)?,
                    Err(_) => return Err(bad),
                }
            }
        }
        Ok(())
    }

    fn add_table(
        &mut self,
        mapper: &mut Mapper<'_>,
        address: UserAddress,
    ) -> Result<(), BootError> {
        let table = self.carve(&mut mapper.carver, PAGE_BITS)?;
        let slot = mapper.slots.take(&self.store).ok_or(BootError::NotEnoughMemory)?;
        let capability = Capability::PageTable { table, usage: TableUse::Free };
        self.store.get(slot).fill(capability, Rights::all(), 0);
        self.store.get(slot).mark_original();
        self.install(mapper.space, slot, table, address).map_err(|_| BootError::BadSegment(0))?;
        Ok(())
    }

    /// Configures init from its own root node and makes it ready.
    fn start_init(&mut self, process: Ref<Process>, node: Ref<Node>, entry: u64) {
        let own = [
            (Internal::AddressSpace, slot::ADDRESS_SPACE),
            (Internal::Node, slot::NODE),
            (Internal::Buffer, slot::BUFFER),
        ];
        for (internal, index) in own {
            if let Some(source) = self.store.slot(node, index)
                && let Some(capability) = self.store.get(source).capability()
            {
                // The slots are empty and no tree is deep, so nothing can be refused.
                let _ = self.install_choice(process, (internal, source, capability));
            }
        }
        let pcb = self.store.get(process);
        pcb.context.set_instruction_pointer(UserAddress(entry));
        pcb.context.set_argument(INIT_INFO_ADDRESS);
        pcb.priority.set(INIT_PRIORITY);
        pcb.ceiling.set(INIT_PRIORITY);
        pcb.scheduling.set(self.own_context(process));
        self.make_ready(process);
    }
}

/// What it takes to map pages for init.
struct Mapper<'a> {
    space: Ref<AddressSpace>,
    carver: Carver,
    slots: &'a mut Slots,
}

/// Ordinary memory as a frame.
fn frame(base: u64, size_bits: u8) -> Capability {
    let kind = MemoryKind::Ordinary;
    Capability::Frame { base: PhysicalAddress(base), size_bits, kind }
}

/// Copies as much of `from` as `to` has room for.
fn copy_prefix(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
