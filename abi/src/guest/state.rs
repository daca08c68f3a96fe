//! The state of a virtual CPU, as words in groups.

use bitflags::bitflags;

use crate::{MESSAGE_REGISTERS, MESSAGE_WORDS, Word};

bitflags! {
    /// Parts of a virtual CPU's state. Values stand one after the other, in order of the groups, from
    /// word [`MESSAGE_REGISTERS`] on: of an exit message, of the reply, or of the IPC buffer for
    /// `read_guest` and `write_guest`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct StateGroups: u64 {
        /// RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8 to R15.
        const GENERAL = 1;
        /// RIP, RFLAGS.
        const EXECUTION = 2;
        /// CR0, CR2, CR3, CR4, CR8, EFER, XCR0.
        const CONTROL = 4;
        /// ES, CS, SS, DS, FS, GS, LDTR, TR: two words each, a [`Segment`].
        const SEGMENTS = 8;
        /// Base and limit of GDTR, then of IDTR.
        const TABLES = 16;
        /// STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE, SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP, PAT.
        const SYSTEM = 32;
        /// DR0 to DR3, DR6, DR7.
        const DEBUG = 64;
        /// The [`Event`](super::Event) about to be injected; 1 while interrupts are held off by the instruction
        /// before, 2 added while non-maskable ones are.
        const EVENTS = 128;
        /// What the guest's time-stamp counter is ahead of the machine's.
        const TIME = 256;
        /// IA32_TSC_AUX, which `rdtscp` and `rdpid` tell.
        const AUXILIARY = 512;
    }
}

impl StateGroups {
    /// Words of each group, in order.
    pub const WORDS: [u8; 10] = [16, 2, 7, 16, 4, 9, 6, 2, 1, 1];

    /// Words of all of them together.
    pub const fn words(self) -> usize {
        let (mut sum, mut group) = (0, 0);
        while group < Self::WORDS.len() {
            if self.bits() >> group & 1 != 0 {
                sum += Self::WORDS[group] as usize;
            }
            group += 1;
        }
        sum
    }

    /// Numbers of their words, in order, where the words of all groups are numbered from 0.
    pub fn numbers(self) -> impl Iterator<Item = usize> {
        // A bit for each word.
        let (mut left, mut first) = (0u64, 0);
        for (group, words) in Self::WORDS.into_iter().enumerate() {
            if self.bits() >> group & 1 != 0 {
                left |= ((1 << words) - 1) << first;
            }
            first += u32::from(words);
        }
        core::iter::from_fn(move || {
            let number = (left != 0).then_some(left.trailing_zeros())?;
            left &= left - 1;
            Some(number as usize)
        })
    }
}

const _: () = assert!(StateGroups::all().words() <= u64::BITS as usize);
const _: () = assert!(MESSAGE_REGISTERS + StateGroups::all().words() <= MESSAGE_WORDS);

impl Word for StateGroups {
    const NAME: &'static str = "StateGroups";

    fn from_word(word: u64) -> Option<Self> {
        Self::from_bits(word)
    }

    fn into_word(self) -> u64 {
        self.bits()
    }
}

/// A segment register as it stands in two words: selector (bits 0..16), attributes (16..32) and limit
/// in bytes (32..64); then the base.
///
/// The attributes are bits 40 to 48 and 52 to 56 of a descriptor, side by side (AMD64 APM, volume 2,
/// section 15.5.1): type, S, DPL and P, then AVL, L, D and G in bits 8 to 12. A segment that is not
/// present cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Attributes.
    pub attributes: u16,
    /// Limit in bytes, whatever the granularity.
    pub limit: u32,
    /// Base.
    pub base: u64,
}

impl Segment {
    /// As two words.
    pub const fn words(self) -> [u64; 2] {
        let low = self.selector as u64 | (self.attributes as u64) << 16 | (self.limit as u64) << 32;
        [low, self.base]
    }

    /// The segment in two words.
    pub const fn from_words([low, base]: [u64; 2]) -> Self {
        let (attributes, limit) = ((low >> 16) as u16, (low >> 32) as u32);
        Self { selector: low as u16, attributes, limit, base }
    }
}
