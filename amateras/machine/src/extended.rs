//! The extended states of a guest's processor (`xsave`): which it is offered, how much room they take, and
//! which of them it may switch on together.

use crate::identity::Leaf;

/// Where `cpuid` tells of them.
pub const STATES: u32 = 0xd;
/// Numbers of states: those that the kernel switches for guests are among the first.
pub const MOST: usize = 8;

/// XCR0: the FPU; with SSE; AVX; three of AVX-512.
const X87: u64 = 1;
const SSE: u64 = 1 << 1;
pub const AVX: u64 = 1 << 2;
pub const AVX_512: u64 = 0b111 << 5;
/// Bytes of the first two, and the header behind them.
const FIRST_BYTES: u32 = 512 + 64;
/// Second answer, EAX: `xsaveopt`. (No compact form, no states for the kernel alone.)
const SAVES_WHAT_CHANGED: u32 = 1;

/// What a processor is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedStates {
    offered: u64,
    answers: [Leaf; MOST],
}

impl ExtendedStates {
    /// Those in `offered`, on a machine whose `cpuid` gives these answers.
    pub fn new(offered: u64, answers: [Leaf; MOST]) -> Self {
        Self { offered, answers }
    }

    /// What `cpuid` answers about `number`, while `enabled` is XCR0.
    pub fn answer(&self, number: u32, enabled: u64) -> Leaf {
        let answer = self.answers.get(number as usize).copied().unwrap_or_default();
        match number {
            0 => {
                let [low, high] = [self.offered as u32, (self.offered >> 32) as u32];
                [low, self.bytes(enabled), self.bytes(self.offered), high]
            }
            1 => [answer[0] & SAVES_WHAT_CHANGED, 0, 0, 0],
            2.. if self.offered.checked_shr(number).is_some_and(|states| states & 1 != 0) => answer,
            _ => [0; 4],
        }
    }

    /// Bytes of an area for `states`.
    fn bytes(&self, states: u64) -> u32 {
        self.answers
            .iter()
            .enumerate()
            .skip(2)
            .filter(|(number, _)| states >> number & 1 != 0)
            .fold(FIRST_BYTES, |end, (_, [bytes, offset, ..])| {
                end.max(offset.saturating_add(*bytes))
            })
    }

    /// Whether XCR0 may become `value`.
    pub fn admit(&self, value: u64) -> bool {
        let has_all = |states: u64| value & states == states;
        let has_any = |states: u64| value & states != 0;
        !has_any(!self.offered)
            && has_all(X87)
            && (has_all(SSE) || !has_any(AVX))
            && (has_all(AVX | AVX_512) || !has_any(AVX_512))
    }
}
