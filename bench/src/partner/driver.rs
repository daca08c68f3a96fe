//! A driver, and who runs until it is interrupted. The device is the real-time clock's periodic
//! interrupt, which any PC has (Motorola MC146818, registers A to C).

use a9n_bench::machine::stamp;
use a9n_bench::parts::measure_parts;
use a9n_bench::roles::{CLOCK_PORTS, INTERRUPT};
use a9n_bench::spin::wait_for_gap;
use nun::{Error, InterruptPort, IoPort, IpcPort, Message, NotificationPort, Reply};

use crate::publish;

const LINE: InterruptPort = InterruptPort::slot(INTERRUPT);
const PORTS: IoPort = IoPort::slot(CLOCK_PORTS);
/// I/O port that takes the number of a register.
const INDEX: u64 = 0x70;
/// I/O port that gives or takes what is in it.
const DATA: u64 = 0x71;
/// Register A: the usual time base, 8192 interrupts a second.
const RATE: (u64, u64) = (0xa, 0x23);
/// Register B: 24-hour clock, periodic interrupt on.
const PERIODIC: (u64, u64) = (0xb, 0x42);
/// Register C: why it interrupts. Reading it lets it interrupt again.
const CAUSE: u64 = 0xc;

/// Handles interrupts, which come as signals of `signal`, and tells whoever asks at `port` when the
/// last one was acknowledged.
pub fn drive(port: IpcPort, signal: NotificationPort) -> ! {
    let mut result = start();
    while result.is_ok() {
        result = handle(port, signal);
    }
    panic!("the driver got {result:?}");
}

fn start() -> Result<(), Error> {
    for (register, value) in [RATE, PERIODIC] {
        PORTS.write(INDEX, 8, register)?;
        PORTS.write(DATA, 8, value)?;
    }
    ready()
}

/// Lets the clock interrupt again.
fn ready() -> Result<(), Error> {
    PORTS.write(INDEX, 8, CAUSE)?;
    PORTS.read(DATA, 8).map(|_| ())
}

fn handle(port: IpcPort, signal: NotificationPort) -> Result<(), Error> {
    signal.wait()?;
    LINE.acknowledge()?;
    let end = stamp();
    ready()?;
    port.receive()?;
    Reply::OWED.reply(&Message::new(0, [end.into()]))
}

/// Measures from the last instruction before an interrupt to its acknowledgement by the driver
/// that answers at `port`.
pub fn interrupted(port: IpcPort) {
    let [measured] = measure_parts(["irq"], || {
        loop {
            let (before, _) = wait_for_gap();
            let answer = port.call(&Message::EMPTY).expect("the driver answers");
            let figure = (answer.words()[0] as u32).wrapping_sub(before);
            // Another interrupt is no gap of this device's; the driver's last one was before it.
            if figure <= i32::MAX as u32 {
                break [figure];
            }
        }
    });
    publish(&measured);
}
