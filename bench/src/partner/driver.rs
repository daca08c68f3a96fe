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

/// Register A: how often it interrupts, in the lower bits.
const RATE: u64 = 0xa;
/// 8192 interrupts a second, the most with the usual time base.
const OFTEN: u64 = 3;
const RATE_MASK: u64 = 0xf;
/// Register B: what it interrupts for.
const CONTROL: u64 = 0xb;
const PERIODIC: u64 = 0x40;
/// Register C: why it interrupts. Reading it lets it interrupt again.
const CAUSE: u64 = 0xc;

/// Label of the message after which the clock is as it was.
const STOP: u32 = 1;

/// Handles interrupts, which come as signals of `signal`, and tells whoever asks at `port` when the
/// last one was acknowledged.
pub fn drive(port: IpcPort, signal: NotificationPort) -> ! {
    let result = serve(port, signal);
    panic!("the driver ended: {result:?}");
}

fn serve(port: IpcPort, signal: NotificationPort) -> Result<(), Error> {
    // The registers outlive the machine's being switched off.
    let (rate, control) = (read(RATE)?, read(CONTROL)?);
    write(RATE, rate & !RATE_MASK | OFTEN)?;
    write(CONTROL, control | PERIODIC)?;
    read(CAUSE)?;
    loop {
        signal.wait()?;
        LINE.acknowledge()?;
        let end = stamp();
        read(CAUSE)?;
        let stops = port.receive()?.message().is_some_and(|message| message.label() == STOP);
        if stops {
            write(CONTROL, control)?;
            write(RATE, rate)?;
        }
        Reply::OWED.reply(&Message::new(0, [end.into()]))?;
    }
}

fn read(register: u64) -> Result<u64, Error> {
    PORTS.write(INDEX, 8, register)?;
    PORTS.read(DATA, 8)
}

fn write(register: u64, value: u64) -> Result<(), Error> {
    PORTS.write(INDEX, 8, register)?;
    PORTS.write(DATA, 8, value)
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
    port.call(&Message::new(STOP, [])).expect("the driver stops");
    publish(&measured.at_best());
}
