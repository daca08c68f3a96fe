//! A guest with nothing but its monitor: kernel, this program, and Linux. What the guest writes goes to
//! the early console; nothing comes back.
//!
//! Boot modules: `guest-kernel`, `guest-initrd`, `guest-cmdline`; in `guest-cpus`, how many processors it
//! has. Command line: the guest's memory in MiB; then `log` to have every exit shown.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt;

use amateras_vmm::{Guest, Options, StartError, Vm};
use nun::abi::init::slot;
use nun::{
    Descriptor, Error, InitInfo, IpcPort, NotificationPort, Pcb, Received, Reply, Resources,
    Rights, Timer, ticks,
};

nun::entry!(main, stack = 256 * 1024);

/// Below this program, which is init and the most urgent.
const PRIORITY: u8 = 100;
/// That of init.
const INIT_PRIORITY: u8 = 255;
/// Signals: the timer's, and those of other threads.
const ALARM: u64 = 1;
const THREAD: u64 = 2;
/// Memory where the command line names none.
const MEBIBYTES: u64 = 128;

/// Why there is no guest.
enum Failure {
    /// A boot module is missing.
    Module(&'static str),
    /// A kernel call failed.
    Refused(Error),
    /// The guest does not start.
    Start(StartError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(name) => {
                write!(
                    f,
                    "there is no boot module {name:?}, which `cargo xtask run --guest` brings"
                )
            }
            Self::Refused(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

fn main(init: &'static InitInfo) -> Result<(), Failure> {
    let mut resources = Resources::new(init);
    let mut module = |name| resources.module(name).ok_or(Failure::Module(name));
    let (kernel, initrd) = (module("guest-kernel")??, module("guest-initrd")??);
    let command_line = str::from_utf8(module("guest-cmdline")??).unwrap_or_default();
    let processors = str::from_utf8(module("guest-cpus")??).ok().and_then(|it| it.parse().ok());
    let processors = processors.unwrap_or(1);
    let mut words = init.command_line().split_whitespace();
    let memory = words.next().and_then(|word| word.parse().ok()).unwrap_or(MEBIBYTES) << 20;
    let log = words.next() == Some("log");

    let port: IpcPort = resources.make(0)?;
    let notification: NotificationPort = resources.make(0)?;
    Pcb::slot(slot::PROCESS).configure_ports(Descriptor::NULL, notification)?;
    let mut bell = |signal| -> Result<NotificationPort, Error> {
        let slot = resources.take_slot()?;
        resources.node().mint(slot, notification, Rights::WRITE, signal)?;
        Ok(NotificationPort::slot(slot))
    };
    let (alarm, bell, timer) = (bell(ALARM)?, bell(THREAD)?, Timer::slot(slot::TIMERS));

    let options = Options {
        memory,
        processors,
        priority: PRIORITY,
        monitor_priority: INIT_PRIORITY,
        epoch: 0,
        ticks_per_millisecond: init.ticks_per_second / 1000,
    };
    let guest = Guest { kernel: &kernel, initrd: &initrd, command_line, devices: &[] };
    let (pool, space) = resources.parts();
    let mut vm = Vm::start(pool, space, (port, bell), options, guest).map_err(Failure::Start)?;

    let (mut answer, mut rung) = (None, true);
    let start = ticks();
    loop {
        while vm.take_call() | rung {
            rung = false;
            // What follows may stop processors, which must not wait for an answer then.
            if let Some(answer) = answer.take() {
                Reply::OWED.reply(&answer)?;
            }
            print(&vm);
            vm.attend()?;
            if vm.is_off()
                && let Some(end) = vm.take_end()
            {
                let milliseconds = (ticks() - start) / (init.ticks_per_second / 1000);
                nun::println!("guest: {} after {} exits, {milliseconds} ms", end.stop, vm.exits());
                return Ok(());
            }
            if let Some(deadline) = vm.take_alarm() {
                timer.arm(deadline, alarm)?;
            }
        }
        let received = match answer.take() {
            Some(answer) => port.reply_receive(&answer)?,
            None => port.receive()?,
        };
        match received {
            Received::Exit { process, left } => {
                let reply = vm.exit(process, left.number, &left.exit.words())?;
                if log {
                    nun::println!("{:x?} {:x?} {reply:x?}", left.reason(), left.exit);
                }
                answer = Some(reply);
            }
            Received::Signals { bits } => {
                if bits & ALARM != 0 {
                    vm.rang();
                }
                rung = true;
            }
            _ => {}
        }
    }
}

/// Shows what the guest wrote.
fn print(vm: &Vm<'_>) {
    let mut bytes = [0; 256];
    while vm.board().has_output() {
        let count = vm.board().take_output(&mut bytes);
        for chunk in bytes[..count].utf8_chunks() {
            nun::print!("{}", chunk.valid());
        }
    }
}
