//! Switching the machine off, and resetting it.

use koito::services::PowerState;
use koito_acpi::{Memory, PortByte, Power, SCI_ENABLED, Unknown};
use nun::abi::boot::PAGE_BYTES;
use nun::abi::init::slot;
use nun::{InitInfo, IoPort, Resources, ticks};
use nun_driver::{DeviceMemory, Port};

/// How long firmware may take to hand power management over, and a machine to end, in milliseconds.
const PATIENCE: u64 = 500;

/// The memory of ACPI's tables, mapped page by page as it is read.
struct Tables<'a> {
    devices: &'a mut DeviceMemory,
    resources: &'a mut Resources,
}

impl Memory for Tables<'_> {
    fn read(&mut self, address: u64, bytes: &mut [u8]) -> Option<()> {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let (page, offset) = (address & !(PAGE_BYTES - 1), address % PAGE_BYTES);
            let length = rest.len().min((PAGE_BYTES - offset) as usize);
            let (now, later) = rest.split_at_mut(length);
            let bits = PAGE_BYTES.trailing_zeros() as u8;
            let frame = self.devices.frame(page, bits, self.resources.slots()).ok()?;
            let read =
                self.resources.with_mapped(frame, |memory| memory.copy_to(offset as usize, now));
            self.devices.give_back(frame, self.resources.slots()).ok()?;
            read.ok()?;
            (address, rest) = (address.checked_add(length as u64)?, later);
        }
        Some(())
    }
}

/// Brings the machine to `state`. If that succeeds, nothing comes after it; else the machine goes on,
/// and the answer says what is not known of it, if that was it.
pub fn enter(
    state: PowerState,
    init: &InitInfo,
    devices: &mut DeviceMemory,
    resources: &mut Resources,
) -> Option<Unknown> {
    let power = match koito_acpi::read(init.acpi_root, &mut Tables { devices, resources }) {
        Ok(power) => power,
        Err(unknown) => return Some(unknown),
    };
    match state {
        PowerState::Off => switch_off(&power, init),
        PowerState::Reset => {
            if let Some(reset) = &power.reset {
                write(reset);
            }
        }
    }
    // The machine may need a moment to end.
    let deadline = ticks() + init.ticks_per_second / 1000 * PATIENCE;
    while ticks() < deadline {}
    None
}

fn switch_off(power: &Power, init: &InitInfo) {
    let register = |number| Port::<u16>::new(IoPort::slot(slot::IO_PORTS), number);
    let deadline = ticks() + init.ticks_per_second / 1000 * PATIENCE;
    if let ([Some((control, _)), _], Some(enable)) = (power.off, &power.enable) {
        let is_enabled = || register(control).read().unwrap_or(0) & SCI_ENABLED != 0;
        if !is_enabled() {
            write(enable);
            while !is_enabled() && ticks() < deadline {}
        }
    }
    for (control, value) in power.off.into_iter().flatten() {
        let kept = register(control).read().unwrap_or(0) & SCI_ENABLED;
        // Whether it worked shows.
        let _ = register(control).write(value | kept);
    }
}

fn write(PortByte { port, value }: &PortByte) {
    // Whether it worked shows.
    let _ = Port::<u8>::new(IoPort::slot(slot::IO_PORTS), *port).write(*value);
}
