//! The common configuration structure of a device (VIRTIO 1.2, section 4.1.4.3).

use safe_mmio::fields::{ReadPure, ReadPureWrite};

/// Its registers, in order.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Common {
    pub(super) device_feature_select: ReadPureWrite<u32>,
    pub(super) device_feature: ReadPure<u32>,
    pub(super) driver_feature_select: ReadPureWrite<u32>,
    pub(super) driver_feature: ReadPureWrite<u32>,
    msix_config: ReadPureWrite<u16>,
    num_queues: ReadPure<u16>,
    pub(super) device_status: ReadPureWrite<u8>,
    pub(super) config_generation: ReadPure<u8>,
    pub(super) queue_select: ReadPureWrite<u16>,
    pub(super) queue_size: ReadPureWrite<u16>,
    pub(super) queue_msix_vector: ReadPureWrite<u16>,
    pub(super) queue_enable: ReadPureWrite<u16>,
    pub(super) queue_notify_off: ReadPure<u16>,
    pub(super) queue_descriptors: ReadPureWrite<u64>,
    pub(super) queue_driver: ReadPureWrite<u64>,
    pub(super) queue_device: ReadPureWrite<u64>,
}
