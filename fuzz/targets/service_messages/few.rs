//! Services of few methods: Linux programs, PCI devices, events, guests.

use koito::CONFIGURATION_BYTES;
use koito::services::*;
use nun::service::{Caller, String, Vec};

use super::Everything;

impl Posix for Everything {
    fn start(&self, _: Caller, command: String<COMMAND_BYTES>) -> Result<u32, PosixError> {
        assert!(command.len() <= COMMAND_BYTES && str::from_utf8(command.as_bytes()).is_ok());
        Ok(1)
    }
    fn ended(&self, _: Caller, number: u32) -> Result<Option<u32>, PosixError> {
        Ok(Some(number))
    }
    fn missing(&self, _: Caller, from: u32) -> Option<CallCount> {
        Some(CallCount { number: from, name: String::new(), count: 1 })
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
        VmStatus { condition: VmCondition::Running, memory: 0, exits: 0 }
    }
    fn attach(&self, _: Caller, _: bool) {}
    fn input(&self, _: Caller, bytes: Vec<u8, KEY_BYTES>) -> u64 {
        bytes.len() as u64
    }
    fn pause(&self, _: Caller) -> Result<(), VmError> {
        Ok(())
    }
    fn resume(&self, _: Caller) -> Result<(), VmError> {
        Ok(())
    }
    fn reset(&self, _: Caller) -> Result<(), VmError> {
        Ok(())
    }
}
