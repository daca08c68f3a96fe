//! Whatever is sent to a server of KOITO is answered, and only what fits its interface reaches its
//! methods; whatever a server answers, its client gets a value or an error.

#![no_main]

mod few;
mod files;
mod terminals;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use koito::services::*;
use koito::{Arguments, Name};
use libfuzzer_sys::fuzz_target;
use nun::hosted::{self, Call};
use nun::service::{Caller, Service, String, Vec, respond};
use nun::{IpcPort, Message};

const EPOCH: u16 = 5;
/// Services that there are, and a client's method more.
const SERVICES: u8 = 17;
const PORT: IpcPort = IpcPort::slot(9);

/// Every server at once. Its methods see what the dispatcher lets through.
struct Everything;

fuzz_target!(|input: &[u8]| {
    let Some((&[service, ordinal, epoch, label], rest)) = input.split_first_chunk::<4>() else {
        return;
    };
    let words: std::vec::Vec<u64> =
        rest.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    hosted::install(move |_: Call| hosted::done([0; 6]));
    let label = match epoch {
        0..200 => u32::from(ordinal) | u32::from(EPOCH) << 16,
        _ => u32::from_le_bytes([ordinal, label, epoch, label]),
    };
    let request = Message::long(label, &words);
    match service % SERVICES {
        0 => answer(&ConsoleServer(Everything), request),
        1 => answer(&ClockServer(Everything), request),
        2 => answer(&DiskServer(Everything), request),
        3 => answer(&EchoServer(Everything), request),
        4 => answer(&EntropyServer(Everything), request),
        5 => answer(&KeyboardServer(Everything), request),
        6 => answer(&LogServer(Everything), request),
        7 => answer(&ScreenServer(Everything), request),
        8 => answer(&FilesServer(Everything), request),
        9 => answer(&PosixServer(Everything), request),
        10 => answer(&DevicesServer(Everything), request),
        11 => answer(&EventsServer(Everything), request),
        12 => answer(&VmServer(Everything), request),
        13 => answer(&PowerServer(Everything), request),
        14 => answer(&SwitchServer(Everything), request),
        _ => answer(&SupervisorServer(Everything), request),
    }
    call(service, u32::from(label as u8), words);
});

/// Has `service` answer, which it must at once.
fn answer(service: &impl Service, request: Message) {
    let ordinal = request.label() as u16;
    if respond(service, EPOCH, 1, &request).is_none() {
        let future = pin!(service.wait(Caller { client: 1 }, ordinal, request));
        let polled = future.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(_)), "these methods do not wait");
    }
}

/// Calls a server that answers with these words, whatever is asked.
fn call(service: u8, label: u32, words: std::vec::Vec<u64>) {
    hosted::install(move |_: Call| {
        let answer = Message::long(label, &words);
        hosted::answered(&answer)
    });
    match service % SERVICES {
        0 => drop(ConsoleClient::new(PORT).look(0)),
        1 => drop(ClockClient::new(PORT).epoch()),
        2 => drop(DiskClient::new(PORT).geometry()),
        3 => drop(EchoClient::new(PORT).repeat(String::new())),
        4 => drop(EntropyClient::new(PORT).random()),
        5 => drop(KeyboardClient::new(PORT).look(0)),
        6 => drop(LogClient::new(PORT).read(0)),
        7 => drop(SupervisorClient::new(PORT).describe(0)),
        8 => drop(FilesClient::new(PORT).list(Path::new(), 0)),
        9 => drop(PosixClient::new(PORT).missing(0)),
        10 => drop(DevicesClient::new(PORT).next()),
        11 => drop(EventsClient::new(PORT).read(0)),
        12 => drop(VmClient::new(PORT).status()),
        13 => drop(FilesClient::new(PORT).begin()),
        14 => drop(PosixClient::new(PORT).relay(0, Vec::new())),
        15 => drop(SwitchClient::new(PORT).port(0)),
        _ => drop(SupervisorClient::new(PORT).status(0)),
    }
}

impl Clock for Everything {
    fn now(&self, _: Caller) -> u64 {
        1
    }
    async fn sleep_until(&self, _: Caller, _time: u64) {}
    fn epoch(&self, _: Caller) -> Option<u64> {
        None
    }
}

impl Disk for Everything {
    fn geometry(&self, _: Caller) -> Geometry {
        Geometry { sectors: 1, read_only: true }
    }
    async fn read(&self, _: Caller, _: Stretch) -> Result<(), DiskError> {
        Err(DiskError::Failed)
    }
    async fn write(&self, _: Caller, _: Stretch) -> Result<(), DiskError> {
        Err(DiskError::ReadOnly)
    }
    async fn flush(&self, _: Caller) -> Result<(), DiskError> {
        Ok(())
    }
}

impl Echo for Everything {
    fn add(&self, _: Caller, a: u64, b: u64) -> Result<u64, EchoError> {
        a.checked_add(b).ok_or(EchoError::Overflow)
    }
    fn repeat(&self, _: Caller, text: String<128>) -> String<128> {
        text
    }
    fn count(&self, _: Caller) -> u64 {
        0
    }
    fn crash(&self, _: Caller) {}
    fn hang(&self, _: Caller) {}
}

impl Entropy for Everything {
    fn random(&self, _: Caller) -> Result<(u64, u64, u64, u64), EntropyError> {
        Err(EntropyError::NoSource)
    }
}

impl Log for Everything {
    fn line(&self, _: Caller, text: String<LINE_BYTES>) {
        assert!(text.len() <= LINE_BYTES);
    }
    fn read(&self, _: Caller, number: u64) -> Option<LogLine> {
        let (writer, text) = (Name::new(), String::new());
        Some(LogLine { number, time: 0, writer, text })
    }
}

impl Supervisor for Everything {
    fn status(&self, _: Caller, _index: u8) -> Result<Status, SupervisorError> {
        Err(SupervisorError::Unknown)
    }
    fn kill(&self, _: Caller, name: Name) -> Result<(), SupervisorError> {
        assert!(name.len() <= name.capacity());
        Ok(())
    }
    fn stop(&self, _: Caller, _: Name) -> Result<(), SupervisorError> {
        Ok(())
    }
    fn start(&self, _: Caller, _: Name) -> Result<(), SupervisorError> {
        Ok(())
    }
    fn start_with(
        &self,
        _: Caller,
        _: Name,
        _: Option<u64>,
        arguments: Arguments,
    ) -> Result<(), SupervisorError> {
        assert!(arguments.len() <= arguments.capacity());
        Err(SupervisorError::Unknown)
    }
    fn memory(&self, _: Caller) -> Memory {
        Memory { used: 0, bytes: 0, free_slots: 0 }
    }
    fn describe(&self, _: Caller, _index: u8) -> Result<Description, SupervisorError> {
        Err(SupervisorError::Unknown)
    }
    fn power(&self, _: Caller, _: PowerState) -> Result<(), SupervisorError> {
        Err(SupervisorError::Unsupported)
    }
}
