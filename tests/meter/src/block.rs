//! A block of instructions, as far as the meter looks at it, in one word.

/// What a block is to the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program's.
    User = 0,
    /// A program's, and with it begins another load; the address is its number.
    Mark = 1,
    /// The kernel's.
    Kernel = 2,
    /// The kernel's; it ends with waiting for another CPU.
    Pause = 3,
    /// The kernel's; behind it interrupts come in.
    End = 4,
}

/// Instructions that are executed one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Lower half of the address of the first.
    pub address: u32,
    /// How many they are.
    pub count: u16,
    /// What they are.
    pub kind: Kind,
}

impl Block {
    /// The block of these `instructions` from `address` on. No processor executes more than a few
    /// hundred without a jump.
    pub fn new<'a>(address: u64, instructions: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut block = Self { address: address as u32, count: 0, kind: Kind::User };
        let kernel = address >> 63 != 0;
        for bytes in instructions {
            block.count = block.count.saturating_add(1);
            match (kernel, bytes) {
                // `nop dword ptr [rax + 0xa90000 + number]`, which no compiler writes.
                (false, [0x0f, 0x1f, 0x80, low, high, 0xa9, 0]) => {
                    block.address = u16::from_le_bytes([*low, *high]).into();
                    block.kind = Kind::Mark;
                }
                (false, _) => {}
                // `pause`
                (true, [0xf3, 0x90]) => block.kind = Kind::Pause,
                // `hlt`, `iretq`, `sysretq`
                (true, [0xf4] | [0x48, 0xcf] | [0x48, 0x0f, 0x07]) => block.kind = Kind::End,
                (true, _) => block.kind = Kind::Kernel,
            }
        }
        block
    }

    /// It in one word.
    pub fn pack(self) -> u64 {
        u64::from(self.address) | u64::from(self.count) << 32 | (self.kind as u64) << 48
    }

    /// The block that was packed into `word`.
    pub fn unpack(word: u64) -> Self {
        let kind = match word >> 48 {
            1 => Kind::Mark,
            2 => Kind::Kernel,
            3 => Kind::Pause,
            4 => Kind::End,
            _ => Kind::User,
        };
        Self { address: word as u32, count: (word >> 32) as u16, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Kind};

    #[test]
    fn its_last_instruction_says_what_it_is() {
        let kernel = 0xffff_ffff_8020_1000;
        let cases: [(u64, &[&[u8]], Kind); 7] = [
            (0x20_0000, &[&[0x90], &[0xf4]], Kind::User),
            (kernel, &[&[0x90], &[0xc3]], Kind::Kernel),
            (kernel, &[&[0x90], &[0xf3, 0x90]], Kind::Pause),
            (kernel, &[&[0xf4]], Kind::End),
            (kernel, &[&[0x48, 0xcf]], Kind::End),
            (kernel, &[&[0x48, 0x0f, 0x07]], Kind::End),
            (kernel, &[&[0x0f, 0x1f, 0x80, 1, 0, 0xa9, 0]], Kind::Kernel),
        ];
        for (address, instructions, kind) in cases {
            let block = Block::new(address, instructions.iter().copied());
            let count = instructions.len() as u16;
            assert_eq!(block, Block { address: address as u32, count, kind });
            assert_eq!(Block::unpack(block.pack()), block);
        }
    }

    #[test]
    fn a_program_marks_its_loads() {
        let instructions: [&[u8]; 2] = [&[0x0f, 0x1f, 0x80, 0x22, 0x11, 0xa9, 0], &[0xc3]];
        let block = Block::new(0x20_0000, instructions.into_iter());
        assert_eq!(block, Block { address: 0x1122, count: 2, kind: Kind::Mark });
    }
}
