//! The host's own terminals as a model: the same keys and the same output have the same effects there.
//!
//! A pseudo-terminal of the host gets the settings, what is typed and what a program writes; what it shows and
//! what a program reads must be what ours shows and gives. Needs a Linux host with `/dev/ptmx`.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use koito_tty::{Input, Local, Output, Reading, Settings, Terminal};
use proptest::prelude::*;
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::io::{read, write};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, tcgetattr, tcsetattr,
};

/// A terminal of the host's, which controls nobody.
struct Host {
    master: OwnedFd,
    slave: OwnedFd,
    /// Whether a read of nothing is an end of file. Else it only says that nothing is there yet.
    has_ends: bool,
}

impl Host {
    fn new(settings: &Settings) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master = openpt(flags).expect("the host has /dev/ptmx");
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let slave = open(name.as_c_str(), flags, Mode::empty()).unwrap();
        let mut its = tcgetattr(&slave).unwrap();
        its.input_modes = InputModes::from_bits_retain(settings.input.bits());
        its.output_modes = OutputModes::from_bits_retain(settings.output.bits());
        its.local_modes = LocalModes::from_bits_retain(settings.local.bits());
        its.special_codes[SpecialCodeIndex::VMIN] = 0;
        its.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&slave, OptionalActions::Now, &its).unwrap();
        for end in [&master, &slave] {
            fcntl_setfl(end, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
        }
        Self { master, slave, has_ends: settings.local.contains(Local::CANONICAL) }
    }

    /// What comes out of an end, read by read. The host passes bytes on later than it takes them: for the
    /// `expected` ones there are some seconds, for others a moment.
    fn drain(&self, end: impl AsFd, expected: usize) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = Vec::new();
        let mut left = 2000;
        while left > 0 {
            let mut bytes = [0; 8192];
            match read(&end, &mut bytes) {
                Ok(count) if count > 0 || self.has_ends => all.push(bytes[..count].to_vec()),
                _ => {
                    let complete = all.iter().map(Vec::len).sum::<usize>() >= expected;
                    left = if complete { left.min(2) } else { left } - 1;
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
        all
    }

    fn shown(&self, expected: &[u8]) -> Vec<u8> {
        self.drain(&self.master, expected.len()).concat()
    }

    fn reads(&self, expected: &[Vec<u8>]) -> Vec<Vec<u8>> {
        self.drain(&self.slave, expected.iter().map(Vec::len).sum())
    }
}

fn reads(terminal: &mut Terminal) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut bytes = [0; 8192];
    while let Reading::Done(count) = terminal.read(&mut bytes, false) {
        all.push(bytes[..count].to_vec());
        if count == 0 {
            break;
        }
    }
    all
}

fn shown(terminal: &mut Terminal) -> Vec<u8> {
    let mut bytes = [0; 16384];
    let count = terminal.take_output(&mut bytes);
    bytes[..count].to_vec()
}

/// Both get the settings, the keys and the text. What is read first ends at the first end of file.
fn compare(settings: Settings, keys: &[u8], text: &[u8]) {
    let host = Host::new(&settings);
    let mut ours = Terminal::new();
    ours.set_settings(settings);
    write(&host.master, keys).unwrap();
    ours.receive(keys);
    let about = format!("{settings:?}, keys {:?}", String::from_utf8_lossy(keys));
    let seen = shown(&mut ours);
    let expected = host.shown(&seen);
    assert_eq!(
        String::from_utf8_lossy(&seen),
        String::from_utf8_lossy(&expected),
        "what is shown: {about}"
    );
    let seen = reads(&mut ours);
    let expected = host.reads(&seen);
    let first = |reads: &[Vec<u8>]| {
        let end = reads.iter().position(Vec::is_empty).unwrap_or(reads.len());
        reads[..end].to_vec()
    };
    assert_eq!(first(&seen), first(&expected), "what is read: {about}");
    if !text.is_empty() {
        write(&host.slave, text).unwrap();
        ours.write(text);
        let seen = shown(&mut ours);
        assert_eq!(seen, host.shown(&seen), "what a program writes: {about}");
    }
}

