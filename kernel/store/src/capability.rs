//! What a slot can hold.

use a9n_abi::ObjectType;
use a9n_hal::{Interrupt, PageSize, PhysicalAddress, UserAddress};

use crate::{AddressSpace, Node, Notification, Port, Process, Ref};

/// Whether memory is ordinary or belongs to devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryKind {
    /// Memory that can become any object.
    Ordinary,
    /// Device registers and framebuffers: frames only, never cleared.
    Device,
}

/// Where a Page Table is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Installation {
    /// In which address space.
    pub space: Ref<AddressSpace>,
    /// For which address.
    pub address: UserAddress,
    /// What one of its entries maps.
    pub entries: PageSize,
}

/// What a Page Table is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableUse {
    /// Nothing.
    Free,
    /// It waits in the pool of an address space.
    Pooled(Ref<AddressSpace>),
    /// It is part of an address space.
    Installed(Installation),
}

/// The content of a slot, rights and derivation aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Physical memory to make objects from.
    Generic {
        /// Its first byte.
        base: PhysicalAddress,
        /// Logarithm of its bytes.
        size_bits: u8,
        /// Bytes from `base` on that were given to objects.
        used: u64,
        /// Bytes from `used` up to here are known to be zero; a multiple of 64.
        zeroed: u64,
        /// Ordinary or device.
        kind: MemoryKind,
    },
    /// A node.
    Node(Ref<Node>),
    /// A process.
    Pcb {
        /// The process.
        process: Ref<Process>,
        /// Highest priority that it may be given through this capability.
        highest_priority: u8,
    },
    /// Extended state for a process.
    VectorState {
        /// Its first byte.
        state: PhysicalAddress,
    },
    /// An address space.
    AddressSpace(Ref<AddressSpace>),
    /// The state of a guest's CPU.
    VirtualCpu {
        /// Its first byte.
        guest: PhysicalAddress,
    },
    /// An address space of guest-physical memory.
    VirtualAddressSpace(Ref<AddressSpace>),
    /// One page of page tables.
    PageTable {
        /// Its page.
        table: PhysicalAddress,
        /// What it is used for.
        usage: TableUse,
    },
    /// Memory to be mapped.
    Frame {
        /// Its first byte.
        base: PhysicalAddress,
        /// Logarithm of its bytes.
        size_bits: u8,
        /// Ordinary or device.
        kind: MemoryKind,
    },
    /// A frame attached to an address space; `None` once that died.
    Window {
        /// The frame's first byte.
        base: PhysicalAddress,
        /// Logarithm of the frame's bytes.
        size_bits: u8,
        /// Ordinary or device.
        kind: MemoryKind,
        /// First address of the range.
        address: UserAddress,
        /// Logarithm of the bytes in the range; the address is aligned to as many.
        range_bits: u8,
        /// The address space, while it lives.
        space: Option<Ref<AddressSpace>>,
    },
    /// A port.
    IpcPort {
        /// The port.
        port: Ref<Port>,
        /// What a receiver learns about the sender.
        identifier: u64,
    },
    /// The right to answer a call.
    Reply {
        /// Who called.
        caller: Ref<Process>,
    },
    /// A Notification Port.
    Notification {
        /// The Notification Port.
        notification: Ref<Notification>,
        /// Bits that it sets.
        identifier: u64,
    },
    /// A CPU's timer.
    Timer {
        /// Number of the CPU.
        cpu: u8,
    },
    /// All interrupt lines.
    InterruptRegion,
    /// One interrupt.
    InterruptPort {
        /// The interrupt.
        interrupt: Interrupt,
    },
    /// A range of I/O ports.
    IoPort {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
}

impl Capability {
    /// Type of the object.
    pub const fn object_type(&self) -> ObjectType {
        match self {
            Self::Generic { .. } => ObjectType::Generic,
            Self::Node(_) => ObjectType::Node,
            Self::Pcb { .. } => ObjectType::Pcb,
            Self::VectorState { .. } => ObjectType::VectorState,
            Self::AddressSpace(_) => ObjectType::AddressSpace,
            Self::VirtualCpu { .. } => ObjectType::VirtualCpu,
            Self::VirtualAddressSpace(_) => ObjectType::VirtualAddressSpace,
            Self::PageTable { .. } => ObjectType::PageTable,
            Self::Frame { .. } => ObjectType::Frame,
            Self::Window { .. } => ObjectType::Window,
            Self::IpcPort { .. } => ObjectType::IpcPort,
            Self::Reply { .. } => ObjectType::Reply,
            Self::Notification { .. } => ObjectType::NotificationPort,
            Self::Timer { .. } => ObjectType::Timer,
            Self::InterruptRegion => ObjectType::InterruptRegion,
            Self::InterruptPort { .. } => ObjectType::InterruptPort,
            Self::IoPort { .. } => ObjectType::IoPort,
        }
    }

    /// What a receiver or a Notification Port learns from it; 0 where there is no such thing.
    pub const fn identifier(&self) -> u64 {
        match self {
            Self::IpcPort { identifier, .. } | Self::Notification { identifier, .. } => *identifier,
            _ => 0,
        }
    }

    /// Whether more than one slot may hold it.
    pub const fn is_copyable(&self) -> bool {
        is_copyable(self.object_type())
    }
}

/// Whether more than one slot may hold such an object. Two Generics would hand out the same memory;
/// a Reply is used once; a Vector State or a Virtual CPU serves one process; Windows and installed tables are known
/// to their address space.
pub(crate) const fn is_copyable(object: ObjectType) -> bool {
    !matches!(
        object,
        ObjectType::Generic
            | ObjectType::Reply
            | ObjectType::VectorState
            | ObjectType::VirtualCpu
            | ObjectType::Window
            | ObjectType::PageTable
    )
}
