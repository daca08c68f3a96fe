//! The processor that a guest sees: what `cpuid` answers.
//!
//! It is the machine's own without what the smallest PC has not, or what a guest cannot be given:
//! no memory type ranges, no machine checks, no counters, no virtualisation. The maker's name stays, since it says how
//! some instructions behave. Of the extended states it has those that the kernel switches ([`ExtendedStates`]).

use a9n_abi::guest::StateGroups;
use amateras_devices::MOST_PROCESSORS;

use crate::extended::{AVX, AVX_512, ExtendedStates, STATES};
use crate::processor::{CR4, Processor, XCR0};

/// What an answer consists of: EAX, EBX, ECX, EDX.
pub type Leaf = [u32; 4];

/// Leaves that are asked of the machine: number, and the second number.
pub const LEAVES: [(u32, u32); 11] = [
    (0, 0),
    (1, 0),
    (7, 0),
    (0x8000_0000, 0),
    (0x8000_0001, 0),
    (0x8000_0002, 0),
    (0x8000_0003, 0),
    (0x8000_0004, 0),
    (0x8000_0005, 0),
    (0x8000_0006, 0),
    (0x8000_0008, 0),
];

/// The highest ordinary and extended leaf.
const HIGHEST: u32 = STATES;
const HIGHEST_EXTENDED: u32 = CORES;
/// How wide addresses are, and, in AMD's way, how many cores there are.
const CORES: u32 = 0x8000_0008;
/// Where the processor says which of how many it is.
const TOPOLOGY: u32 = 0xb;
/// Bits of a processor's number, all of which tell cores of one package apart.
const NUMBER_BITS: u32 = 3;
const _: () = assert!(MOST_PROCESSORS <= 1 << NUMBER_BITS);
/// Where a monitor tells its name.
const MONITOR: u32 = 0x4000_0000;
const NAME: &[u8; 12] = b"A9N Amateras";

/// Leaf 1, ECX: SSE3, carry-less multiplication, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, AES,
/// XSAVE, random numbers.
const FEATURES_C: u32 = 1 << 0
    | 1 << 1
    | 1 << 9
    | 1 << 13
    | 1 << 19
    | 1 << 20
    | 1 << 22
    | 1 << 23
    | 1 << 25
    | 1 << 26
    | 1 << 30;
/// Leaf 1, ECX, with AVX: FMA, AVX, F16C.
const AVX_FEATURES_C: u32 = 1 << 12 | 1 << 28 | 1 << 29;
/// Leaf 1, ECX: XSAVE is switched on, which is CR4's bit 18.
const XSAVE_IS_ON: u32 = 1 << 27;
const CR4_XSAVE: u64 = 1 << 18;
/// Leaf 1, ECX, whatever the machine can do: the local interrupt controller takes deadlines of the
/// time-stamp counter; a monitor is there.
const ALWAYS_C: u32 = 1 << 24 | 1 << 31;
/// Leaf 1, EDX, likewise: a local interrupt controller.
const ALWAYS_D: u32 = 1 << 9;
/// Leaf 1, EDX: FPU, debugging, large pages, counter, MSRs, PAE, CMPXCHG8B, SYSENTER, global pages, CMOV,
/// PAT, PSE-36, CLFLUSH, MMX, FXSAVE, SSE, SSE2, and that caches see one's own changes.
const FEATURES_D: u32 = 1 << 0
    | 1 << 2
    | 1 << 3
    | 1 << 4
    | 1 << 5
    | 1 << 6
    | 1 << 8
    | 1 << 11
    | 1 << 13
    | 1 << 15
    | 1 << 16
    | 1 << 17
    | 1 << 19
    | 1 << 23
    | 1 << 24
    | 1 << 25
    | 1 << 26
    | 1 << 27;
/// Leaf 7, EBX: segment bases, BMI1, SMEP, BMI2, fast string copies, random seeds, ADX, SMAP, cache lines
/// that are flushed on their own, SHA.
const MORE_FEATURES_B: u32 =
    1 << 0 | 1 << 3 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 18 | 1 << 19 | 1 << 20 | 1 << 23 | 1 << 29;
/// Leaf 7, EBX, with AVX: AVX2; with AVX-512: F, DQ, IFMA, CD, BW, VL.
const AVX_MORE_B: u32 = 1 << 5;
const AVX_512_MORE_B: u32 = 1 << 16 | 1 << 17 | 1 << 21 | 1 << 28 | 1 << 30 | 1 << 31;
/// Leaf 7, ECX: RDPID; with AVX: VAES, VPCLMULQDQ; with AVX-512: VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ.
const MORE_FEATURES_C: u32 = 1 << 22;
const AVX_MORE_C: u32 = 1 << 9 | 1 << 10;
const AVX_512_MORE_C: u32 = 1 << 1 | 1 << 6 | 1 << 11 | 1 << 12 | 1 << 14;
/// Leaf 7, EBX: the time-stamp counter can be adjusted, whatever the machine can do: kernels trust one
/// that says whether it was.
const COUNTER_ADJUSTMENT: u32 = 1 << 1;
/// Leaf 0x80000001, ECX: LAHF, LZCNT, SSE4A, misaligned SSE, prefetches.
const EXTENDED_C: u32 = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8;
/// Leaf 0x80000001, EDX: those of leaf 1 that are repeated here, SYSCALL, no-execute, more MMX, fast
/// FXSAVE, huge pages, RDTSCP, long mode.
const EXTENDED_D: u32 =
    FEATURES_D & 0x0183_f3ff | 1 << 11 | 1 << 20 | 1 << 22 | 0b111 << 25 | 1 << 29;
