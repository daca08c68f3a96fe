//! A booted kernel whose only process is the test.

use a9n_abi::boot::{InitSegment, MemoryKind, MemoryRegion};
use a9n_abi::init::{INIT_INFO_ADDRESS, InitInfo};
use a9n_abi::{Access, Culprit, Error, MessageInfo, Reason};
use a9n_core::check::Surroundings;
use a9n_core::{Boot, Kernel};
use a9n_hal::{CallFrame, Paging, PhysicalAddress, UserAddress};
use a9n_hal_sim::{BASE, Resumption, SimMachine};
use a9n_store::{Node, Process, Ref};
use nun::hosted::Call;
use nun::syscall::Answer;

const PAGE: u64 = 4096;
/// Pages at the end of memory that hold init's image.
const IMAGE_PAGES: u64 = 2;
/// Where that image is mapped.
const IMAGE_ADDRESS: u64 = 0x20_0000;
/// Kernel calls between two checks of everything.
const CALLS_PER_CHECK: u64 = 64;
/// Repetitions after which a call will never end.
const RESTARTS: usize = 1_000_000;

/// The kernel and init.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) kernel: Kernel<SimMachine>,
    init: Ref<Process>,
    root: Ref<Node>,
    /// What is mapped for init from the beginning.
    boot_pages: Vec<(u64, u64)>,
    pub(crate) calls: u64,
    /// How many of the calls that make something go well before one is refused.
    pub(crate) refuse_after: Option<u64>,
}

impl System {
    /// Boots with `bytes` of memory and one CPU.
    pub(crate) fn boot(bytes: usize) -> Self {
        let mut kernel = Kernel::new(SimMachine::new(bytes));
        let pages = bytes as u64 / PAGE - IMAGE_PAGES;
        let image = BASE + pages * PAGE;
        let region = |start, pages, kind: MemoryKind| MemoryRegion {
            start,
            pages,
            kind: kind as u32,
            reserved: 0,
        };
        let segment = InitSegment {
            virtual_address: IMAGE_ADDRESS,
            physical_address: image,
            pages: IMAGE_PAGES,
            access: InitSegment::READ | InitSegment::EXECUTE,
        };
        kernel
            .boot(&Boot {
                memory: &[
                    region(BASE, pages, MemoryKind::Usable),
                    region(image, IMAGE_PAGES, MemoryKind::Init),
                    region(0xfe00_0000, 16, MemoryKind::Device),
                ],
                segments: &[segment],
                entry: IMAGE_ADDRESS,
                modules: &[],
                command_line: b"test",
                acpi_root: 0,
                framebuffer: Default::default(),
                entry_ticks: 0,
                cpus: 1,
            })
            .expect("boots");
        let init = kernel.timer(0, None).expect("init is ready");
        let root = kernel.root_node(init).expect("init has a root node");
        let mut system =
            Self { kernel, init, root, boot_pages: vec![], calls: 0, refuse_after: None };
        let mappings = system.kernel.hal().mappings(system.tables());
        system.boot_pages =
            mappings.pages.iter().map(|(address, page, ..)| (address.0, page.0)).collect();
        system
    }

