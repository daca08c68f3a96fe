//! A component's PCI device, as the root server knows it: what of it the component gets, and how far it is
//! on the way to being used again.
//!
//! Configuration space is the PCI server's; what devices say of themselves is read there. The root server
//! gives orders, holds the frames, of which there is one to a page, and believes the answers as far as that
//! goes: no page is given out twice, so a driver never has one with a table of interrupts. Memory that is
//! shared with a device outlives instances, like the device, and is nobody else's at any time; so it
//! harms nobody when a dead driver's device comes to rest late.

use koito::conventions::{BAR_BITS, DMA_ADDRESS, TABLE_BITS, bar_address, table_address};
use koito::services::{DeviceInterrupt, DevicePlace, DeviceTable, Extent, Order, Task};
use koito::{CONFIGURATION_BYTES, Device as Description, Window};
use koito_manifest::{Component, PciDevice, Vec};
use nun::abi::boot::PAGE_BYTES;
use nun::abi::init::slot;
use nun::{Access, Error, Frame, InitInfo, InterruptRegion, NotificationPort, Process, Resources};
use nun::{range_around, ticks};
use nun_driver::{DeviceMemory, Interrupt, InterruptMessage};

use crate::holdings::Lack;

/// BARs of a function.
const BARS: usize = 6;
/// Bits of a physical address.
const PHYSICAL_BITS: u32 = 52;
/// PCI servers that may die over one order before its device is given up.
const MOST_DEATHS: u8 = 8;

/// The devices of the machine.
pub struct Machine {
    /// Device space, and the tables of the firmware.
    pub memory: DeviceMemory,
}

impl Machine {
    /// All of them.
    pub fn new(init: &InitInfo) -> Self {
        Self { memory: DeviceMemory::new(init) }
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
}

/// How far a device is.
#[derive(Clone, Copy)]
enum Stage {
    /// Nobody looked for it yet.
    Unknown,
    /// It is there.
    Found,
    /// A driver has it, or had it and nobody brought it to rest since.
    Given,
    /// It rests, or will when the time-stamp counter has reached this.
    Resting(u64),
    /// It waits for its driver.
    Ready,
    /// It cannot be used.
    Useless(Lack),
}

/// What stands between a device and its driver.
pub enum Readiness {
    /// Nothing.
    Ready,
    /// Time, in ticks.
    At(u64),
    /// The PCI server.
    Waits,
    /// There will be none.
    Never(Lack),
}

/// A device that a component has.
pub struct Device {
    kind: PciDevice,
    stage: Stage,
    /// Where it is, if that is known.
    place: Option<DevicePlace>,
    /// Whether the frames below are all that there are.
    is_measured: bool,
    /// How many orders were carried out.
    count: u32,
    /// How many PCI servers died over the present one.
    deaths: u8,
    /// What its configuration space said when it was set up.
    configuration: Vec<u8, CONFIGURATION_BYTES>,
    /// Registers that the component may reach: BAR, frame, where they begin in it, length.
    windows: Vec<(u8, Frame, u64, u64), BARS>,
    /// Signals to the component that the device interrupted.
    bell: NotificationPort,
    interrupts: Option<Interrupts>,
    /// What it shares with the component: frame, physical address, logarithm of the bytes.
    dma: Option<(Frame, u64, u8)>,
}

/// How it interrupts.
struct Interrupts {
    /// The pages of the table.
    frame: Frame,
    /// Where in them the table begins, and its length.
    offset: u64,
    bytes: u64,
    message: InterruptMessage,
}

impl Device {
    /// That of `component`, which is to hear by `bell` of interrupts; `None` if it is to have none.
    pub fn new(
        resources: &mut Resources,
        component: &Component<'_>,
        bell: impl FnOnce(&mut Resources) -> Result<NotificationPort, Error>,
    ) -> Result<Option<Self>, Error> {
        let Some(kind) = component.pci else { return Ok(None) };
        let dma = match component.dma_bits {
            0 => None,
            bits => {
                let frame: Frame = resources.make(bits)?;
                Some((frame, frame.address()?, bits))
            }
        };
        Ok(Some(Self {
            kind,
            stage: Stage::Unknown,
            place: None,
            is_measured: false,
            count: 0,
            deaths: 0,
            configuration: Vec::new(),
            windows: Vec::new(),
            bell: bell(resources)?,
            interrupts: None,
            dma,
        }))
    }