/// Leaf 0x80000007, EDX: the counter counts at one rate, always.
const STEADY_COUNTER: u32 = 1 << 8;

/// A processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    processors: u32,
    leaves: [Leaf; LEAVES.len()],
    extended: ExtendedStates,
}

impl Identity {
    /// A part of the processor whose `cpuid` answers as `machine` does, for each of [`LEAVES`] and each extended
    /// state; one of `processors`, cores of one package. It has those in `extended` of the latter.
    pub fn of(processors: usize, extended: u64, mut machine: impl FnMut(u32, u32) -> Leaf) -> Self {
        let highest = machine(0, 0)[0];
        let highest_extended = machine(0x8000_0000, 0)[0];
        let known = |leaf: u32| leaf <= if leaf < 0x8000_0000 { highest } else { highest_extended };
        let leaves = LEAVES.map(|(leaf, second)| {
            let answer = if known(leaf) { machine(leaf, second) } else { [0; 4] };
            visible(leaf, answer, extended)
        });
        let answers = core::array::from_fn(|number| match known(STATES) {
            true => machine(STATES, number as u32),
            false => [0; 4],
        });
        let extended = ExtendedStates::new(extended, answers);
        Self { processors: processors as u32, leaves, extended }
    }

    /// Its extended states.
    pub fn extended(&self) -> &ExtendedStates {
        &self.extended
    }

    /// What `cpuid` answers for `leaf`, and the second number, on processor `number`, which is `processor`.
    pub fn answer(
        &self,
        leaf: u32,
        second: u32,
        number: usize,
        processor: &mut impl Processor,
    ) -> Leaf {
        let (number, processors) = (number as u32, self.processors);
        let mut control = |index| processor.get(StateGroups::CONTROL, index);
        match leaf {
            MONITOR => {
                let [b, c, d] = [0, 4, 8].map(|at| {
                    let mut part = [0; 4];
                    part.copy_from_slice(&NAME[at..at + 4]);
                    u32::from_le_bytes(part)
                });
                [MONITOR, b, c, d]
            }
            0x8000_0007 => [0, 0, 0, STEADY_COUNTER],
            7 if second != 0 => [0; 4],
            STATES => self.extended.answer(second, control(XCR0)),
            // Threads of a core: one. Cores. Then the list ends.
            TOPOLOGY => match second {
                0 => [0, 1, 1 << 8, number],
                1 => [NUMBER_BITS, processors, 1 | 2 << 8, number],
                _ => [0, 0, second & 0xff, number],
            },
            _ => {
                let found = LEAVES.iter().position(|(number, _)| *number == leaf);
                let [a, b, c, d] =
                    found.and_then(|at| self.leaves.get(at)).copied().unwrap_or_default();
                match leaf {
                    1 if control(CR4) & CR4_XSAVE != 0 => [a, b | number << 24, c | XSAVE_IS_ON, d],
                    1 => [a, b | number << 24, c, d],
                    CORES => [a, b, processors.saturating_sub(1) | NUMBER_BITS << 12, d],
                    _ => [a, b, c, d],
                }
            }
        }
    }
}

/// What a guest sees of the machine's answer for `leaf` that has these `extended` states.
fn visible(leaf: u32, [a, b, c, d]: Leaf, extended: u64) -> Leaf {
    // Features that need no extended state, that need AVX, and AVX-512.
    let of = |plain: u32, avx: u32, avx_512: u32| {
        let with = |states, features| if extended & states == states { features } else { 0 };
        plain | with(AVX, avx) | with(AVX_512, avx_512)
    };
    match leaf {
        0 => [HIGHEST, b, c, d],
        // One processor, whose cache lines are as long as the machine's.
        1 => {
            let c = c & of(FEATURES_C, AVX_FEATURES_C, 0) | ALWAYS_C;
            [a, b & 0xff00, c, d & FEATURES_D | ALWAYS_D]
        }
        7 => {
            let b = b & of(MORE_FEATURES_B, AVX_MORE_B, AVX_512_MORE_B) | COUNTER_ADJUSTMENT;
            [0, b, c & of(MORE_FEATURES_C, AVX_MORE_C, AVX_512_MORE_C), 0]
        }
        0x8000_0000 => [HIGHEST_EXTENDED, b, c, d],
        0x8000_0001 => [a, 0, c & EXTENDED_C, d & EXTENDED_D],
        CORES => [a & 0xffff, 0, 0, 0],
        _ => [a, b, c, d],
    }
}