    /// What init was told.
    pub(crate) fn info(&self) -> &'static InitInfo {
        let mut bytes = vec![0; size_of::<InitInfo>()];
        self.read(INIT_INFO_ADDRESS, &mut bytes);
        // SAFETY: these bytes are an `InitInfo`, which any bytes are; it is copied out of them.
        Box::leak(Box::new(unsafe { bytes.as_ptr().cast::<InitInfo>().read_unaligned() }))
    }

    /// Init makes a kernel call, which the kernel may want repeated.
    pub(crate) fn call(&mut self, call: Call) -> Answer {
        let frame = CallFrame {
            operation: call.operation,
            descriptor: call.descriptor.0,
            info: call.info.0,
            words: call.words,
        };
        if makes_something(call.operation) && self.is_refused() {
            let error = Error::new(Reason::NotEnoughMemory, Culprit::OTHER);
            return Answer { identifier: 0, info: MessageInfo::failure(error), words: [0; 6] };
        }
        self.kernel.context(self.init).prepare(frame);
        self.calls += 1;
        if self.calls.is_multiple_of(CALLS_PER_CHECK) {
            self.check();
        }
        for _ in 0..RESTARTS {
            assert_eq!(self.kernel.call(0, self.init), Some(self.init), "the call {call:?} blocks");
            match self.kernel.context(self.init).resumption() {
                Resumption::Restart => {}
                Resumption::Answer(answer) => {
                    let a9n_hal_sim::Answer { identifier, info, words } = answer;
                    return Answer { identifier, info: MessageInfo(info), words };
                }
                other => panic!("no answer but {other:?}"),
            }
        }
        panic!("the call {call:?} restarts for ever");
    }

    /// Counts one call that makes something; answers whether it is the one to be refused.
    fn is_refused(&mut self) -> bool {
        let left = self.refuse_after;
        self.refuse_after = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }

    /// Reads as init does.
    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) {
        let memory = self.kernel.hal().memory();
        for (byte, at) in bytes.iter_mut().zip(address..) {
            let (physical, access) = self.translate(at);
            assert!(access.contains(Access::READ), "{at:#x} may not be read");
            *byte = memory.bytes_at(physical.0, physical.0 + 1)[0];
        }
    }

    /// Writes as init does.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) {
        let memory = self.kernel.hal().memory();
        for (byte, at) in bytes.iter().zip(address..) {
            let (physical, access) = self.translate(at);
            assert!(access.contains(Access::WRITE), "{at:#x} may not be written");
            let (start, place) = (physical.0 & !7, (physical.0 & 7) as usize);
            let mut word: [u8; 8] =
                memory.bytes_at(start, start + 8).try_into().expect("eight bytes are eight");
            word[place] = *byte;
            memory.store_word(PhysicalAddress(start), u64::from_le_bytes(word));
        }
    }

    /// Whether init may write at `address`; `None` if nothing is mapped there.
    pub(crate) fn is_writable(&self, address: u64) -> Option<bool> {
        let found = self.kernel.hal().translate(self.tables(), UserAddress(address));
        found.map(|(_, access)| access.contains(Access::WRITE))
    }

    fn translate(&self, address: u64) -> (PhysicalAddress, Access) {
        let found = self.kernel.hal().translate(self.tables(), UserAddress(address));
        found.unwrap_or_else(|| panic!("nothing is mapped at {address:#x}"))
    }

    /// Root of init's page tables.
    fn tables(&self) -> PhysicalAddress {
        self.kernel.context(self.init).root().expect("init has an address space")
    }

    /// How many kernel objects the machine knows of.
    pub(crate) fn objects(&self) -> usize {
        self.kernel.hal().memory().objects().len()
    }

    /// Checks the kernel's state, and that every page is mapped through a Window.
    pub(crate) fn check(&self) {
        let machine = self.kernel.hal();
        let (running, objects) = ([Some(self.init)], machine.memory().objects());
        let census = self.kernel.check(&Surroundings {
            root: self.root,
            running: &running,
            objects: &objects,
            is_zero: &|address, bytes| machine.memory().is_zero(address, address + bytes),
        });
        for (start, end) in census.zeroed {
            assert!(machine.memory().is_zero(start, end), "{start:#x}..{end:#x} is not zero");
        }
        for space in census.spaces {
            for (address, page, bytes, access) in machine.mappings(space.root).pages {
                assert!(!access.contains(Access::WRITE | Access::EXECUTE));
                let owned = self.boot_pages.contains(&(address.0, page.0))
                    || space.windows.iter().any(|(first, range, (base, length))| {
                        address.0.wrapping_sub(first.0) < *range
                            && page.0 >= base.0
                            && page.0 + bytes <= base.0 + length
                    });
                assert!(owned, "{page:x?} is mapped at {address:x?} through no Window");
            }
        }
    }
}

/// Whether an operation makes, maps or configures something, and so may find too little of something.
/// Taking away, and looking, never does.
fn makes_something(operation: u64) -> bool {
    use a9n_abi::{address_space, frame, generic, node, pcb};
    [
        generic::word::Convert,
        node::word::Mint,
        frame::word::Attach,
        address_space::word::InstallTable,
        address_space::word::MapMany,
        pcb::word::ConfigureSpaces,
        pcb::word::ConfigureEntry,
        pcb::word::ConfigureSchedule,
        pcb::word::Resume,
    ]
    .contains(&operation)
}
