//! What a signal handler finds on its stack, and what it may change before it returns: Linux's
//! `rt_sigframe` for x86-64.
//!
//! The server writes what it knows; the program's own [code](crate::trampoline) puts the other registers
//! there and takes them from there.

use crate::SignalSet;
use crate::signals::{Action, Info};

/// Numbers of registers.
pub mod register {
    /// Results.
    pub const RAX: usize = 0;
    /// Stack pointer.
    pub const RSP: usize = 7;
    /// Instruction pointer.
    pub const RIP: usize = 16;
}

/// Bytes below the stack pointer that belong to whom the signal interrupts (System V psABI, 3.2.2).
const RED_ZONE: u64 = 128;
/// Offsets in the frame: behind the return address the `ucontext`, in it the `sigcontext`.
const CONTEXT: usize = 8;
const MACHINE: usize = CONTEXT + 40;
const STACK: usize = MACHINE + 15 * 8;
const INSTRUCTION: usize = MACHINE + 16 * 8;
const SELECTORS: usize = MACHINE + 18 * 8;
const STATE_POINTER: usize = MACHINE + 23 * 8;
/// In words that Linux reserves.
const HANDLER: usize = MACHINE + 24 * 8;
const MASK: usize = MACHINE + 256;
const INFO: usize = MASK + 8;
/// Bytes of a frame.
pub const FRAME_BYTES: usize = INFO + Info::BYTES;

/// `UC_FP_XSTATE`, `UC_SIGCONTEXT_SS`, `UC_STRICT_RESTORE_SS`.
const CONTEXT_FLAGS: u64 = 7;
/// `SS_DISABLE`.
const DISABLED: u64 = 2;
/// `__USER_CS`, and `__USER_DS` in the place of SS, as Linux has them.
const USER_SELECTORS: u64 = 0x33 | 0x2b << 48;
/// Where Linux's own words stand in an image of the extended state; behind them its header.
const SOFTWARE_WORDS: u64 = 464;
const WORDS_BYTES: usize = 48 + 64;
const MAGIC: u32 = 0x4650_5853;
/// x87, SSE and AVX, as Linux says what an image may hold.
const FEATURES: u64 = 7;

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
    pub bytes: [u8; FRAME_BYTES],
    /// Where Linux's own words go, and those behind them that the processor wants to be zero.
    pub words_at: u64,
    /// These words.
    pub words: [u8; WORDS_BYTES],
    /// Where the mark goes that ends the extended state.
    pub mark_at: u64,
}

/// What a handler interrupts.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted {
    /// The instruction pointer.
    pub instruction: u64,
    /// The stack pointer.
    pub stack: u64,
    /// What is held back.
    pub mask: SignalSet,
    /// The stack of its own that it has.
    pub alternate: AlternateStack,
    /// Bytes of its extended state.
    pub state_bytes: u64,
}

impl Frame {
    /// What ends the extended state.
    pub const MARK: [u8; 4] = 0x4650_5845u32.to_le_bytes();

    /// The frame for `action`'s handler, below `top`, the end of the stack to be used, or below what was
    /// in use if that is `None`.
    pub fn new(it: &Interrupted, info: &Info, action: &Action, top: Option<u64>) -> Self {
        let top = top.unwrap_or(it.stack.wrapping_sub(RED_ZONE));
        let mark_bytes = Self::MARK.len() as u64;
        let state_at = top.wrapping_sub(it.state_bytes + mark_bytes) & !63;
        // A function finds its stack aligned but for the return address.
        let pointer = (state_at.wrapping_sub(FRAME_BYTES as u64) & !15).wrapping_sub(8);
        let mut bytes = [0; FRAME_BYTES];
        let mut put =
            |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(0, action.restorer);
        put(CONTEXT, CONTEXT_FLAGS);
        put(CONTEXT + 16, it.alternate.start);
        put(CONTEXT + 24, if it.alternate.bytes == 0 { DISABLED } else { 0 });
        put(CONTEXT + 32, it.alternate.bytes);
        put(STACK, it.stack);
        put(INSTRUCTION, it.instruction);
        put(SELECTORS, USER_SELECTORS);
        put(STATE_POINTER, state_at);
        put(HANDLER, action.handler);
        put(MASK, it.mask.0);
        bytes[INFO..].copy_from_slice(&info.bytes());
        Self {
            pointer,
            bytes,
            words_at: state_at.wrapping_add(SOFTWARE_WORDS),
            words: software_words(it.state_bytes),
            mark_at: state_at.wrapping_add(it.state_bytes),
        }
    }

