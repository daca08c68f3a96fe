//! The i8042 keyboard controller (IBM Personal System/2 Technical Reference, *Keyboard and
//! Auxiliary Device Controller*).

use nun::IoPort;

/// A keyboard controller.
pub struct Controller {
    data: (IoPort, u16),
    /// Read: status. Written: command.
    command: (IoPort, u16),
}

/// Status: a byte can be read.
const HAS_BYTE: u8 = 0x01;
/// Status: the last byte written was not taken yet.
const IS_BUSY: u8 = 0x02;
/// Status: the byte to read is the mouse's.
const IS_MOUSE: u8 = 0x20;
/// What is read where there is no controller.
const NOTHING: u8 = 0xff;

const READ_CONFIGURATION: u8 = 0x20;
const WRITE_CONFIGURATION: u8 = 0x60;
const DISABLE_MOUSE: u8 = 0xa7;
const DISABLE_KEYBOARD: u8 = 0xad;
const ENABLE_KEYBOARD: u8 = 0xae;
/// To the keyboard itself: send what is typed.
const ENABLE_SCANNING: u8 = 0xf4;

/// Configuration: the keyboard interrupts.
const KEYBOARD_INTERRUPT: u8 = 0x01;
/// Configuration: the mouse interrupts.
const MOUSE_INTERRUPT: u8 = 0x02;
/// Configuration: the keyboard has no clock.
const KEYBOARD_OFF: u8 = 0x10;
/// Configuration: scan codes of set 2 are made those of set 1.
const TRANSLATES: u8 = 0x40;

/// How often the status is read before the controller is given up: each takes about a microsecond.
const PATIENCE: usize = 100_000;
/// Bytes that may wait from before.
const LEFT_OVER: usize = 64;

impl Controller {
    /// The one whose data port and command port these are, with its keyboard on and the mouse off;
    /// `None` if it does not answer.
    pub fn start(data: (IoPort, u16), command: (IoPort, u16)) -> Option<Self> {
        let controller = Self { data, command };
        if controller.status() == NOTHING {
            return None;
        }
        controller.command(DISABLE_KEYBOARD)?;
        controller.command(DISABLE_MOUSE)?;
        (0..LEFT_OVER).map_while(|_| controller.receive_any()).count();
        controller.command(READ_CONFIGURATION)?;
        let before = (0..PATIENCE).find_map(|_| controller.receive_any())?;
        let without = before & !(MOUSE_INTERRUPT | KEYBOARD_OFF);
        controller.command(WRITE_CONFIGURATION)?;
        controller.send(without | KEYBOARD_INTERRUPT | TRANSLATES)?;
        controller.command(ENABLE_KEYBOARD)?;
        controller.send(ENABLE_SCANNING)?;
        Some(controller)
    }

    /// The next byte of the keyboard's. What comes from the mouse is passed over.
    pub fn receive(&self) -> Option<u8> {
        loop {
            let is_mouse = self.status() & IS_MOUSE != 0;
            let byte = self.receive_any()?;
            if !is_mouse {
                return Some(byte);
            }
        }
    }

    fn receive_any(&self) -> Option<u8> {
        (self.status() & HAS_BYTE != 0).then(|| read(self.data))
    }

    fn command(&self, command: u8) -> Option<()> {
        self.is_taken().then(|| write(self.command, command))
    }

    fn send(&self, byte: u8) -> Option<()> {
        self.is_taken().then(|| write(self.data, byte))
    }

    fn is_taken(&self) -> bool {
        (0..PATIENCE).any(|_| self.status() & IS_BUSY == 0)
    }

    fn status(&self) -> u8 {
        read(self.command)
    }
}

fn read((ports, port): (IoPort, u16)) -> u8 {
    let value = ports.read(port.into(), 8);
    value.expect("the ports are the component's own") as u8
}

fn write((ports, port): (IoPort, u16), value: u8) {
    let written = ports.write(port.into(), 8, value.into());
    written.expect("the ports are the component's own");
}