    /// Whether it can be given to a driver.
    pub fn readiness(&self) -> Readiness {
        match self.stage {
            Stage::Ready => Readiness::Ready,
            Stage::Resting(ready) if ticks() < ready => Readiness::At(ready),
            Stage::Useless(lack) => Readiness::Never(lack),
            _ => Readiness::Waits,
        }
    }

    /// What is to be done with it; `runs` and `waits` say whether its driver does. `index` is that of the
    /// component.
    pub fn order(&self, index: usize, runs: bool, waits: bool) -> Option<Order> {
        let task = match self.stage {
            Stage::Unknown if waits => Task::Find,
            Stage::Found if waits => Task::Measure,
            Stage::Given if !runs => Task::Quiesce,
            Stage::Resting(ready) if waits && ready <= ticks() => Task::SetUp,
            _ => return None,
        };
        let PciDevice { vendor, device, index: which } = self.kind;
        let told = |it: &Interrupts| DeviceInterrupt {
            table: table_address(index) + it.offset,
            table_bytes: it.bytes,
            address: it.message.address,
            data: it.message.data,
        };
        Some(Order {
            number: number(index, self.count),
            task,
            kind: (vendor, device, which),
            place: self.place,
            interrupt: self.interrupts.as_ref().map(told),
            masters: self.dma.is_some(),
        })
    }

    /// Whether `number` is that of the present order.
    pub fn has_order(&self, index: usize, wanted: u64) -> bool {
        number(index, self.count) == wanted
    }

    /// Notes that an order was carried out.
    fn advance(&mut self, stage: Stage) {
        (self.stage, self.count, self.deaths) = (stage, self.count.wrapping_add(1), 0);
    }

    /// Takes in where it is.
    pub fn found(&mut self, place: Option<DevicePlace>) {
        if let Stage::Unknown = self.stage {
            self.place = place;
            let missing = Stage::Useless(Lack::Device);
            self.advance(if place.is_some() { Stage::Found } else { missing });
        }
    }

    /// Takes in where its registers are, and cuts out their frames.
    pub fn measured(
        &mut self,
        machine: &mut Machine,
        resources: &mut Resources,
        registers: [Option<Extent>; BARS],
        table: Option<DeviceTable>,
    ) {
        let Stage::Found = self.stage else { return };
        let cut = self.cut(machine, resources, registers, table);
        self.is_measured = cut.is_ok();
        self.advance(match cut {
            Ok(()) => Stage::Resting(0),
            Err(error) => Stage::Useless(error.into()),
        });
    }

    /// The table first: what shares a page with it is given to nobody.
    fn cut(
        &mut self,
        machine: &mut Machine,
        resources: &mut Resources,
        registers: [Option<Extent>; BARS],
        table: Option<DeviceTable>,
    ) -> Result<(), Error> {
        if let Some(DeviceTable { extent, .. }) = table
            && let Some((frame, offset)) = frame(machine, resources, extent, TABLE_BITS)?
        {
            let region = InterruptRegion::slot(slot::INTERRUPTS);
            let (interrupt, message) = Interrupt::message(region, resources)?;
            interrupt.enable(self.bell)?;
            self.interrupts = Some(Interrupts { frame, offset, bytes: extent.bytes, message });
        }
        for (bar, extent) in (0..).zip(registers) {
            // Whoever reaches the table can raise any interrupt of the machine.
            let Some(extent) = extent.filter(|_| table.is_none_or(|it| it.bar != bar)) else {
                continue;
            };
            if let Some((frame, offset)) = frame(machine, resources, extent, BAR_BITS)? {
                // There is room for every BAR.
                let _ = self.windows.push((bar, frame, offset, extent.bytes));
            }
        }
        Ok(())
    }

