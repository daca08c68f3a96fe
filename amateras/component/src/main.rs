//! A virtual machine as a component of KOITO: with a quota like everybody, a service to control it, and
//! the console for its serial port.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod desk;
mod devices;
mod disk;
mod memory;
mod network;

use core::convert::Infallible;
use core::fmt;
use core::pin::{Pin, pin};
use core::task::{Context, Waker};

use amateras_devices::virtio::{Console, Description, Entropy};
use amateras_vmm::{Guest, Options};
use desk::Desk;
use disk::Disk;
use koito::conventions::slot;
use koito::services::{Logger, MONITOR_BYTES, VmServer};
use koito::{Environment, Missing};
use network::Network;
use nun::abi::boot::PAGE_BYTES;
use nun::service::{Vec, respond};
use nun::{Error, Fault, IpcPort, NotificationPort, Received, Reply};

nun::entry!(main, stack = 256 * 1024);

/// That of Linux programs, with which guests share a CPU.
const PRIORITY: u8 = 100;
/// That of the component, which its threads have, too.
const MONITOR_PRIORITY: u8 = 110;
/// Most devices on a guest's bus.
const MOST_DEVICES: usize = 4;

/// Work for a device of the guest's, which never ends.
type Work<'a> = Pin<&'a mut dyn Future<Output = Infallible>>;

/// Why there is no guest.
enum Failure {
    Missing(Missing),
    Refused(Error),
    /// A thread met a fault.
    Thread(Fault),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::Thread(fault) => write!(f, "a thread failed: {fault:x?}"),
        }
    }
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

fn main() -> Result<(), Failure> {
    let environment = Environment::read()?;
    let port = IpcPort::slot(slot::SERVED);
    let (mut pool, mut space) = memory::granted(&environment)?;
    let mut used = 0;
    let mut module = |name| -> Result<&'static [u8], Failure> {
        Ok(environment.module(name)?.map(&mut pool, &mut space, &mut used)?)
    };
    let disk = Disk::find(&environment)?;
    let always = [Console::description(), Entropy::description()];
    let network = Network::find(&environment)?;
    let card = network.as_ref().map(Network::description);
    let devices: Vec<Description, MOST_DEVICES> =
        disk.iter().map(|disk| disk.block.description()).chain(always).chain(card).collect();
    let guest = Guest {
        kernel: module("guest-2-kernel").or_else(|_| module("guest-kernel"))?,
        initrd: module("guest-2-initrd").or_else(|_| module("guest-initrd"))?,
        command_line: str::from_utf8(module("guest-cmdline")?).unwrap_or_default(),
        devices: &devices,
    };
    let processors = str::from_utf8(module("guest-cpus")?).ok().and_then(|it| it.parse().ok());
    let options = Options {
        memory: environment.pool_bytes().saturating_sub(MONITOR_BYTES) & !(PAGE_BYTES - 1),
        processors: processors.unwrap_or(1),
        priority: PRIORITY,
        monitor_priority: MONITOR_PRIORITY,
        epoch: Desk::now(&environment)?,
        ticks_per_millisecond: environment.ticks_per_millisecond,
    };
    let bell = NotificationPort::slot(slot::BELL);
    let vm = match amateras_vmm::Vm::start(&mut pool, &mut space, (port, bell), options, guest) {
        Ok(vm) => vm,
        Err(error) => {
            // Another try would end the same way, so this is no failure that the supervisor could mend.
            let log = Logger::new(environment.service("log")?);
            log.line(format_args!("the guest does not start: {error}"));
            return Ok(());
        }
    };
    let desk = VmServer(Desk::new(&environment, vm, guest.command_line, network)?);
    match &disk {
        None => serve(port, environment.epoch, &desk, &mut []),
        Some(disk) => {
            let work = |place| disk.work(&desk.0, place);
            let (mut first, mut second) = (pin!(work(0)), pin!(work(1)));
            let (mut third, mut fourth) = (pin!(work(2)), pin!(work(3)));
            let work: &mut [Work<'_>; disk::REQUESTS] =
                &mut [first.as_mut(), second.as_mut(), third.as_mut(), fourth.as_mut()];
            serve(port, environment.epoch, &desk, work)
        }
    }
}

/// Serves the guest and the service at the same port, and goes on with the work for its devices.
fn serve(
    port: IpcPort,
    epoch: u16,
    desk: &VmServer<Desk<'_>>,
    work: &mut [Work<'_>],
) -> Result<(), Failure> {
    let mut context = Context::from_waker(Waker::noop());
    let (mut answer, mut rung) = (None, true);
    loop {
        while desk.0.is_called() | rung {
            rung = false;
            // What follows may stop processors, which must not wait for an answer then.
            if let Some(answer) = answer.take() {
                Reply::OWED.reply(&answer)?;
            }
            for work in &mut *work {
                // It has no end.
                let _ = work.as_mut().poll(&mut context);
            }
            desk.0.attend()?;
            desk.0.settle();
        }
        let received = match answer.take() {
            Some(answer) => port.reply_receive(&answer)?,
            None => port.receive()?,
        };
        match received {
            Received::Exit { process, left } => {
                answer = Some(desk.0.exit(process, left.number, &left.exit.words())?);
            }
            Received::Message { sender, message } => {
                answer = respond(desk, epoch, sender, &message);
                rung = true;
            }
            Received::Signals { bits } => {
                desk.0.heard(bits);
                rung = true;
            }
            Received::Fault { fault, .. } => return Err(Failure::Thread(fault)),
            _ => {}
        }
    }
}
