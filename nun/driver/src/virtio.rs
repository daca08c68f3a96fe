//! virtio devices over PCI, for the drivers of `virtio-drivers`.
//!
//! The transport is our own, since a driver reaches neither configuration space nor the MSI-X table:
//! it is told where the parts of the device's registers lie ([`Layout`]), has those mapped, and
//! knows which MSI-X entry its queues shall use. Source: Virtual I/O Device (VIRTIO) 1.2, section
//! 4.1.

mod block;
mod common;
mod entropy;
mod layout;

use safe_mmio::fields::{ReadOnly, ReadPure, ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field, field_shared};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Error, PhysAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes};

pub use self::block::{BlockDevice, Completion, Request, SECTOR_BYTES, Ticket};
use self::common::Common;
pub use self::entropy::{ENTROPY_BYTES, EntropyDevice};
pub use self::layout::{Layout, Part, kind};
use crate::Registers;
use crate::pci::pci_types::PciAddress;
use crate::pci::{self, Snapshot};

pub use virtio_drivers;

/// Entry of the MSI-X table that is none (section 4.1.5.1.2).
const NO_VECTOR: u16 = 0xffff;

/// A virtio device over PCI.
#[derive(Debug)]
pub struct PciTransport {
    device: DeviceType,
    common: UniqueMmioPointer<'static, Common>,
    notify: Registers,
    notify_multiplier: usize,
    interrupt_status: UniqueMmioPointer<'static, ReadOnly<u8>>,
    configuration: Option<Registers>,
    vector: u16,
}

impl PciTransport {
    /// A device of kind `device` whose registers have that `layout`; `mapped` answers the registers
    /// of a BAR. Its queues interrupt by entry `vector` of the MSI-X table, if one is given, else by
    /// the line. `None` if a part does not lie in the registers of its BAR.
    pub fn new(
        device: DeviceType,
        layout: &Layout,
        mapped: impl Fn(u8) -> Option<Registers>,
        vector: Option<u16>,
    ) -> Option<Self> {
        let part = |part: Part| mapped(part.bar)?.part(part.offset as usize, part.bytes as usize);
        Some(Self {
            device,
            common: part(layout.common)?.block(0)?,
            notify: part(layout.notify)?,
            notify_multiplier: layout.notify_multiplier as usize,
            interrupt_status: part(layout.interrupt_status)?.block(0)?,
            configuration: match layout.device {
                Some(device) => Some(part(device)?),
                None => None,
            },
            vector: vector.unwrap_or(NO_VECTOR),
        })
    }

    /// The same for a device whose configuration space was copied into `configuration`.
    pub fn of_copy(
        device: DeviceType,
        configuration: &[u8],
        mapped: impl Fn(u8) -> Option<Registers>,
        vector: u16,
    ) -> Option<Self> {
        let copy = Snapshot(configuration);
        // The copy is of one function, whatever its address.
        let function = pci::function(&copy, PciAddress::new(0, 0, 0, 0))?;
        Self::new(device, &Layout::read(&copy, &function)?, mapped, Some(vector))
    }

    /// The same for one whose BARs whoever started this driver has mapped in the
    /// [workspace](nun::aci::WORKSPACE_ADDRESS): `window` answers the address and length of each.
    pub fn in_workspace(
        device: DeviceType,
        configuration: &[u8],
        window: impl Fn(u8) -> Option<(u64, u64)>,
        vector: u16,
    ) -> Option<Self> {
        let mapped = |bar| {
            let (address, bytes) = window(bar)?;
            Some(Registers::in_workspace(address, bytes as usize))
        };
        Self::of_copy(device, configuration, mapped, vector)
    }

    fn configuration(&self, offset: usize, bytes: usize) -> Result<Registers, Error> {
        let all = self.configuration.ok_or(Error::ConfigSpaceMissing)?;
        all.part(offset, bytes).ok_or(Error::ConfigSpaceTooSmall)
    }
}

impl Transport for PciTransport {
    fn device_type(&self) -> DeviceType {
        self.device
    }

    fn read_device_features(&mut self) -> u64 {
        let mut half = |number| {
            field!(self.common, device_feature_select).write(number);
            u64::from(field_shared!(self.common, device_feature).read())
        };
        half(0) | half(1) << 32
    }

