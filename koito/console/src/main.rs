//! The console: the first serial port as a terminal, driven by interrupts. Two sessions share it; Ctrl-] leads
//! from the login's to the system's own, whose shell knows the way back.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod uart;

use core::cell::RefCell;

use koito::services::{Console, ConsoleServer, Keys, TEXT_BYTES};
use koito::{Environment, Missing, Server, Session, Sessions, Typed};
use nun::executor::{Timers, until};
use nun::heapless::Deque;
use nun::service::{Caller, Epoch, String, Vec};
use uart::Uart;

nun::entry!(main);

/// Bytes of a session that wait to be sent.
const OUTPUT: usize = 2048;
/// The signal of the port's interrupt: the first of the manifest entry.
const INTERRUPT: u64 = 1;
/// The key that leads out of the login's session: Ctrl-].
const LEAVE: u8 = 0x1d;
/// Before the last line of a session that comes to the front and wrote nothing since.
const FRESH_LINE: [u8; 2] = *b"\r\n";

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let (ports, first) = environment.io_ports(0)?;
    let interrupt = environment.interrupt(0)?;
    let terminal = RefCell::new(Terminal::new(Uart::start(ports, first), environment.epoch));
    let service = ConsoleServer(Shared { terminal, sessions: Sessions::new(&environment) });
    // In this order: an edge that comes while the line is masked is lost, so whatever came before is
    // looked for once it is open.
    let attend = || {
        interrupt.acknowledge().expect("the interrupt is the component's own");
        service.0.terminal.borrow_mut().attend();
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

/// What is on the way to and from a session.
struct Traffic {
    output: Deque<u8, OUTPUT>,
    /// The line that was written last, as far as there is room.
    last_line: Vec<u8, TEXT_BYTES>,
    typed: Typed,
    /// Whether anybody ever read here.
    is_used: bool,
}

/// The device and its sessions.
struct Terminal {
    uart: Uart,
    system: Traffic,
    login: Traffic,
    front: Session,
    /// What brought that to the front; nothing outranks whoever types.
    rank: u8,
}

impl Terminal {
    fn new(uart: Uart, epoch: Epoch) -> Self {
        let new = || Traffic {
            output: Deque::new(),
            last_line: Vec::new(),
            typed: Typed::new(epoch),
            is_used: false,
        };
        let (system, login) = (new(), new());
        Self { uart, system, login, front: Session::System, rank: 0 }
    }

    fn traffic(&mut self, session: Session) -> &mut Traffic {
        match session {
            Session::System => &mut self.system,
            Session::Login => &mut self.login,
        }
    }

    /// Does what the device has an interrupt for, until it has none.
    fn attend(&mut self) {
        loop {
            while let Some(key) = self.uart.receive() {
                if key == LEAVE && self.front == Session::Login {
                    self.choose(Session::System, u8::MAX);
                } else {
                    self.traffic(self.front).typed.add(&[key]);
                }
            }
            self.send();
            if !self.uart.is_interrupting() {
                break;
            }
        }
    }

    /// Brings a session to the front, unless what is there has a higher rank.
    fn choose(&mut self, session: Session, rank: u8) {
        if rank < self.rank {
            return;
        }
        self.rank = rank;
        if core::mem::replace(&mut self.front, session) != session {
            let Traffic { output, last_line, .. } = self.traffic(session);
            if output.is_empty() {
                output.extend(FRESH_LINE.iter().chain(&*last_line).copied());
            }
            self.send();
        }
    }

    /// Gives the device as much as it takes; it asks for more by an interrupt.
    fn send(&mut self) {
        let output = match self.front {
            Session::System => &mut self.system.output,
            Session::Login => &mut self.login.output,
        };
        if self.uart.can_send() {
            for _ in 0..Uart::FIFO_BYTES {
                match output.pop_front() {
                    Some(byte) => self.uart.send(byte),
                    None => break,
                }
            }
        }
        self.uart.ask_to_send(!output.is_empty());
    }

    /// Takes bytes as a whole, or not at all while there is no room. Who is not in front makes room by forgetting.
    fn queue(&mut self, session: Session, bytes: impl Iterator<Item = u8> + Clone) -> Option<()> {
        let is_front = self.front == session;
        let length = bytes.clone().count();
        let Traffic { output, last_line, .. } = self.traffic(session);
        while output.len() + length > OUTPUT {
            if is_front {
                return None;
            }
            output.pop_front();
        }
        for byte in bytes {
            // There is room; what is too long of a line is left out.
            let _ = output.push_back(byte);
            match byte {
                b'\n' => last_line.clear(),
                byte => drop(last_line.push(byte)),
            }
        }
        if is_front {
            self.send();
        }
        Some(())
    }
}

/// Text as a device wants it: a line feed also returns the carriage.
fn with_returns(text: &str) -> impl Iterator<Item = u8> + Clone {
    text.bytes().flat_map(|byte| (byte == b'\n').then_some(b'\r').into_iter().chain([byte]))
}

struct Shared<'a> {
    terminal: RefCell<Terminal>,
    sessions: Sessions<'a>,
}

impl Console for Shared<'_> {
    async fn write(&self, caller: Caller, text: String<TEXT_BYTES>) {
        let session = self.sessions.of(caller);
        until(|| self.terminal.borrow_mut().queue(session, with_returns(&text))).await;
    }

    async fn read(&self, caller: Caller, taken: u64) -> Keys {
        let session = self.sessions.of(caller);
        let reading = {
            let mut terminal = self.terminal.borrow_mut();
            let traffic = terminal.traffic(session);
            traffic.is_used = true;
            traffic.typed.begin()
        };
        until(|| self.terminal.borrow_mut().traffic(session).typed.answer(reading, taken)).await
    }

    async fn write_bytes(&self, caller: Caller, bytes: Vec<u8, TEXT_BYTES>) {
        let session = self.sessions.of(caller);
        until(|| self.terminal.borrow_mut().queue(session, bytes.iter().copied())).await;
    }

    fn look(&self, caller: Caller, taken: u64) -> Keys {
        self.terminal.borrow_mut().traffic(self.sessions.of(caller)).typed.look(taken)
    }

    fn come_forward(&self, caller: Caller, rank: u8) {
        self.terminal.borrow_mut().choose(self.sessions.of(caller), rank);
    }

    fn step_back(&self, caller: Caller, taken: u64) -> bool {
        let terminal = &mut *self.terminal.borrow_mut();
        let session = self.sessions.of(caller);
        if !terminal.traffic(session.other()).is_used {
            return false;
        }
        let (from, to) = match session {
            Session::System => (&mut terminal.system, &mut terminal.login),
            Session::Login => (&mut terminal.login, &mut terminal.system),
        };
        from.typed.hand_over(taken, &mut to.typed);
        terminal.choose(session.other(), u8::MAX);
        true
    }
}
