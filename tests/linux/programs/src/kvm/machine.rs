//! A virtual machine of KVM's, with one processor and 64 KiB of memory (Linux, Documentation/virt/kvm/api.rst).

use core::ffi::CStr;

use a9n_linux_programs::system::{Descriptor, ioctl_at, map, map_device, open};
use linux_raw_sys::general as linux;

const DEVICE: &CStr = c"/dev/kvm";
const MEMORY_BYTES: usize = 1 << 16;
/// Requests, as Linux numbers them.
const CREATE_VM: u32 = 0xae01;
const RUN_BYTES: u32 = 0xae04;
const CREATE_CPU: u32 = 0xae41;
const SET_MEMORY: u32 = 0x4020_ae46;
const RUN: u32 = 0xae80;
const SET_REGISTERS: u32 = 0x4090_ae82;
const GET_SPECIAL: u32 = 0x8138_ae83;
const SET_SPECIAL: u32 = 0x4138_ae84;
/// Reasons of exits, and where they stand in what is shared with KVM.
const PORT: u32 = 2;
const HALT: u32 = 5;
const REASON_OFFSET: usize = 8;
/// Words of the special registers; the first three are of CS: its base, then limit and selector.
const SPECIAL_WORDS: usize = 0x138 / size_of::<u64>();
/// Where instruction pointer and flags stand among the registers.
const INSTRUCTION: usize = 16;
const FLAGS: usize = 17;

/// Why the guest was left.
pub enum Exit {
    /// An access to a port.
    Port,
    /// `hlt`.
    Halt,
    /// Anything else.
    Other(u32),
}

/// The machine.
pub struct Machine {
    cpu: Descriptor,
    /// What is shared with KVM.
    shared: *mut u8,
    /// The guest's memory, which the guest changes while it runs.
    memory: *mut u8,
}

impl Machine {
    /// One in which nothing runs; `None` where there is no KVM.
    pub fn new() -> Option<Self> {
        let kvm = open(DEVICE, linux::O_RDWR);
        let memory = map(MEMORY_BYTES).as_mut_ptr();
        let region: [u64; 4] = [0, 0, MEMORY_BYTES as u64, memory as u64];
        // SAFETY: numbers, but for the region, which is read. The memory that it names stays for good, and nobody
        // has a reference to it.
        let (cpu, bytes) = unsafe {
            let vm = ioctl_at(kvm, CREATE_VM, 0) as Descriptor;
            if ioctl_at(vm, SET_MEMORY, (&raw const region) as usize) < 0 {
                return None;
            }
            (ioctl_at(vm, CREATE_CPU, 0) as Descriptor, ioctl_at(kvm, RUN_BYTES, 0))
        };
        let shared = map_device(cpu, usize::try_from(bytes).ok()?)?;
        Some(Self { cpu, shared, memory })
    }

    /// Has the processor begin at `instruction`, in real mode with its code segment at 0. Whether KVM takes that.
    pub fn begin(&self, instruction: usize) -> bool {
        let mut special = [0_u64; SPECIAL_WORDS];
        let mut registers = [0_u64; FLAGS + 1];
        (registers[INSTRUCTION], registers[FLAGS]) = (instruction as u64, 2);
        // SAFETY: both structures have the sizes that the requests' numbers say.
        unsafe {
            if ioctl_at(self.cpu, GET_SPECIAL, (&raw mut special) as usize) < 0 {
                return false;
            }
            special[0] = 0;
            special[1] &= 0xffff_0000_ffff_ffff;
            ioctl_at(self.cpu, SET_SPECIAL, (&raw const special) as usize) == 0
                && ioctl_at(self.cpu, SET_REGISTERS, (&raw const registers) as usize) == 0
        }
    }

    /// Lets it run until it is left.
    pub fn run(&self) -> Exit {
        // SAFETY: the request takes no address; the guest reaches its own memory only, and the reason lies in what
        // KVM shares.
        let reason = unsafe {
            ioctl_at(self.cpu, RUN, 0);
            self.shared.add(REASON_OFFSET).cast::<u32>().read_volatile()
        };
        match reason {
            PORT => Exit::Port,
            HALT => Exit::Halt,
            other => Exit::Other(other),
        }
    }

    /// Writes a byte of the guest's memory.
    pub fn write(&self, place: usize, byte: u8) {
        assert!(place < MEMORY_BYTES);
        // SAFETY: it lies in the memory, to which there are no references.
        unsafe { self.memory.add(place).write_volatile(byte) }
    }

    /// Reads a word of 32 bits of it, at a place that four divides.
    pub fn read(&self, place: usize) -> u32 {
        assert!(place.is_multiple_of(4) && place < MEMORY_BYTES);
        // SAFETY: as above; the memory begins at a page.
        unsafe { self.memory.add(place).cast::<u32>().read_volatile() }
    }
}