    /// Where, counted from a frame's address, the mask stands that a handler leaves.
    pub const MASK_OFFSET: u64 = MASK as u64;
}

/// Linux's own words in an image of `bytes` bytes, and zeros for its header.
fn software_words(bytes: u64) -> [u8; WORDS_BYTES] {
    let mut words = [0; WORDS_BYTES];
    let extended = bytes as u32 + Frame::MARK.len() as u32;
    words[..4].copy_from_slice(&MAGIC.to_le_bytes());
    words[4..8].copy_from_slice(&extended.to_le_bytes());
    words[8..16].copy_from_slice(&FEATURES.to_le_bytes());
    words[16..20].copy_from_slice(&(bytes as u32).to_le_bytes());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::{Detail, Signal};

    #[test]
    fn programs_find_things_where_linux_has_them() {
        let info = Info { signal: Signal::USER_1, code: 0, detail: Detail::Sender(1, 2) };
        let interrupted = Interrupted {
            instruction: 0x40_1234,
            stack: 0x7fff_0000_1000,
            mask: SignalSet(0x42),
            alternate: AlternateStack::default(),
            state_bytes: 832,
        };
        let action = Action { handler: 0x40_5678, restorer: 0x77, ..Action::default() };
        let frame = Frame::new(&interrupted, &info, &action, None);
        let word = |at: usize| u64::from_le_bytes(frame.bytes[at..at + 8].try_into().unwrap());
        let state_at = word(STATE_POINTER);
        assert_eq!((frame.pointer % 16, state_at % 64), (8, 0));
        assert!(frame.pointer + FRAME_BYTES as u64 <= state_at);
        assert!(frame.mark_at + 4 <= interrupted.stack - RED_ZONE);
        assert_eq!(FRAME_BYTES, 440);
        // uc_mcontext.gregs[REG_RSP] and [REG_RIP], uc_sigmask, si_signo.
        assert_eq!((word(8 + 40 + 15 * 8), word(8 + 40 + 16 * 8)), (0x7fff_0000_1000, 0x40_1234));
        assert_eq!((word(8 + 296), frame.bytes[312], word(0)), (0x42, 10, 0x77));
        assert_eq!((frame.words_at - state_at, frame.mark_at - state_at), (464, 832));
        assert_eq!(frame.words[..4], MAGIC.to_le_bytes());
        assert_eq!(frame.words[16..20], 832u32.to_le_bytes());
        let elsewhere = Frame::new(&interrupted, &info, &action, Some(0x5000));
        assert!(elsewhere.pointer < 0x5000 && elsewhere.pointer > 0x4000);
    }

    #[test]
    fn the_way_in_and_back_agree_with_the_layout() {
        use crate::trampoline::{CODE, LEAVE};
        let offsets = |code: &[u8], opcode: &[u8]| {
            let found = code.windows(opcode.len() + 4).find(|it| it.starts_with(opcode));
            found.map(|it| u32::from_le_bytes(it[opcode.len()..].try_into().unwrap()) as usize)
        };
        let (enter, leave) = CODE.split_at(LEAVE as usize);
        assert_eq!(offsets(enter, &[0xff, 0xa4, 0x24]), Some(HANDLER));
        assert_eq!(offsets(enter, &[0x8b, 0xbc, 0x24]), Some(INFO));
        assert_eq!(offsets(leave, &[0x48, 0x8b, 0x9c, 0x24]), Some(STATE_POINTER));
        assert_eq!(offsets(leave, &[0x48, 0x8b, 0x84, 0x24]), Some(STACK));
    }

    #[test]
    fn a_stack_of_its_own_is_known_by_its_addresses() {
        let stack = AlternateStack { start: 0x1000, bytes: 0x1000 };
        assert!(stack.holds(0x2000) && stack.holds(0x1001));
        assert!(!stack.holds(0x1000) && !stack.holds(0x2001));
    }
}
