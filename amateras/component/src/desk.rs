//! The machine's desk: switches, keyboard and screen of one guest.

use core::cell::RefCell;
use core::fmt::Write;
use core::mem;

use amateras_devices::GuestMemory;
use amateras_devices::virtio::{Kind, Transport};
use amateras_vmm::{End, Vm as Machine};
use koito::conventions::signal;
use koito::services::{
    ClockClient, ConsoleClient, EntropyClient, KEY_BYTES, Logger, ScreenClient, TEXT_BYTES, Vm,
    VmCondition, VmError, VmStatus, VmTerminal,
};
use koito::{Environment, Missing, SupervisorAlarm, without_supervisor};
use nun::abi::MESSAGE_REGISTERS;
use nun::executor::Alarm;
use nun::heapless::{Deque, String};
use nun::service::{Caller, Vec};
use nun::{Error, Message};

use crate::devices::MOST_RANDOM;
use crate::network::Network;

/// Bytes that the guest wrote while nobody looked: the last of them.
const KEPT: usize = 8192;
/// Bytes that were typed, and that the guest has no room for yet.
pub const TYPED: usize = 1024;

/// A guest, and who sits before it.
pub struct Desk<'a>(RefCell<State<'a>>);

/// What is on the desk.
pub struct State<'a> {
    pub vm: Machine<'a>,
    pub entropy: EntropyClient,
    /// Random numbers that nobody has used.
    pub random: Vec<u8, MOST_RANDOM>,
    pub network: Option<Network>,
    console: ConsoleClient,
    screen: ScreenClient,
    pub log: Logger,
    /// Where somebody looks.
    attached: Option<VmTerminal>,
    kept: Deque<u8, KEPT>,
    pub typed: Deque<u8, TYPED>,
    /// What is typed goes to its second console.
    pub to_second: bool,
    /// Somebody pressed the reset button.
    to_reset: bool,
}

impl<'a> Desk<'a> {
    /// With the services that the environment gives, for a guest with this command line.
    pub fn new(
        environment: &Environment,
        vm: Machine<'a>,
        command_line: &str,
        network: Option<Network>,
    ) -> Result<Self, Missing> {
        let mut state = State {
            vm,
            network,
            entropy: EntropyClient::new(environment.service("entropy")?),
            random: Vec::new(),
            console: ConsoleClient::new(environment.service("console")?),
            screen: ScreenClient::new(environment.service("screen")?),
            log: Logger::new(environment.service("log")?),
            attached: None,
            kept: Deque::new(),
            typed: Deque::new(),
            to_second: wants_second(command_line),
            to_reset: false,
        };
        state.stock_up();
        Ok(Self(RefCell::new(state)))
    }

    /// Seconds since 1970; 0 on a machine without a clock.
    pub fn now(environment: &Environment) -> Result<u64, Missing> {
        let clock = ClockClient::new(environment.service("clock")?);
        let up = clock.now().unwrap_or(0) / 1000;
        Ok(clock.epoch().ok().flatten().map_or(0, |epoch| epoch + up))
    }

    /// A processor left the guest.
    pub fn exit(
        &self,
        processor: u64,
        label: u32,
        words: &[u64; MESSAGE_REGISTERS],
    ) -> Result<Message, Error> {
        self.0.borrow_mut().vm.exit(processor, label, words)
    }

    /// Does something for a device of this kind, on the memory of the guest; `None` if there is no such.
    pub fn with<R>(
        &self,
        kind: Kind,
        act: impl FnOnce(&mut Transport, &mut dyn GuestMemory) -> R,
    ) -> Option<R> {
        self.0.borrow_mut().vm.with_device(kind, act)
    }

    /// Whether a processor has something for the devices, or for the alarm.
    pub fn is_called(&self) -> bool {
        self.0.borrow().vm.take_call()
    }

    /// Something rang: the alarm, perhaps, or the supervisor, which asks for a sign of life.
    pub fn heard(&self, signals: u64) {
        without_supervisor(signals);
        if signals & signal::ALARM != 0 {
            self.0.borrow().vm.rang();
        }
    }

    /// Serves the guest's devices, and sees whether they or time brought an interrupt.
    pub fn attend(&self) -> Result<(), Error> {
        let mut state = self.0.borrow_mut();
        if mem::take(&mut state.to_reset) {
            state.reset();
        }
        state.serve_devices();
        state.feed();
        state.show();
        state.vm.attend()
    }

    /// Does what is due before the next wait: tells of the guest's end, sets the alarm.
    pub fn settle(&self) {
        let mut state = self.0.borrow_mut();
        state.tell_end();
        // An alarm that is too early costs one more look; to set one costs a call.
        if let Some(deadline) = state.vm.take_alarm() {
            SupervisorAlarm.set(deadline);
        }
    }
}

