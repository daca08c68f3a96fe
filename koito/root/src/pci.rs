//! How the root server gets PCI devices managed: it leaves orders, and rings; the PCI server comes and
//! fetches them, one at a time. Nobody waits here: who needs a device is started when the answer is there.
//!
//! A PCI server may die over an order, which is then the next one's. It may be slow, or hang: then it is
//! ended like one that gave no sign of life. If it is not to come back, neither are those who need it.

use koito::CONFIGURATION_BYTES;
use koito::conventions::signal;
use koito::services::{DevicePlace, DeviceTable, Devices, Extents, Order};
use koito_manifest::{MOST_COMPONENTS, Vec};
use nun::service::Caller;
use nun::{Error, Frame, NotificationPort, Resources, StartError, ticks};
use nun_driver::pci::RESET_MILLISECONDS;

use crate::device::{Device, Machine, component_of, map_table};
use crate::life::Life;
use crate::part::Part;
use crate::serve::Service;
use crate::supervisor::State;

/// How long it may take to have a device ready, in milliseconds. It takes a few, but is not alone.
const PATIENCE: u64 = 10_000;

/// Who manages PCI devices.
#[derive(Default)]
pub struct PciServer {
    /// Which component, and what tells it that there is an order.
    employed: Option<(usize, NotificationPort)>,
    /// The order that it was told of last.
    told: Option<u64>,
    /// The order that it has.
    taken: Option<u64>,
}

impl State {
    /// Makes component `index` the PCI server.
    pub fn employ(&mut self, index: usize) -> Result<(), Error> {
        let Some(part) = self.parts.get(index) else { return Ok(()) };
        let bell = part.make_bell(&mut self.resources, signal::ORDER)?;
        self.pci.employed = Some((index, bell));
        Ok(())
    }

    /// The life of the PCI server.
    fn pci_life(&self) -> Option<&Life> {
        let (index, _) = self.pci.employed?;
        Some(&self.parts.get(index)?.life)
    }

    /// Has component `index` wait for its device, if somebody will see to it.
    pub fn await_device(&mut self, index: usize) -> Result<(), StartError> {
        if matches!(self.pci_life(), None | Some(Life::Stopped | Life::GivenUp)) {
            return Err(nun::EXHAUSTED.into());
        }
        let until = ticks() + PATIENCE * self.root.ticks_per_millisecond;
        if let Some(part) = self.parts.get_mut(index) {
            part.life = Life::Waiting(until);
        }
        Ok(())
    }

    /// Looks after component `index`, which waits for its device: for longer than it should, if `is_late`.
    pub fn attend(&mut self, index: usize, is_late: bool) {
        let Some(part) = self.parts.get(index) else { return };
        let name = part.component.name;
        let is_up = matches!(self.pci_life(), Some(Life::Running(_)));
        if let (true, true, Some((server, _))) = (is_late, is_up, self.pci.employed) {
            let late = format_args!("{name} has waited for its device for too long");
            self.events.say(late);
            let server_name = self.parts.get(server).map_or("", |part| part.component.name);
            let verdict = self.fail(server);
            self.say(server_name, verdict);
        }
        if is_late || matches!(self.pci_life(), None | Some(Life::Stopped | Life::GivenUp)) {
            // It waits anew, or is given up.
            self.bring_up(index);
        }
    }

    /// Notes that component `index` failed, if it is the PCI server: over its order, if it had one.
    pub fn outlive_pci_server(&mut self, index: usize) {
        if self.pci.employed.is_none_or(|(server, _)| server != index) {
            return;
        }
        if let Some(number) = self.pci.taken.take()
            && let Some(part) = self.parts.get_mut(component_of(number))
            && let Some(device) = part.device_mut()
        {
            device.outlived();
        }
    }

    /// The tables of interrupts, if component `index` is the PCI server.
    pub fn tables_for(&self, index: usize) -> Vec<(usize, Frame), MOST_COMPONENTS> {
        if self.pci.employed.is_none_or(|(server, _)| server != index) {
            return Vec::new();
        }
        let table = |(index, part): (usize, &Part)| Some((index, part.device()?.table()?));
        self.parts.iter().enumerate().filter_map(table).collect()
    }

    /// Tells the PCI server that there is an order that it was not told of.
    pub fn ring_for_orders(&mut self) -> Result<(), Error> {
        let Some((_, bell)) = self.pci.employed else { return Ok(()) };
        let next = self.parts.iter().find_map(|part| part.order()).map(|order| order.number);
        if next.is_some() && next != self.pci.told {
            bell.notify()?;
        }
        self.pci.told = next;
        Ok(())
    }

    /// Has the device of order `number` take in what came of that, if it is its present one; the component
    /// that waits for it goes on. Answers which that is.
    fn carried_out(
        &mut self,
        number: u64,
        take: impl FnOnce(&mut Device, &mut Machine, &mut Resources),
    ) -> Option<usize> {
        let index = component_of(number);
        let Self { parts, machine, resources, pci, .. } = self;
        let part = parts.get_mut(index)?;
        take(part.device_mut().filter(|it| it.has_order(index, number))?, machine, resources);
        pci.taken = None;
        if let Life::Waiting(_) = part.life {
            part.life = Life::Restarting(ticks());
        }
        Some(index)
    }

    /// Gives the PCI server the table of component `index`'s device, if there is one.
    fn hand_table(&mut self, index: usize) -> Result<(), Error> {
        let table = self.parts.get(index).and_then(|part| part.device()?.table());
        let server = self.pci.employed.and_then(|(server, _)| self.parts.get_mut(server));
        match (table, server.and_then(|part| part.life.instance())) {
            (Some(table), Some(instance)) => map_table(&mut instance.process, index, table),
            _ => Ok(()),
        }
    }
}

impl Devices for Service<'_> {
    fn next(&self, _: Caller) -> Option<Order> {
        let state = &mut *self.0.borrow_mut();
        let order = state.parts.iter().find_map(|part| part.order());
        state.pci.taken = order.map(|order| order.number);
        order
    }

    fn found(&self, _: Caller, number: u64, place: Option<DevicePlace>) {
        self.0.borrow_mut().carried_out(number, |device, _, _| device.found(place));
    }

    fn measured(&self, _: Caller, number: u64, registers: Extents, table: Option<DeviceTable>) {
        let state = &mut *self.0.borrow_mut();
        let of = state.carried_out(number, |device, machine, resources| {
            device.measured(machine, resources, registers.into(), table);
        });
        if let Some(Err(error)) = of.map(|index| state.hand_table(index)) {
            state.events.say(format_args!("a table of interrupts cannot be mapped: {error}"));
        }
    }

    fn rests(&self, _: Caller, number: u64, is_reset: bool) {
        let state = &mut *self.0.borrow_mut();
        let time = if is_reset { RESET_MILLISECONDS * state.ticks_per_millisecond() } else { 0 };
        state.carried_out(number, |device, _, _| device.rests(time));
    }

    fn is_set_up(&self, _: Caller, number: u64, configuration: Vec<u8, CONFIGURATION_BYTES>) {
        self.0.borrow_mut().carried_out(number, |device, _, _| device.is_set_up(configuration));
    }
}
