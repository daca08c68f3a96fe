//! The debugger's side of a running QEMU: enough of GDB's remote protocol to stop a machine at an
//! instruction and to take it from there one instruction at a time.
//!
//! GDB manual, appendix E "Remote Serial Protocol"; the registers of a stop are those of QEMU's
//! description `org.gnu.gdb.i386.core` for 64 bits.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use iced_x86::Register;

/// How long QEMU may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long the machine may run from one stop to the next.
const RUN_LIMIT: Duration = Duration::from_secs(60);
/// Hexadecimal digits up to the GS base, the last register that we look at.
const REGISTER_DIGITS: usize = 2 * (17 * 8 + 7 * 4 + 2 * 8);

/// The general registers in the protocol's order.
const GENERAL: [Register; 16] = [
    Register::RAX,
    Register::RBX,
    Register::RCX,
    Register::RDX,
    Register::RSI,
    Register::RDI,
    Register::RBP,
    Register::RSP,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

/// Registers of a stopped CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    general: [u64; 16],
    /// Address of the next instruction.
    pub instruction: u64,
    /// Selector of the code segment.
    code_segment: u64,
    fs_base: u64,
    gs_base: u64,
}

impl Registers {
    /// Reads the answer to `g`.
    fn parse(digits: &[u8]) -> Option<Self> {
        let mut rest = digits.get(..REGISTER_DIGITS)?;
        let mut take = |bytes: usize| {
            let (word, behind) = rest.split_at_checked(2 * bytes)?;
            rest = behind;
            number(word)
        };
        let mut general = [0; 16];
        for value in &mut general {
            *value = take(8)?;
        }
        let instruction = take(8)?;
        let _flags = take(4)?;
        let code_segment = take(4)?;
        for _data_segment in 0..5 {
            take(4)?;
        }
        Some(Self { general, instruction, code_segment, fs_base: take(8)?, gs_base: take(8)? })
    }

    /// Whether the CPU is in kernel mode.
    pub fn in_kernel(&self) -> bool {
        self.code_segment & 3 == 0 && !self.in_guest()
    }

    /// Whether it runs a guest of the bench's, in real mode at the lowest addresses: no 64-bit code has such a
    /// segment.
    pub fn in_guest(&self) -> bool {
        self.code_segment == 0
    }

    /// The value of a whole general register, or the base of a segment.
    pub fn value(&self, register: Register) -> Option<u64> {
        match register {
            Register::ES | Register::CS | Register::SS | Register::DS => Some(0),
            Register::FS => Some(self.fs_base),
            Register::GS => Some(self.gs_base),
            _ => {
                let whole = GENERAL.iter().position(|it| *it == register.full_register())?;
                Some(self.general[whole])
            }
        }
    }
}

