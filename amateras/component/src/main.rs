//! A virtual machine as a component of KOITO: with a quota like everybody, a service to control it, and
//! the console for its serial port.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]
#![expect(clippy::result_large_err, reason = "there is no heap, and the text is what helps")]

mod desk;
mod devices;
mod disk;
mod memory;
mod network;
mod source;

use core::convert::Infallible;
use core::fmt::{self, Write};
use core::pin::{Pin, pin};
use core::task::{Context, Waker};

use amateras_devices::virtio::{Console, Description, Entropy};
use amateras_vmm::{Guest, Options};
use desk::Desk;
use disk::Disk;
use koito::conventions::slot;
use koito::services::{LINE_BYTES, Logger, MONITOR_BYTES, MOST_PROCESSORS, VmOptions, VmServer};
use koito::{Environment, Missing};
use network::Network;
use nun::abi::boot::PAGE_BYTES;
use nun::service::{String, Vec, respond};
use nun::{Error, Fault, IpcPort, NotificationPort, Received, Reply};
use source::{DiskFile, Source};

const _: () = assert!(MOST_PROCESSORS == amateras_devices::MOST_PROCESSORS);

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
    /// Its guest does not start.
    NoGuest(String<LINE_BYTES>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::Thread(fault) => write!(f, "a thread failed: {fault:x?}"),
            Self::NoGuest(why) => f.write_str(why),
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

/// Why there is no guest. Another try would end the same way, so it is no failure that the supervisor could mend.
fn no_guest(why: impl fmt::Display) -> Failure {
    let mut text = String::new();
    // What is too long for the log is cut.
    let _ = write!(text, "{why}");
    Failure::NoGuest(text)
}

fn main() -> Result<(), Failure> {
    let environment = Environment::read()?;
    match run(&environment) {
        Err(Failure::NoGuest(why)) => {
            let log = Logger::new(environment.service("log")?);
            log.line(format_args!("the guest does not start: {why}"));
            Ok(())
        }
        ended => ended,
    }
}

/// Makes the virtual machine that the environment describes, and serves it for ever.
fn run(environment: &Environment) -> Result<(), Failure> {
    let port = IpcPort::slot(slot::SERVED);
    let (mut pool, mut space) = memory::granted(environment)?;
    let mut used = 0;
    let mut module = |name| -> Result<&'static [u8], Failure> {
        Ok(environment.module(name)?.map(&mut pool, &mut space, &mut used)?)
    };
    let disk = Disk::find(environment)?;
    let always = [Console::description(), Entropy::description()];
    let network = Network::find(environment)?;
    let card = network.as_ref().map(Network::description);
    let devices: Vec<Description, MOST_DEVICES> =
        disk.iter().map(|disk| disk.block.description()).chain(always).chain(card).collect();
    let wishes = VmOptions::parse(&environment.arguments).map_err(no_guest)?;
    let mut file = |wished: Option<&str>, modules: [&'static str; 2]| match wished {
        Some(path) => DiskFile::open(environment, path).map(Source::Disk).map_err(no_guest),
        None => module(modules[0]).or_else(|_| module(modules[1])).map(Source::Module),
    };
    let kernel = file(wishes.kernel, ["guest-2-kernel", "guest-kernel"])?;
    let initrd = file(wishes.initrd, ["guest-2-initrd", "guest-initrd"])?;
    let command_line = str::from_utf8(module("guest-cmdline")?).unwrap_or_default();
    let processors = str::from_utf8(module("guest-cpus")?).ok().and_then(|it| it.parse().ok());
    let guest = Guest {
        kernel: &kernel,
        initrd: &initrd,
        command_line: wishes.command_line.unwrap_or(command_line),
        devices: &devices,
    };
    let options = Options {
        memory: environment.pool_bytes().saturating_sub(MONITOR_BYTES) & !(PAGE_BYTES - 1),
        processors: wishes.processors.or(processors).unwrap_or(1),
        priority: PRIORITY,
        monitor_priority: MONITOR_PRIORITY,
        epoch: Desk::now(environment)?,
        ticks_per_millisecond: environment.ticks_per_millisecond,
    };
    let bell = NotificationPort::slot(slot::BELL);
    let vm = amateras_vmm::Vm::start(&mut pool, &mut space, (port, bell), options, guest)
        .map_err(no_guest)?;
    let desk = VmServer(Desk::new(environment, vm, guest.command_line, network)?);
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
