//! What a signal handler finds on its stack, and what it may change before it returns: Linux's
//! `rt_sigframe` for x86-64.

use alloc::vec;
use alloc::vec::Vec;

use crate::SignalSet;
use crate::signals::Info;

/// Registers of a process, in the order in which the kernel numbers them.
pub const REGISTERS: usize = 18;

/// Numbers of registers.
pub mod register {
    /// Results.
    pub const RAX: usize = 0;
    /// Third argument.
    pub const RDX: usize = 3;
    /// Second argument.
    pub const RSI: usize = 4;
    /// First argument.
    pub const RDI: usize = 5;
    /// Stack pointer.
    pub const RSP: usize = 7;
    /// Instruction pointer.
    pub const RIP: usize = 16;
    /// Flags.
    pub const FLAGS: usize = 17;
}

/// Where each register stands in a `sigcontext`, as a word.
const PLACES: [usize; REGISTERS] = [13, 11, 14, 12, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17];

/// Bytes below the stack pointer that belong to whom the signal interrupts (System V psABI, 3.2.2).
const RED_ZONE: u64 = 128;
/// Offsets in the frame: behind the return address the `ucontext`, in it the `sigcontext`.
const CONTEXT: usize = 8;
const MACHINE: usize = CONTEXT + 40;
const SELECTORS: usize = MACHINE + 18 * 8;
const STATE_POINTER: usize = MACHINE + 23 * 8;
const MASK: usize = MACHINE + 256;
const INFO: usize = MASK + 8;
/// Bytes of a frame.
pub const FRAME_BYTES: usize = INFO + Info::BYTES;

/// `UC_FP_XSTATE`, `UC_SIGCONTEXT_SS`, `UC_STRICT_RESTORE_SS`.
const CONTEXT_FLAGS: u64 = 7;
/// `__USER_CS`, and `__USER_DS` in the place of SS, as Linux has them.
const USER_SELECTORS: u64 = 0x33 | 0x2b << 48;
/// Linux's own words in the image of the extended state.
const SOFTWARE_WORDS: usize = 464;
const MAGIC_1: u32 = 0x4650_5853;
const MAGIC_2: u32 = 0x4650_5845;

/// A stack of its own for signal handlers, as `sigaltstack` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlternateStack {
    /// Its lowest address.
    pub start: u64,
    /// Its length; 0 if there is none.
    pub bytes: u64,
}

impl AlternateStack {
    /// Whether `pointer` lies on it.
    pub const fn holds(&self, pointer: u64) -> bool {
        pointer > self.start && pointer - self.start <= self.bytes
    }
}

/// What is put on the stack of a process for a handler.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The stack pointer that the handler finds.
    pub pointer: u64,
    /// What stands there.
    pub bytes: Vec<u8>,
    /// Where the image of the extended state goes, and the image.
    pub state: (u64, Vec<u8>),
}

/// What a handler interrupts.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted<'a> {
    /// The registers.
    pub registers: &'a [u64; REGISTERS],
    /// The image of the extended state, in the machine's standard format.
    pub state: &'a [u8],
    /// What is held back.
    pub mask: SignalSet,
    /// The stack of its own that it has.
    pub alternate: AlternateStack,
}

impl Frame {
    /// The frame below `top`, the end of the stack to be used, or `None` for whatever was in use.
    pub fn new(
        interrupted: &Interrupted<'_>,
        info: &Info,
        restorer: u64,
        top: Option<u64>,
    ) -> Self {
        let Interrupted { registers, state, mask, alternate } = interrupted;
        let top = top.unwrap_or(registers[register::RSP].wrapping_sub(RED_ZONE));
        let state_bytes = state.len() as u64 + 4;
        let state_at = top.wrapping_sub(state_bytes) & !63;
        // A function finds its stack aligned but for the return address.
        let pointer = (state_at.wrapping_sub(FRAME_BYTES as u64) & !15).wrapping_sub(8);
        let mut bytes = vec![0; FRAME_BYTES];
        let mut put =
            |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(0, restorer);
        put(CONTEXT, CONTEXT_FLAGS);
        put(CONTEXT + 16, alternate.start);
        put(CONTEXT + 24, if alternate.bytes == 0 { 2 } else { 0 });
        put(CONTEXT + 32, alternate.bytes);
        for (register, place) in registers.iter().zip(PLACES) {
            put(MACHINE + place * 8, *register);
        }
        put(SELECTORS, USER_SELECTORS);
        put(STATE_POINTER, state_at);
        put(MASK, mask.0);
        bytes[INFO..].copy_from_slice(&info.bytes());
        Self { pointer, bytes, state: (state_at, marked(state)) }
    }