/// A little-endian number in hexadecimal digits.
fn number(digits: &[u8]) -> Option<u64> {
    digits.rchunks(2).try_fold(0, |value, byte| Some(value << 8 | u64::from(hex_byte(byte)?)))
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A machine under our control. It stands still except within [`run`](Self::run) and
/// [`step`](Self::step).
pub struct Remote {
    input: BufReader<UnixStream>,
    output: UnixStream,
}

impl Remote {
    /// Connects to the QEMU that listens, or soon will, at `socket`.
    pub fn connect(socket: &Path) -> Result<Self> {
        let deadline = Instant::now() + START_LIMIT;
        let output = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() >= deadline => {
                    return Err(error).context("QEMU does not listen for a debugger");
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        };
        Self::over(output)
    }

    /// Connects to a QEMU that runs, which stops its machine for that.
    pub fn interrupt(socket: &Path) -> Result<Self> {
        let mut machine = Self::connect(socket)?;
        if !machine.has_stopped()? {
            bail!("the machine does not stop for a debugger");
        }
        Ok(machine)
    }

    /// Talks over a connection that stands.
    fn over(output: UnixStream) -> Result<Self> {
        output.set_read_timeout(Some(RUN_LIMIT))?;
        Ok(Self { input: BufReader::new(output.try_clone()?), output })
    }

    /// Lets the machine stop before it executes the instruction at `address`.
    pub fn stop_at(&mut self, address: u64) -> Result<()> {
        self.agree(&format!("Z0,{address:x},1"))
    }

    /// Lets it run; answers whether it came to a stop again, not to its end.
    pub fn run(&mut self) -> Result<bool> {
        self.go_on()?;
        self.has_stopped()
    }

    /// Lets it run, and does not wait for a stop.
    pub fn go_on(&mut self) -> Result<()> {
        Ok(self.output.write_all(&packet("c"))?)
    }

    /// Waits until a machine that runs comes to a stop; answers whether it did, not to its end.
    pub fn has_stopped(&mut self) -> Result<bool> {
        Ok(has_stopped(&self.answer("c")?))
    }

    /// Lets it execute one instruction; interrupts wait meanwhile.
    pub fn step(&mut self) -> Result<()> {
        let answer = self.ask("s")?;
        if !has_stopped(&answer) {
            bail!("the machine did not stop again: {}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }

    /// Registers of the stopped machine.
    pub fn registers(&mut self) -> Result<Registers> {
        let answer = self.ask("g")?;
        Registers::parse(&answer).context("QEMU's registers are not those of a 64-bit x86")
    }

    /// Up to `bytes` bytes of its memory from `address` on, as the current address space shows it;
    /// fewer if they are not mapped.
    pub fn memory(&mut self, address: u64, bytes: usize) -> Result<Vec<u8>> {
        // What is mapped ends with a page.
        let here = bytes.min((0x1000 - address % 0x1000) as usize);
        let mut memory = self.memory_of_page(address, here)?;
        if here < bytes && memory.len() == here {
            memory.extend(self.memory_of_page(address + here as u64, bytes - here)?);
        }
        Ok(memory)
    }

    fn memory_of_page(&mut self, address: u64, bytes: usize) -> Result<Vec<u8>> {
        let answer = self.ask(&format!("m{address:x},{bytes:x}"))?;
        if answer.starts_with(b"E") {
            return Ok(vec![]);
        }
        answer.chunks(2).map(hex_byte).collect::<Option<_>>().context("QEMU's memory is no number")
    }

    fn agree(&mut self, request: &str) -> Result<()> {
        match self.ask(request)?.as_slice() {
            b"OK" => Ok(()),
            other => bail!("QEMU refuses {request:?}: {}", String::from_utf8_lossy(other)),
        }
    }

    /// Sends a request and answers what comes back.
    fn ask(&mut self, request: &str) -> Result<Vec<u8>> {
        self.output.write_all(&packet(request))?;
        self.answer(request)
    }

    /// The answer to a request.
    fn answer(&mut self, request: &str) -> Result<Vec<u8>> {
        let answer = self.receive().with_context(|| format!("no answer to {request:?}"))?;
        // Whoever is gone after his last words misses nothing.
        let _ = self.output.write_all(b"+");
        Ok(answer)
    }

    /// The next packet; acknowledgements before it are passed over.
    fn receive(&mut self) -> Result<Vec<u8>> {
        self.input.skip_until(b'$')?;
        let mut answer = vec![];
        self.input.read_until(b'#', &mut answer)?;
        if answer.pop() != Some(b'#') {
            // QEMU is gone, and may have had no time to say so.
            return Ok(b"W".to_vec());
        }
        let mut sum = [0; 2];
        self.input.read_exact(&mut sum)?;
        if hex_byte(&sum) != Some(checksum(&answer)) {
            bail!("a packet came damaged");
        }
        Ok(answer)
    }
}

/// Whether the answer to `c` or `s` is that of a machine that stands still.
fn has_stopped(answer: &[u8]) -> bool {
    matches!(answer.first(), Some(b'T' | b'S'))
}

/// `request` as it goes over the line. Ours need no escapes.
fn packet(request: &str) -> Vec<u8> {
    format!("${request}#{:02x}", checksum(request.as_bytes())).into_bytes()
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Registers of a CPU in kernel mode, all 0 but these.
    pub fn registers_with(values: &[(Register, u64)]) -> Registers {
        let mut registers =
            Registers { general: [0; 16], instruction: 0, code_segment: 8, fs_base: 0, gs_base: 0 };
        for (register, value) in values {
            match GENERAL.iter().position(|it| it == register) {
                Some(index) => registers.general[index] = *value,
                None => registers.instruction = *value,
            }
        }
        registers
    }

    #[test]
    fn packets_carry_their_sum() {
        assert_eq!(packet("g"), b"$g#67");
        assert_eq!(packet("m10,4"), b"$m10,4#2e");
    }

    /// A machine that answers as the list says, in this order.
    fn recorded(script: &'static [(&str, &str)]) -> Remote {
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut input = BufReader::new(theirs.try_clone().unwrap());
            for (request, answer) in script {
                let mut heard = vec![0; packet(request).len()];
                input.skip_until(b'$').unwrap();
                input.read_exact(&mut heard[1..]).unwrap();
                heard[0] = b'$';
                assert_eq!(heard, packet(request));
                let mut output = &theirs;
                output.write_all(b"+").unwrap();
                output.write_all(&packet(answer)).unwrap();
            }
        });
        Remote::over(ours).unwrap()
    }

    #[test]
    fn memory_ends_where_nothing_is_mapped() {
        let mut machine = recorded(&[
            ("mffe,2", "0102"),
            ("m1000,2", "E14"),
            ("mffe,2", "0102"),
            ("m1000,2", "0304"),
        ]);
        assert_eq!(machine.memory(0xffe, 4).unwrap(), [1, 2]);
        assert_eq!(machine.memory(0xffe, 4).unwrap(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_machine_stops_or_ends() {
        let script = &[("Z0,10,1", "OK"), ("c", "T05thread:01;"), ("Z0,20,1", "E22"), ("c", "W00")];
        let mut machine = recorded(script);
        machine.stop_at(0x10).unwrap();
        assert!(machine.run().unwrap());
        assert!(machine.stop_at(0x20).is_err());
        assert!(!machine.run().unwrap());
        // Nobody answers any more.
        assert!(machine.step().is_err());
    }

    #[test]
    fn registers_come_in_order_and_little_endian() {
        let mut digits = String::new();
        for register in 1..=17 {
            digits += &format!("{register:02x}00000000000080");
        }
        digits += "02020000"; // flags
        digits += "23000000"; // code segment
        digits += &"1b000000".repeat(5);
        digits += "00100000000000000020000000000000";
        let registers = Registers::parse(digits.as_bytes()).unwrap();
        assert_eq!(registers.value(Register::RAX), Some(0x8000_0000_0000_0001));
        assert_eq!(registers.value(Register::R9D), Some(0x8000_0000_0000_000a));
        assert_eq!(registers.instruction, 0x8000_0000_0000_0011);
        assert_eq!(registers.value(Register::FS), Some(0x1000));
        assert_eq!(registers.value(Register::GS), Some(0x2000));
        assert!(!registers.in_kernel());
        assert_eq!(Registers::parse(&digits.as_bytes()[2..]), None);
    }
}