impl State<'_> {
    /// Types as much as the guest takes.
    fn feed(&mut self) {
        if self.to_second && !self.typed.is_empty() {
            self.feed_console();
        }
        while !self.to_second
            && self.vm.board().input_room() > 0
            && let Some(byte) = self.typed.pop_front()
        {
            self.vm.board().input(&[byte]);
        }
    }

    /// Shows or keeps what the guest wrote.
    fn show(&mut self) {
        let mut bytes = [0; TEXT_BYTES];
        while self.vm.board().has_output() {
            let count = self.vm.board().take_output(&mut bytes);
            self.put(bytes.get(..count).unwrap_or_default());
        }
    }

    /// Shows or keeps `text`, at most [`TEXT_BYTES`] bytes.
    pub fn put(&mut self, text: &[u8]) {
        if let Some(terminal) = self.attached {
            self.write(terminal, text);
            return;
        }
        for byte in text {
            if self.kept.is_full() {
                self.kept.pop_front();
            }
            // There is room.
            let _ = self.kept.push_back(*byte);
        }
    }

    /// Shows `text`, at most [`TEXT_BYTES`] bytes. What a screen says to that is typed, as a terminal does by itself.
    fn write(&mut self, terminal: VmTerminal, text: &[u8]) {
        let text = text.iter().copied().collect();
        // Without a terminal there is nobody to see it, or to be heard.
        let said = match terminal {
            VmTerminal::Console => self.console.write_bytes(text).map(|()| Vec::new()),
            VmTerminal::Screen => self.screen.write_bytes(text),
        };
        for byte in said.unwrap_or_default() {
            // What is more than is kept was typed in vain.
            let _ = self.typed.push_back(byte);
        }
    }

    /// Lets the guest begin again, or says why it does not.
    fn reset(&mut self) {
        let Err(error) = self.vm.reset() else { return };
        self.log.line(format_args!("the guest does not start: {error}"));
        if let Some(terminal) = self.attached {
            let mut text = String::<TEXT_BYTES>::new();
            // There is room for every reason.
            let _ = write!(text, "\r\n(the guest does not start: {error}; Ctrl-] leaves)\r\n");
            self.write(terminal, text.as_bytes());
        }
    }

    /// Says why the guest does not go on, or why it begins anew, once.
    fn tell_end(&mut self) {
        let Some(End { stop, stand }) = self.vm.take_end() else { return };
        let is_off = self.vm.is_off();
        let what = if is_off { "is off" } else { "begins anew" };
        self.log.line(format_args!("the guest {what}: {stop}"));
        self.log.line(format_args!("{stand}"));
        let Some(terminal) = self.attached else { return };
        if !stop.is_wanted() {
            let mut text = String::<TEXT_BYTES>::new();
            // There is room for every reason.
            let _ = write!(text, "\r\n(the guest {what}: {stop})\r\n({stand})\r\n");
            self.write(terminal, text.as_bytes());
        }
        if is_off {
            self.write(terminal, b"\r\n(the guest is off; Ctrl-] leaves)\r\n");
        }
    }
}

impl Vm for Desk<'_> {
    fn status(&self, _: Caller) -> VmStatus {
        let state = self.0.borrow();
        let condition = if state.vm.is_off() {
            VmCondition::Off
        } else if state.vm.is_paused() {
            VmCondition::Paused
        } else if state.vm.is_halted() {
            VmCondition::Waiting
        } else {
            VmCondition::Running
        };
        let address = state.network.as_ref().map(|network| network.address.number());
        VmStatus {
            condition,
            processors: state.vm.processors() as u8,
            memory: state.vm.memory_bytes(),
            uptime: state.vm.uptime(),
            exits: state.vm.exits(),
            address,
        }
    }

    fn attach(&self, _: Caller, terminal: VmTerminal) {
        let mut state = self.0.borrow_mut();
        let before = state.attached.replace(terminal).filter(|before| *before != terminal);
        if let Some(before) = before {
            state.write(before, b"\r\n(the guest is shown elsewhere now; Ctrl-] leaves)\r\n");
        }
        while !state.kept.is_empty() {
            let mut text = Vec::<u8, TEXT_BYTES>::new();
            while !text.is_full()
                && let Some(byte) = state.kept.pop_front()
            {
                // There is room.
                let _ = text.push(byte);
            }
            state.write(terminal, &text);
        }
    }

    fn detach(&self, _: Caller, terminal: VmTerminal) {
        let attached = &mut self.0.borrow_mut().attached;
        attached.take_if(|attached| *attached == terminal);
    }

    fn input(&self, _: Caller, bytes: Vec<u8, KEY_BYTES>) -> u64 {
        let mut state = self.0.borrow_mut();
        let taken = bytes.iter().take_while(|byte| state.typed.push_back(**byte).is_ok());
        taken.count() as u64
    }

    fn pause(&self, _: Caller) -> Result<(), VmError> {
        self.0.borrow_mut().vm.pause().map_err(|_| VmError::NotNow)
    }

    fn resume(&self, _: Caller) -> Result<(), VmError> {
        self.0.borrow_mut().vm.resume().map_err(|_| VmError::NotNow)
    }

    fn reset(&self, _: Caller) {
        // It takes a while, for which whoever pressed the button shall not lend his urgency.
        self.0.borrow_mut().to_reset = true;
    }
}

/// Whether a guest with this command line has its second console for its user.
fn wants_second(command_line: &str) -> bool {
    command_line.split_whitespace().any(|word| word == "console=hvc0")
}