    /// Where the handler finds its `siginfo_t`.
    pub const fn info_address(&self) -> u64 {
        self.pointer + INFO as u64
    }

    /// Where it finds its `ucontext_t`.
    pub const fn context_address(&self) -> u64 {
        self.pointer + CONTEXT as u64
    }

    /// Takes Linux's own words out of an image that a handler left.
    pub fn clean_image(image: &mut [u8]) {
        if let Some(words) = image.get_mut(SOFTWARE_WORDS..SOFTWARE_WORDS + 48) {
            words.fill(0);
        }
    }

    /// What a handler left: the registers, the mask, and where the extended state stands, 0 for nowhere.
    pub fn read(bytes: &[u8; FRAME_BYTES]) -> ([u64; REGISTERS], SignalSet, u64) {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let registers = PLACES.map(|place| word(MACHINE + place * 8));
        (registers, SignalSet(word(MASK)), word(STATE_POINTER))
    }
}

/// The image with Linux's own words in it and behind it.
fn marked(image: &[u8]) -> Vec<u8> {
    let mut bytes = image.to_vec();
    let features = image.get(512..520).map(|_| 7u64).unwrap_or(3);
    if let Some(words) = bytes.get_mut(SOFTWARE_WORDS..SOFTWARE_WORDS + 48) {
        words.fill(0);
        words[..4].copy_from_slice(&MAGIC_1.to_le_bytes());
        words[4..8].copy_from_slice(&(image.len() as u32 + 4).to_le_bytes());
        words[8..16].copy_from_slice(&features.to_le_bytes());
        words[16..20].copy_from_slice(&(image.len() as u32).to_le_bytes());
    }
    bytes.extend(MAGIC_2.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::{Detail, Signal};

    #[test]
    fn what_was_put_there_is_read_back() {
        let mut registers = [0; REGISTERS];
        for (number, register) in registers.iter_mut().enumerate() {
            *register = 0x1_0000_0000 + number as u64 * 4096;
        }
        let info = Info { signal: Signal::USER_1, code: 0, detail: Detail::Sender(1, 2) };
        let interrupted = Interrupted {
            registers: &registers,
            state: &[0x55; 832],
            mask: SignalSet(0x42),
            alternate: AlternateStack::default(),
        };
        let frame = Frame::new(&interrupted, &info, 0x77, None);
        let top = registers[register::RSP] - RED_ZONE;
        assert_eq!((frame.pointer % 16, frame.state.0 % 64), (8, 0));
        assert!(frame.pointer + FRAME_BYTES as u64 <= frame.state.0);
        assert!(frame.state.0 + frame.state.1.len() as u64 <= top);
        let bytes: &[u8; FRAME_BYTES] = frame.bytes.as_slice().try_into().unwrap();
        assert_eq!(Frame::read(bytes), (registers, SignalSet(0x42), frame.state.0));
        assert_eq!(FRAME_BYTES, 440, "as on Linux");
        // Where programs look for them: uc_mcontext.gregs[REG_RIP], si_signo.
        assert_eq!(bytes[CONTEXT + 40 + 16 * 8..][..8], registers[register::RIP].to_le_bytes());
        assert_eq!((bytes[INFO], bytes[0]), (10, 0x77));
        assert_eq!(frame.state.1[464..468], MAGIC_1.to_le_bytes());
        assert_eq!(frame.state.1[832..], MAGIC_2.to_le_bytes());
        let elsewhere = Frame::new(&interrupted, &info, 0, Some(0x5000));
        assert!(elsewhere.pointer < 0x5000 && elsewhere.pointer > 0x4000);
    }

    #[test]
    fn a_stack_of_its_own_is_known_by_its_addresses() {
        let stack = AlternateStack { start: 0x1000, bytes: 0x1000 };
        assert!(stack.holds(0x2000) && stack.holds(0x1001));
        assert!(!stack.holds(0x1000) && !stack.holds(0x2001));
    }
}