fn settings(input: u32, output: u32, local: u32) -> Settings {
    let mut settings = Settings::new();
    settings.input = Input::from_bits_retain(input);
    settings.output = Output::from_bits_retain(output);
    settings.local = Local::from_bits_retain(local);
    settings.characters[6] = 0;
    settings
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let input = prop::sample::subsequence(vec![0o100, 0o200, 0o400, 0o40, 0o40000], 0..5);
    let output = prop::sample::subsequence(vec![1, 1, 4, 0o10, 0o20, 0o40, 0o14000], 0..6);
    let local = prop::sample::subsequence(
        vec![1, 2, 2, 2, 0o10, 0o10, 0o20, 0o40, 0o100, 0o200, 0o1000, 0o4000, 0o100000],
        0..13,
    );
    let bits = |bits: Vec<u32>| bits.into_iter().fold(0, |all, bit| all | bit);
    (input, output, local).prop_map(move |(a, b, c)| settings(bits(a), bits(b), bits(c)))
}

fn any_key() -> impl Strategy<Value = u8> {
    prop_oneof![
        6 => prop::sample::select(&b"ab_ c,\t-Z"[..]),
        4 => prop::sample::select(vec![3_u8, 4, 18, 21, 22, 23, 26, 28, 127]),
        2 => prop::sample::select(&b"\r\n"[..]),
        1 => prop::sample::select(vec![0xc3_u8, 0xa4, 1, 8, 0x1b]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 2,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_keys_with_any_settings(
        settings in any_settings(),
        keys in prop::collection::vec(any_key(), 1..40),
        text in prop::collection::vec(prop::sample::select(&b"ab\t\r\n\x08"[..]), 0..20),
    ) {
        compare(settings, &keys, &text);
    }
}

#[test]
fn the_usual_settings_do_what_everybody_knows() {
    for keys in [
        &b"hello\r"[..],
        b"helloo\x7f\r",
        b"one two\x17\r",
        b"forget\x15this\r",
        b"a\tb\x7f\x7fc\r",
        b"\x16\x03quoted\r",
        b"part\x04",
        b"\x04",
        b"line\r\x04more",
        b"interrupted\x03after\r",
        b"re\x12print\r",
        b"\xc3\xa4\x7fx\r",
    ] {
        compare(Settings::new(), keys, b"two\nlines\ttab\n");
    }
}

#[test]
fn a_line_has_a_longest_length() {
    let keys = [&[b'x'; 5000][..], b"\r"].concat();
    // The host takes so many keys in several steps.
    let mut ours = Terminal::new();
    ours.receive(&keys);
    let lines = reads(&mut ours);
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].len(), lines[0].last()), (4096, Some(&b'\n')));
}

#[test]
fn output_is_held_and_let_go() {
    let mut terminal = Terminal::new();
    terminal.receive(b"\x13");
    assert_eq!(terminal.write(b"text"), 0, "who writes waits");
    terminal.receive(b"\x11");
    assert_eq!(terminal.write(b"text"), 4);
    assert_eq!(shown(&mut terminal), b"text");
}

#[test]
fn a_raw_read_waits_for_as_much_as_is_wanted() {
    let mut terminal = Terminal::new();
    let mut settings = Settings::new();
    settings.local.remove(Local::CANONICAL);
    settings.characters[6] = 3;
    terminal.set_settings(settings);
    let mut bytes = [0; 8];
    terminal.receive(b"ab");
    assert_eq!(terminal.read(&mut bytes, false), Reading::Wait);
    assert!(!terminal.is_readable());
    terminal.receive(b"c");
    assert_eq!(terminal.read(&mut bytes, false), Reading::Done(3));
    settings.characters[5] = 7;
    terminal.set_settings(settings);
    terminal.receive(b"d");
    assert_eq!(terminal.read(&mut bytes, false), Reading::WaitTenths(7));
    assert_eq!(terminal.read(&mut bytes, true), Reading::Done(1));
}

#[test]
fn what_was_typed_and_not_read_can_be_taken_away() {
    let mut terminal = Terminal::new();
    terminal.receive(b"read\rwhole\rhalf");
    let mut bytes = [0; 8];
    assert_eq!(terminal.read(&mut bytes, false), Reading::Done(5));
    assert_eq!(terminal.take_typed(), b"whole\nhalf");
    assert!(!terminal.is_readable());
    assert_eq!(terminal.take_typed(), b"");
}