    /// Takes in that it rests, or will in `time` ticks.
    pub fn rests(&mut self, time: u64) {
        if let Stage::Given = self.stage {
            self.advance(Stage::Resting(ticks() + time));
        }
    }

    /// Takes in that it can be used, and what its configuration space says.
    pub fn is_set_up(&mut self, configuration: Vec<u8, CONFIGURATION_BYTES>) {
        if let Stage::Resting(_) = self.stage {
            self.configuration = configuration;
            self.advance(Stage::Ready);
        }
    }

    /// Takes in that a PCI server died over its order.
    pub fn outlived(&mut self) {
        self.deaths += 1;
        if self.deaths >= MOST_DEATHS {
            self.advance(Stage::Useless(Lack::PciServer));
        }
    }

    /// Has it tried again if it was useless.
    pub fn try_again(&mut self) {
        if let Stage::Useless(_) = self.stage {
            self.advance(match self.place {
                None => Stage::Unknown,
                Some(_) if self.is_measured => Stage::Given,
                Some(_) => Stage::Found,
            });
        }
    }

    /// The table of its interrupts, for the PCI server: its pages.
    pub fn table(&self) -> Option<Frame> {
        self.interrupts.as_ref().map(|it| it.frame)
    }

    /// Gives it to an instance, which does not run yet: maps what that may reach. It must be
    /// [ready](Self::readiness).
    pub fn give(&mut self, process: &mut Process) -> Result<Description, Error> {
        let Stage::Ready = self.stage else { return Err(nun::EXHAUSTED) };
        self.advance(Stage::Given);
        let both = Access::READ | Access::WRITE;
        let mut windows = Vec::new();
        for (bar, frame, offset, bytes) in &self.windows {
            process.map(*frame, bar_address(*bar), pages(*frame)?, both)?;
            let window = Window { bar: *bar, address: bar_address(*bar) + offset, bytes: *bytes };
            let _ = windows.push(window);
        }
        if let Some((frame, _, bits)) = self.dma {
            process.map(frame, DMA_ADDRESS, (1 << bits) / PAGE_BYTES, both)?;
        }
        let dma = self.dma.map(|(_, physical, bits)| (physical, 1 << bits));
        Ok(Description { configuration: self.configuration.clone(), windows, dma })
    }
}

/// Maps a device's table of interrupts for the PCI server.
pub fn map_table(process: &mut Process, index: usize, table: Frame) -> Result<(), Error> {
    process.map(table, table_address(index), pages(table)?, Access::READ | Access::WRITE)
}

/// The number of an order.
const fn number(index: usize, count: u32) -> u64 {
    (index as u64) << 32 | count as u64
}

/// The component in the number of an order.
pub const fn component_of(number: u64) -> usize {
    (number >> 32) as usize
}

fn pages(frame: Frame) -> Result<u64, Error> {
    Ok((1 << frame.information()?.0) / PAGE_BYTES)
}

/// The smallest frame around `extent`, and where in it that begins; `None` if it is larger than
/// 2^`most_bits` bytes, or nothing.
fn frame(
    machine: &mut Machine,
    resources: &mut Resources,
    Extent { address, bytes }: Extent,
    most_bits: u8,
) -> Result<Option<(Frame, u64)>, Error> {
    let end = address.checked_add(bytes).filter(|end| *end <= 1 << PHYSICAL_BITS);
    if end.is_none() || bytes == 0 {
        return Ok(None);
    }
    let within = address % PAGE_BYTES;
    let pages = (within + bytes).div_ceil(PAGE_BYTES);
    let (first, bits) = range_around(address - within, pages);
    if bits > most_bits.into() {
        return Ok(None);
    }
    let frame = machine.memory.frame(first, bits as u8, resources.slots())?;
    Ok(Some((frame, address - first)))
}
