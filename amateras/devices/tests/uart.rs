//! The serial port, as drivers look at it.

use amateras_devices::Uart;

const DATA: u16 = 0;
const ENABLE: u16 = 1;
const IDENTITY: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const MODEM_STATUS: u16 = 6;
const SCRATCH: u16 = 7;

/// A port as a driver leaves it: FIFOs on, interrupts `enabled` and let through.
fn started(enabled: u8) -> Uart {
    let mut uart = Uart::default();
    uart.write(IDENTITY, 0x81);
    uart.write(MODEM_CONTROL, 0x0b);
    uart.write(ENABLE, enabled);
    uart
}

#[test]
fn the_probe_of_linux_finds_a_16550a() {
    let mut uart = Uart::default();
    uart.write(ENABLE, 0x0f);
    assert_eq!(uart.read(ENABLE), 0x0f);
    uart.write(ENABLE, 0);
    uart.write(MODEM_CONTROL, 0x1a);
    assert_eq!(uart.read(MODEM_STATUS) & 0xf0, 0x90);
    uart.write(MODEM_CONTROL, 0x0b);
    uart.write(IDENTITY, 0x01);
    assert_eq!(uart.read(IDENTITY) & 0xc0, 0xc0);
    uart.write(SCRATCH, 0xa5);
    assert_eq!(uart.read(SCRATCH), 0xa5);
    uart.write(LINE_CONTROL, 0x80);
    uart.write(DATA, 1);
    assert_eq!((uart.read(DATA), uart.has_output()), (1, false), "a divisor is not sent");
}

#[test]
fn what_is_sent_can_be_taken_in_order() {
    let mut uart = started(0);
    b"abc".iter().for_each(|byte| uart.write(DATA, *byte));
    let mut bytes = [0; 2];
    assert_eq!((uart.take_output(&mut bytes), bytes), (2, *b"ab"));
    assert_eq!((uart.take_output(&mut bytes), bytes[0], uart.has_output()), (1, b'c', false));
}

#[test]
fn a_full_queue_says_that_it_is_sending_until_somebody_takes() {
    let mut uart = started(2);
    let mut sent = 0;
    while uart.read(LINE_STATUS) & 0x20 != 0 {
        uart.write(DATA, b'x');
        sent += 1;
    }
    assert!(sent > 1000);
    uart.read(IDENTITY);
    assert!(!uart.is_interrupting());
    assert_eq!(uart.take_output(&mut [0; 1]), 1);
    assert!(uart.is_interrupting(), "there is room again");
    assert_eq!((uart.read(IDENTITY), uart.read(IDENTITY)), (0xc2, 0xc1), "told once");
}

#[test]
fn asking_for_room_is_answered_at_once() {
    let mut uart = started(0);
    uart.write(ENABLE, 2);
    assert_eq!(uart.read(IDENTITY), 0xc2);
    uart.write(ENABLE, 0);
    uart.write(ENABLE, 2);
    assert_eq!(uart.read(IDENTITY), 0xc2, "and again");
}

#[test]
fn bytes_that_come_interrupt_before_room_does() {
    let mut uart = started(3);
    uart.receive(b'k');
    assert_eq!(uart.read(IDENTITY), 0xcc, "fewer than it waits for");
    (1..8).for_each(|byte| uart.receive(byte));
    assert_eq!(uart.read(IDENTITY), 0xc4);
    assert_eq!(uart.read(DATA), b'k');
    (1..8).for_each(|byte| assert_eq!(uart.read(DATA), byte));
    assert_eq!(uart.read(IDENTITY), 0xc2);
}

#[test]
fn what_finds_no_room_is_lost_and_said_so_once() {
    let mut uart = started(0);
    assert_eq!(uart.room(), 16);
    (0..17).for_each(|byte| uart.receive(byte));
    assert_eq!(uart.read(LINE_STATUS) & 0x03, 0x03);
    assert_eq!(uart.read(LINE_STATUS) & 0x03, 0x01);
    uart.write(IDENTITY, 0x03);
    assert_eq!((uart.room(), uart.read(LINE_STATUS) & 1), (16, 0), "emptied");
}

#[test]
fn a_port_that_hears_itself_sends_nothing() {
    let mut uart = started(1);
    uart.write(MODEM_CONTROL, 0x18);
    uart.write(DATA, 0x55);
    assert!(uart.is_interrupting() && !uart.has_output());
    assert_eq!(uart.read(DATA), 0x55);
}

#[test]
fn a_closed_gate_keeps_the_line_low() {
    let mut uart = started(1);
    uart.receive(1);
    assert!(uart.is_interrupting());
    uart.write(MODEM_CONTROL, 0x03);
    assert!(!uart.is_interrupting());
}
