//! Services of few methods: Linux programs, PCI devices, events, guests, power, the switch.

use koito::services::*;
use koito::{CONFIGURATION_BYTES, Name};
use nun::service::{Caller, String, Vec};

use super::Everything;

impl Posix for Everything {
    fn start(
        &self,
        _: Caller,
        command: String<COMMAND_BYTES>,
        _: (u16, u16),
    ) -> Result<u32, PosixError> {
        assert!(command.len() <= COMMAND_BYTES && str::from_utf8(command.as_bytes()).is_ok());
        Ok(1)
    }
    fn relay(
        &self,
        _: Caller,
        number: u32,
        keys: Vec<u8, KEY_BYTES>,
    ) -> Result<Relayed, PosixError> {
        assert!(keys.len() <= KEY_BYTES);
        let (shown, unread) = (Vec::new(), keys.into_iter().collect());
        Ok(Relayed { shown, ended: Some(number), unread })
    }
    fn missing(&self, _: Caller, _: u32) -> Option<CallCount> {
        None
    }
}

impl Devices for Everything {
    fn next(&self, _: Caller) -> Option<Order> {
        let place = DevicePlace { function: 0x18, bars: (1, 2, 3, 4, 5, 6) };
        let interrupt = DeviceInterrupt { table: 1, table_bytes: 16, address: 2, data: 3 };
        Some(Order {
            number: 7,
            task: Task::SetUp,
            kind: (0x1af4, 0x1042, 0),
            place: Some(place),
            interrupt: Some(interrupt),
            masters: true,
        })
    }
    fn found(&self, _: Caller, _: u64, _: Option<DevicePlace>) {}
    fn measured(&self, _: Caller, _: u64, _: Extents, _: Option<DeviceTable>) {}
    fn rests(&self, _: Caller, _: u64, _: bool) {}
    fn is_set_up(&self, _: Caller, _: u64, configuration: Vec<u8, CONFIGURATION_BYTES>) {
        assert!(configuration.len() <= CONFIGURATION_BYTES);
    }
}

impl Events for Everything {
    fn read(&self, _: Caller, number: u64) -> Option<Event> {
        Some(Event { number, time: 0, text: String::new() })
    }
}

impl Vm for Everything {
    fn status(&self, _: Caller) -> VmStatus {
        VmStatus {
            condition: VmCondition::Running,
            processors: 1,
            memory: 0,
            uptime: 0,
            exits: 0,
            address: Some(1),
        }
    }
    fn attach(&self, _: Caller, _: VmTerminal) {}
    fn detach(&self, _: Caller, _: VmTerminal) {}
    fn input(&self, _: Caller, bytes: Vec<u8, KEY_BYTES>) -> u64 {
        bytes.len() as u64
    }
    fn pause(&self, _: Caller) -> Result<(), VmError> {
        Ok(())
    }
    fn resume(&self, _: Caller) -> Result<(), VmError> {
        Ok(())
    }
    fn reset(&self, _: Caller) {}
}

impl Power for Everything {
    fn enter(&self, _: Caller, _: PowerState) -> Result<(), SupervisorError> {
        Err(SupervisorError::Unsupported)
    }
}

impl Switch for Everything {
    fn address(&self, _: Caller) -> u64 {
        1
    }
    fn port(&self, _: Caller, index: u8) -> Option<SwitchPort> {
        let (client, address) = (Name::new(), index.into());
        let (received, sent, refused, dropped) = (1, 2, 3, 4);
        Some(SwitchPort { client, address, received, sent, refused, dropped })
    }
}
