//! The console: the first serial port as a terminal, driven by interrupts.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod uart;

use core::cell::RefCell;

use koito::services::{Console, ConsoleServer, KEY_BYTES, TEXT_BYTES};
use koito::{Environment, Missing, Server};
use nun::executor::{Timers, until};
use nun::heapless::Deque;
use nun::service::{Caller, String, Vec};
use uart::Uart;

nun::entry!(main);

/// Bytes that wait to be sent.
const OUTPUT: usize = 2048;
/// Keys that nobody has read; further ones are lost.
const INPUT: usize = 4096;
/// The signal of the port's interrupt: the first of the manifest entry.
const INTERRUPT: u64 = 1;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let (ports, first) = environment.io_ports(0)?;
    let interrupt = environment.interrupt(0)?;
    let uart = Uart::start(ports, first);
    let terminal = Terminal { uart, output: Deque::new(), input: Deque::new(), ends: 0 };
    let service = ConsoleServer(Shared(RefCell::new(terminal)));
    // In this order: an edge that comes while the line is masked is lost, so whatever came before is
    // looked for once it is open.
    let attend = || {
        interrupt.acknowledge().expect("the interrupt is the component's own");
        service.0.0.borrow_mut().attend();
    };
    // It may have been raised while nobody was there.
    attend();
    let signals = |bits| {
        if bits & INTERRUPT != 0 {
            attend();
        }
    };
    let server = Server::new(&environment);
    let error = server.serve_waiting(&service, signals, &Timers::new(), &());
    panic!("the port is gone: {error}");
}

/// The device, and what is on the way to and from it.
struct Terminal {
    uart: Uart,
    output: Deque<u8, OUTPUT>,
    input: Deque<u8, INPUT>,
    /// How often all reads that waited were ended.
    ends: u64,
}

impl Terminal {
    /// Does what the device has an interrupt for, until it has none.
    fn attend(&mut self) {
        loop {
            while let Some(key) = self.uart.receive() {
                // Keys that nobody reads are lost.
                let _ = self.input.push_back(key);
            }
            self.send();
            if !self.uart.is_interrupting() {
                break;
            }
        }
    }

    /// Gives the device as much as it takes; it asks for more by an interrupt.
    fn send(&mut self) {
        if self.uart.can_send() {
            for _ in 0..Uart::FIFO_BYTES {
                match self.output.pop_front() {
                    Some(byte) => self.uart.send(byte),
                    None => break,
                }
            }
        }
        self.uart.ask_to_send(!self.output.is_empty());
    }

    /// Takes the text as a whole, or not at all while there is no room.
    fn queue(&mut self, text: &str) -> Option<()> {
        let feeds = text.bytes().filter(|byte| *byte == b'\n').count();
        if self.output.len() + text.len() + feeds > OUTPUT {
            return None;
        }
        for byte in text.bytes() {
            // There is room.
            if byte == b'\n' {
                let _ = self.output.push_back(b'\r');
            }
            let _ = self.output.push_back(byte);
        }
        self.send();
        Some(())
    }

    /// The same for bytes, which go out as they are.
    fn queue_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        if self.output.len() + bytes.len() > OUTPUT {
            return None;
        }
        // There is room.
        for byte in bytes {
            let _ = self.output.push_back(*byte);
        }
        self.send();
        Some(())
    }

    /// What was typed, if anything was; nothing for who began to wait when `ends` was less than now.
    fn keys(&mut self, ends: u64) -> Option<Vec<u8, KEY_BYTES>> {
        let mut keys = Vec::new();
        if ends != self.ends {
            return Some(keys);
        }
        while !keys.is_full()
            && let Some(key) = self.input.pop_front()
        {
            // There is room.
            let _ = keys.push(key);
        }
        (!keys.is_empty()).then_some(keys)
    }
}

struct Shared(RefCell<Terminal>);

impl Console for Shared {
    async fn write(&self, _: Caller, text: String<TEXT_BYTES>) {
        until(|| self.0.borrow_mut().queue(&text)).await;
    }

    async fn read(&self, _: Caller) -> Vec<u8, KEY_BYTES> {
        let ends = self.0.borrow().ends;
        until(|| self.0.borrow_mut().keys(ends)).await
    }

    fn give_back(&self, _: Caller, keys: Vec<u8, KEY_BYTES>) {
        let input = &mut self.0.borrow_mut().input;
        for key in keys.into_iter().rev() {
            // Keys that nobody reads are lost.
            let _ = input.push_front(key);
        }
    }

    fn end_reads(&self, _: Caller) {
        self.0.borrow_mut().ends += 1;
    }

    async fn write_bytes(&self, _: Caller, bytes: Vec<u8, TEXT_BYTES>) {
        until(|| self.0.borrow_mut().queue_bytes(&bytes)).await;
    }
}
