//! A component's PCI device: found once, given to every instance, brought to rest between them.
//!
//! The root server alone reaches configuration space and the tables that choose interrupts. A driver
//! gets the registers of its device mapped, a signal for its interrupts, and memory that it shares
//! with it. That memory outlives instances, like the device, and is nobody else's at any time.

use koito::conventions::{BAR_BITS, DMA_ADDRESS, bar_address, signal};
use koito::{CONFIGURATION_BYTES, Device as Description, Window};
use koito_manifest::{Component, PciDevice, Vec};
use nun::abi::boot::PAGE_BYTES;
use nun::abi::init::slot;
use nun::{Access, Error, Frame, InitInfo, InterruptRegion, IoPort, NotificationPort};
use nun::{Process, Resources, range_around, ticks};
use nun_driver::pci::pci_types::capability::MsixCapability;
use nun_driver::pci::{Bars, BusMaster, ConfigurationPorts, Function, RESET_MILLISECONDS};
use nun_driver::pci::{read, route, scan};
use nun_driver::{DeviceMemory, Interrupt, InterruptMessage, Registers};

/// BARs of a function.
const BARS: usize = 6;

/// The devices of the machine.
pub struct Machine {
    access: ConfigurationPorts,
    /// Device space, and the tables of the firmware.
    pub memory: DeviceMemory,
}

impl Machine {
    /// All of them.
    pub fn new(init: &InitInfo) -> Self {
        let access = ConfigurationPorts::new(IoPort::slot(slot::IO_PORTS));
        Self { access, memory: DeviceMemory::new(init) }
    }

    /// The frame with `pages` pages from `address` on, in device space, and which of its pages is the
    /// first of them; `None` if they are not all there.
    pub fn frame_around(
        &mut self,
        resources: &mut Resources,
        address: u64,
        pages: u64,
    ) -> Option<(Frame, u64)> {
        let (first, bits) = range_around(address, pages);
        let frame = self.memory.frame(first, bits as u8, resources.slots()).ok()?;
        Some((frame, (address - first) / PAGE_BYTES))
    }

    fn find(&self, wanted: PciDevice) -> Option<Function> {
        let is_it = |it: &Function| (it.vendor, it.device) == (wanted.vendor, wanted.device);
        scan(&self.access).filter(is_it).nth(wanted.index.into())
    }