    fn write_driver_features(&mut self, features: u64) {
        for (number, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            field!(self.common, driver_feature_select).write(number);
            field!(self.common, driver_feature).write(half);
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        field!(self.common, queue_select).write(queue);
        field_shared!(self.common, queue_size).read().into()
    }

    fn notify(&mut self, queue: u16) {
        field!(self.common, queue_select).write(queue);
        let place = usize::from(field_shared!(self.common, queue_notify_off).read());
        let register = self.notify.block::<WriteOnly<u16>>(place * self.notify_multiplier);
        // A device that names a place outside of its own registers is not told anything.
        if let Some(mut register) = register {
            register.write(queue);
        }
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(field_shared!(self.common, device_status).read().into())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        field!(self.common, device_status).write(status.bits() as u8);
    }

    fn set_guest_page_size(&mut self, _bytes: u32) {
        // Modern devices have no such register.
    }

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        field!(self.common, queue_select).write(queue);
        field!(self.common, queue_size).write(size as u16);
        field!(self.common, queue_descriptors).write(descriptors);
        field!(self.common, queue_driver).write(driver_area);
        field!(self.common, queue_device).write(device_area);
        field!(self.common, queue_msix_vector).write(self.vector);
        field!(self.common, queue_enable).write(1);
    }

    fn queue_unset(&mut self, _queue: u16) {
        // A queue stays until the device is reset (section 4.1.4.3.2).
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        field!(self.common, queue_select).write(queue);
        field_shared!(self.common, queue_enable).read() == 1
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::from_bits_retain(self.interrupt_status.read().into())
    }

    fn read_config_generation(&self) -> u32 {
        field_shared!(self.common, config_generation).read().into()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T, Error> {
        let registers = self.configuration(offset, size_of::<T>())?;
        let mut value = T::new_zeroed();
        let width = size_of::<T>().min(size_of::<u32>());
        for (number, bytes) in value.as_mut_bytes().chunks_mut(width.max(1)).enumerate() {
            let place = number * width;
            // Each at its natural width, and wider ones in halves (section 4.1.3.1).
            match bytes.len() {
                4 => copy(bytes, registers.block::<ReadPure<u32>>(place).map(|it| it.read())),
                2 => copy(bytes, registers.block::<ReadPure<u16>>(place).map(|it| it.read())),
                1 => copy(bytes, registers.block::<ReadPure<u8>>(place).map(|it| it.read())),
                _ => None,
            }
            .ok_or(Error::ConfigSpaceTooSmall)?;
        }
        Ok(value)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        offset: usize,
        value: T,
    ) -> Result<(), Error> {
        let registers = self.configuration(offset, size_of::<T>())?;
        let width = size_of::<T>().min(size_of::<u32>());
        for (number, bytes) in value.as_bytes().chunks(width.max(1)).enumerate() {
            let place = number * width;
            let written = if let Ok(value) = u32::read_from_bytes(bytes) {
                registers.block::<ReadPureWrite<u32>>(place).map(|mut it| it.write(value))
            } else if let Ok(value) = u16::read_from_bytes(bytes) {
                registers.block::<ReadPureWrite<u16>>(place).map(|mut it| it.write(value))
            } else if let Ok(value) = u8::read_from_bytes(bytes) {
                registers.block::<ReadPureWrite<u8>>(place).map(|mut it| it.write(value))
            } else {
                None
            };
            written.ok_or(Error::ConfigSpaceTooSmall)?;
        }
        Ok(())
    }
}

impl Drop for PciTransport {
    /// Resets the device, so that it leaves the driver's memory alone.
    fn drop(&mut self) {
        self.set_status(DeviceStatus::empty());
        while self.get_status() != DeviceStatus::empty() {}
    }
}

/// The device follows this specification, not an older draft (section 6).
const VERSION_1: u64 = 1 << 32;

/// Begins to use the device (section 3.1.1): resets it, and settles on those of the `wanted` features that
/// it has. Its queues come next.
fn begin(transport: &mut PciTransport, wanted: u64) -> Result<u64, Error> {
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(DeviceStatus::empty());
    transport.set_status(status);
    let features = transport.read_device_features() & (wanted | VERSION_1);
    transport.write_driver_features(features);
    status |= DeviceStatus::FEATURES_OK;
    transport.set_status(status);
    if !transport.get_status().contains(status) || features & VERSION_1 == 0 {
        return Err(Error::Unsupported);
    }
    Ok(features)
}

/// Lets it work, now that its queues are there.
fn finish(transport: &mut PciTransport) {
    let status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER | DeviceStatus::FEATURES_OK;
    transport.set_status(status | DeviceStatus::DRIVER_OK);
}

/// Copies a register's value, if it could be read.
fn copy<V: IntoBytes + Immutable>(bytes: &mut [u8], value: Option<V>) -> Option<()> {
    bytes.copy_from_slice(value?.as_bytes());
    Some(())
}
