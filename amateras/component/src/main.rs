//! A virtual machine as a component of KOITO: with a quota like everybody, a service to control it, and
//! the console for its serial port.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod desk;
mod memory;

use core::fmt;

use amateras_vmm::{Guest, Options, StartError};
use desk::Desk;
use koito::conventions::slot;
use koito::services::VmServer;
use koito::{Environment, Missing};
use nun::service::respond;
use nun::{Error, IpcPort, Received};

nun::entry!(main, stack = 256 * 1024);

/// Below its monitor, whatever that is, and what the monitor calls.
const PRIORITY: u8 = 50;
/// Memory of the guest where the manifest entry names none.
const MEBIBYTES: u64 = 96;

/// Why there is no guest.
enum Failure {
    Missing(Missing),
    Refused(Error),
    Start(StartError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
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
    let (mut pool, mut space) = memory::granted()?;
    let mut used = 0;
    let mut module = |name| -> Result<&'static [u8], Failure> {
        Ok(environment.module(name)?.map(&mut pool, &mut space, &mut used)?)
    };
    let guest = Guest {
        kernel: module("guest-kernel")?,
        initrd: module("guest-initrd")?,
        command_line: str::from_utf8(module("guest-cmdline")?).unwrap_or_default(),
    };
    let options = Options {
        memory: environment.arguments.parse().unwrap_or(MEBIBYTES) << 20,
        priority: PRIORITY,
        cpu: 0,
        epoch: Desk::now(&environment)?,
        ticks_per_millisecond: environment.ticks_per_millisecond,
    };
    let vm = amateras_vmm::Vm::start(&mut pool, &mut space, port, options, guest)
        .map_err(Failure::Start)?;
    serve(port, environment.epoch, &VmServer(Desk::new(&environment, vm)?))
}

/// Serves the guest and the service at the same port.
fn serve(port: IpcPort, epoch: u16, desk: &VmServer<Desk<'_>>) -> Result<(), Failure> {
    let mut answer = None;
    loop {
        desk.0.settle();
        let received = match answer.take() {
            Some(answer) => port.reply_receive(&answer)?,
            None => port.receive()?,
        };
        match received {
            Received::Exit { left, .. } => {
                answer = Some(desk.0.exit(left.number, &left.exit.words()));
            }
            Received::Message { sender, message } => {
                answer = respond(desk, epoch, sender, &message);
            }
            Received::Signals { .. } => desk.0.woken()?,
            _ => {}
        }
    }
}