    /// The frame of BAR `number`, and its length in bytes; `None` if it is not in memory or too large.
    fn frame(
        &mut self,
        resources: &mut Resources,
        function: &Function,
        number: u8,
    ) -> Result<Option<(Frame, u64, u64)>, Error> {
        let size = function.bar(&self.access, number).map(|(_, bytes)| bytes);
        let Some(bytes) = size.filter(|bytes| *bytes <= 1 << BAR_BITS) else { return Ok(None) };
        match function.bar_frame(&self.access, number, &mut self.memory, resources.slots()) {
            Some(Ok((frame, offset))) => Ok(Some((frame, offset, bytes))),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }
}

/// A device that a component has.
pub struct Device {
    access: ConfigurationPorts,
    function: Function,
    bars: Bars,
    /// Registers that the component may reach: BAR, frame, where they begin in it, length.
    windows: Vec<(u8, Frame, u64, u64), BARS>,
    interrupts: Option<Interrupts>,
    /// What it shares with the component: frame, physical address, logarithm of the bytes.
    dma: Option<(Frame, u64, u8)>,
    /// When its last reset is over, in ticks.
    ready: u64,
}

/// How it interrupts.
struct Interrupts {
    msix: MsixCapability,
    table: Registers,
    message: InterruptMessage,
}

impl Device {
    /// The device of `component`, which is to ring `bell` under [`signal::DEVICE`]; `None` if the
    /// machine does not have it.
    pub fn find(
        machine: &mut Machine,
        resources: &mut Resources,
        component: &Component<'_>,
        bell: impl FnOnce(&mut Resources, u64) -> Result<NotificationPort, Error>,
    ) -> Result<Option<Self>, Error> {
        let Some(function) = component.pci.and_then(|wanted| machine.find(wanted)) else {
            return Ok(None);
        };
        let access = machine.access;
        let msix = function.msix(&access);
        let mut windows = Vec::new();
        let mut interrupts = None;
        for number in function.memory_bars(&access) {
            let Some((frame, offset, bytes)) = machine.frame(resources, &function, number)? else {
                continue;
            };
            match msix {
                // Whoever reaches the table can raise any interrupt of the machine.
                Some(msix) if msix.table_bar() == number => {
                    let pages = (1 << frame.information()?.0) / PAGE_BYTES;
                    let (pool, space) = resources.parts();
                    let all = Registers::map(pool, space, frame, (0, pages))?;
                    let start = offset as usize + msix.table_offset() as usize;
                    let bytes = usize::from(msix.table_size()) * 16;
                    interrupts = all.part(start, bytes).map(|table| (msix, table));
                }
                _ => {
                    // There is room for every BAR.
                    let _ = windows.push((number, frame, offset, bytes));
                }
            }
        }
        let interrupts = match interrupts {
            None => None,
            Some((msix, table)) => {
                let region = InterruptRegion::slot(slot::INTERRUPTS);
                let (interrupt, message) = Interrupt::message(region, resources)?;
                interrupt.enable(bell(resources, signal::DEVICE)?)?;
                Some(Interrupts { msix, table, message })
            }
        };
        let dma = match component.dma_bits {
            0 => None,
            bits => {
                let frame: Frame = resources.make(bits)?;
                Some((frame, frame.address()?, bits))
            }
        };
        let bars = function.bars(&access);
        Ok(Some(Self { access, function, bars, windows, interrupts, dma, ready: 0 }))
    }

    /// When it can be used again, in ticks.
    pub const fn ready(&self) -> u64 {
        self.ready
    }

    /// Gives it to an instance, which does not run yet: maps what the instance may reach, lets it
    /// interrupt, and master the bus if it shares memory.
    pub fn give(&mut self, process: &mut Process) -> Result<Description, Error> {
        let both = Access::READ | Access::WRITE;
        let mut windows = Vec::new();
        for (bar, frame, offset, bytes) in &self.windows {
            let pages = (1 << frame.information()?.0) / PAGE_BYTES;
            process.map(*frame, bar_address(*bar), pages, both)?;
            let window = Window { bar: *bar, address: bar_address(*bar) + offset, bytes: *bytes };
            let _ = windows.push(window);
        }
        if let Some((frame, _, bits)) = self.dma {
            process.map(frame, DMA_ADDRESS, (1 << bits) / PAGE_BYTES, both)?;
        }
        self.function.restore(&self.access, &self.bars);
        self.function.enable(&self.access, BusMaster::No);
        if let Some(Interrupts { msix, table, message }) = &mut self.interrupts {
            for entry in 0..usize::from(msix.table_size()) {
                route(table, entry, *message);
            }
            msix.set_enabled(true, self.access);
        }
        if self.dma.is_some() {
            self.function.enable(&self.access, BusMaster::Yes);
        }
        let mut configuration = Vec::new();
        for offset in (0..CONFIGURATION_BYTES as u16).step_by(4) {
            let word = read(&self.access, self.function.address, offset);
            // There is room for all of them.
            let _ = configuration.extend_from_slice(&word.to_le_bytes());
        }
        let dma = self.dma.map(|(_, physical, bits)| (physical, 1 << bits));
        Ok(Description { configuration, windows, dma })
    }

    /// Brings it to rest after its driver: it neither reaches memory nor interrupts any more, and, if
    /// it can be reset, knows nothing of what it was told.
    pub fn quiesce(&mut self, ticks_per_millisecond: u64) {
        if self.function.quiesce(&self.access) {
            self.ready = ticks() + RESET_MILLISECONDS * ticks_per_millisecond;
        }
    }
}
