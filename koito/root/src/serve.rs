//! The supervisor's services.

use core::cell::RefCell;
use core::fmt::Write;

use koito::services::{
    Condition, Description, Event, Events, Memory, Power, PowerState, Status, Supervisor,
    SupervisorError,
};
use koito::{Arguments, Name};
use koito_manifest::PortRange;
use nun::service::{Caller, String};
use nun::ticks;

use crate::life::Life;
use crate::pool::Pool;
use crate::power;
use crate::supervisor::State;

/// The supervisor's state, as a server.
pub struct Service<'a>(pub &'a RefCell<State>);

impl Supervisor for Service<'_> {
    fn status(&self, _: Caller, index: u8) -> Result<Status, SupervisorError> {
        let state = self.0.borrow();
        let part = state.parts.get(usize::from(index)).ok_or(SupervisorError::Unknown)?;
        let (uptime, time) = match &part.life {
            Life::Running(instance) => {
                let time = instance.process.pcb().information().map_or(0, |it| it.0);
                (ticks().saturating_sub(instance.started) / state.ticks_per_millisecond(), time)
            }
            _ => (0, 0),
        };
        Ok(Status {
            name: part.component.name.chars().collect(),
            condition: part.life.condition(),
            epoch: part.epoch,
            failures: part.failure_count,
            priority: part.component.priority,
            memory_bits: part.component.memory_bits,
            pool: part.pool().map_or(0, Pool::bytes),
            most_pool: part.most_pool_bytes(),
            memory_used: part.quota().and_then(|it| it.information().ok()).map_or(0, |it| it.2),
            uptime,
            time,
        })
    }

    fn power(&self, _: Caller, to: PowerState) -> Result<(), SupervisorError> {
        let State { init, resources, machine, events, .. } = &mut *self.0.borrow_mut();
        if let Some(unknown) = power::enter(to, init, &mut machine.memory, resources) {
            events.say(format_args!("{unknown}"));
        }
        Err(SupervisorError::Unsupported)
    }

    fn kill(&self, _: Caller, name: Name) -> Result<(), SupervisorError> {
        let mut state = self.0.borrow_mut();
        let index = state.find(&name)?;
        state.fail(index).map(|_| ()).ok_or(SupervisorError::NotNow)
    }

    fn stop(&self, _: Caller, name: Name) -> Result<(), SupervisorError> {
        let mut state = self.0.borrow_mut();
        let index = state.find(&name)?;
        let part = state.parts.get_mut(index).ok_or(SupervisorError::Unknown)?;
        match part.life.condition() {
            Condition::Running => {
                state.end(index);
            }
            Condition::Restarting => part.life = Life::Stopped,
            Condition::Stopped | Condition::GivenUp => return Err(SupervisorError::NotNow),
        }
        state.close(index);
        Ok(())
    }

    fn start(&self, _: Caller, name: Name) -> Result<(), SupervisorError> {
        self.0.borrow_mut().begin(&name, None, Arguments::new())
    }

    fn start_with(
        &self,
        _: Caller,
        name: Name,
        pool: Option<u64>,
        arguments: Arguments,
    ) -> Result<(), SupervisorError> {
        self.0.borrow_mut().begin(&name, pool, arguments)
    }

    fn memory(&self, _: Caller) -> Memory {
        let mut state = self.0.borrow_mut();
        let (bytes, used) = state.memory();
        Memory { used, bytes, free_slots: state.resources.slots().count() }
    }

    fn describe(&self, _: Caller, index: u8) -> Result<Description, SupervisorError> {
        let state = self.0.borrow();
        let part = state.parts.get(usize::from(index)).ok_or(SupervisorError::Unknown)?;
        let component = &part.component;
        let mut holds = String::new();
        for PortRange { first, last } in &component.io_ports {
            // What does not fit is left out.
            let _ = write!(holds, "I/O ports {first:#x}..{last:#x}  ");
        }
        for line in &component.interrupts {
            let _ = write!(holds, "interrupt {line}  ");
        }
        if component.framebuffer {
            let _ = write!(holds, "the screen  ");
        }
        if let Some(device) = component.pci {
            let _ = write!(holds, "PCI {device}  ");
        }
        if component.dma_bits > 0 {
            let _ = write!(holds, "dma {} KiB  ", 1u64 << (component.dma_bits - 10));
        }
        for name in &component.modules {
            let _ = write!(holds, "module {name}  ");
        }
        if component.alarm {
            let _ = write!(holds, "an alarm");
        }
        let mut uses = String::new();
        for service in &component.uses {
            let _ = write!(uses, "{service} ");
        }
        Ok(Description {
            program: component.program.chars().collect(),
            offers: component.offers.map(|service| service.chars().collect()),
            uses,
            holds,
        })
    }
}

impl Events for Service<'_> {
    fn read(&self, _: Caller, number: u64) -> Option<Event> {
        self.0.borrow().events.read(number)
    }
}

impl Power for Service<'_> {
    fn enter(&self, caller: Caller, state: PowerState) -> Result<(), SupervisorError> {
        self.power(caller, state)
    }
}

impl State {
    /// Starts a component that does not run, with a pool of `pool` bytes, and with `arguments` if there are any.
    fn begin(
        &mut self,
        name: &str,
        pool: Option<u64>,
        arguments: Arguments,
    ) -> Result<(), SupervisorError> {
        let index = self.find(name)?;
        let part = self.parts.get_mut(index).ok_or(SupervisorError::Unknown)?;
        if matches!(part.life.condition(), Condition::Running | Condition::Restarting) {
            return Err(SupervisorError::NotNow);
        }
        let is_usual = pool.is_none() && arguments.is_empty();
        if !is_usual && !part.component.on_request {
            return Err(SupervisorError::Fixed);
        }
        if !part.allot(pool) {
            return Err(SupervisorError::Quota);
        }
        part.arguments = Some(arguments).filter(|it| !it.is_empty());
        part.failures = Default::default();
        if let Some(device) = part.device_mut() {
            device.try_again();
        }
        self.take_pool(index).map_err(|_| SupervisorError::Memory)?;
        self.open(index).map_err(|_| SupervisorError::Failed)?;
        self.start(index).map_err(|error| {
            self.tell_why(index, &error);
            // Nobody shall wait for it.
            self.close(index);
            SupervisorError::Failed
        })
    }

    fn find(&self, name: &str) -> Result<usize, SupervisorError> {
        let found = self.parts.iter().position(|part| part.component.name == name);
        found.ok_or(SupervisorError::Unknown)
    }
}
