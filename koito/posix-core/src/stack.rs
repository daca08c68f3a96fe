//! What a program finds on its stack when it starts (System V psABI for x86-64, section 3.4.1):
//! arguments, environment, and what the system tells it about itself.

use alloc::vec::Vec;

use koito_linux::{Errno, auxiliary};

use crate::PAGE_BYTES;

/// Most bytes of arguments and environment together, as on Linux with a stack of 8 MiB, but less: the
/// server holds them for a moment.
const MOST_BYTES: usize = 512 * 1024;

/// What a new program is told.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// Its environment.
    pub environment: Vec<Vec<u8>>,
    /// The path that it was started by.
    pub path: Vec<u8>,
    /// Sixteen bytes that nobody can guess.
    pub random: [u8; 16],
    /// Keys and values of the auxiliary vector, but for those that point into the stack.
    pub auxiliary: Vec<(u64, u64)>,
}

/// The contents of a stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The stack pointer: address of the first byte.
    pub pointer: u64,
    /// What stands there.
    pub bytes: Vec<u8>,
    /// Where the arguments begin and end, and with that the environment begins; where that ends.
    pub arguments: (u64, u64, u64),
}

impl Image {
    /// Fails if arguments and environment are too long.
    pub fn check(&self) -> Result<(), Errno> {
        let strings = self.arguments.iter().chain(&self.environment);
        let bytes: usize = strings.map(|text| text.len() + 1 + size_of::<u64>()).sum();
        if bytes > MOST_BYTES { Err(Errno::E2BIG) } else { Ok(()) }
    }

    /// Lays it out so that it ends at `top`, which is aligned to 16 bytes.
    pub fn lay_out(&self, top: u64) -> Result<Stack, Errno> {
        self.check()?;
        // Strings come last, and words before them point to them.
        let mut strings: Vec<u8> = Vec::new();
        let mut places = Vec::new();
        let mut put = |text: &[u8]| {
            let place = strings.len() as u64;
            strings.extend_from_slice(text);
            strings.push(0);
            place
        };
        places.extend(self.arguments.iter().map(|text| put(text)));
        let arguments_end = places.len();
        places.extend(self.environment.iter().map(|text| put(text)));
        let end = strings.len() as u64;
        let mut put = |text: &[u8]| {
            let place = strings.len() as u64;
            strings.extend_from_slice(text);
            place
        };
        let path = put(&self.path);
        put(&[0]);
        let platform = put(b"x86_64\0");
        let random = put(&self.random);
        let base = (top - strings.len() as u64) & !15;
        let pad = (top - base) as usize - strings.len();
        strings.resize(strings.len() + pad, 0);

        let mut words = Vec::new();
        words.push(self.arguments.len() as u64);
        let (arguments, environment) = places.split_at(arguments_end);
        words.extend(arguments.iter().map(|place| base + place));
        words.push(0);
        words.extend(environment.iter().map(|place| base + place));
        words.push(0);
        let pointers = [
            (auxiliary::EXECFN, base + path),
            (auxiliary::PLATFORM, base + platform),
            (auxiliary::RANDOM, base + random),
            (auxiliary::NULL, 0),
        ];
        for (key, value) in self.auxiliary.iter().chain(&pointers) {
            words.extend([key, value]);
        }
        let bytes = words.len() as u64 * 8;
        let pointer = (base - bytes) & !15;
        let mut contents: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        contents.resize((base - pointer) as usize, 0);
        // The auxiliary vector ends with zeros, so zeros behind it are harmless.
        contents.extend_from_slice(&strings);
        let environment_start = environment.first().copied().unwrap_or(end);
        Ok(Stack {
            pointer,
            bytes: contents,
            arguments: (base, base + environment_start, base + end),
        })
    }
}

impl Stack {
    /// The pages that it lies on: the first, and how many.
    pub fn pages(&self) -> (u64, u64) {
        let first = crate::page_of(self.pointer);
        let end = self.pointer + self.bytes.len() as u64;
        (first, (end - first).div_ceil(PAGE_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn a_program_finds_what_it_was_told() {
        let image = Image {
            arguments: vec![b"echo".to_vec(), b"hi".to_vec()],
            environment: vec![b"A=b".to_vec()],
            path: b"/bin/echo".to_vec(),
            random: [7; 16],
            auxiliary: vec![(auxiliary::PAGESZ, 4096)],
        };
        let top = 0x7fff_0000_0000;
        let stack = image.lay_out(top).unwrap();
        assert_eq!((stack.pointer % 16, stack.pointer + stack.bytes.len() as u64), (0, top));
        let word = |index: u64| {
            let at = index as usize * 8;
            u64::from_le_bytes(stack.bytes[at..at + 8].try_into().unwrap())
        };
        let text = |address: u64| {
            let rest = &stack.bytes[(address - stack.pointer) as usize..];
            &rest[..rest.iter().position(|byte| *byte == 0).unwrap()]
        };
        assert_eq!(word(0), 2);
        assert_eq!((text(word(1)), text(word(2)), word(3)), (&b"echo"[..], &b"hi"[..], 0));
        assert_eq!((text(word(4)), word(5)), (&b"A=b"[..], 0));
        assert_eq!(stack.arguments, (word(1), word(4), word(4) + 4));
        assert_eq!((word(6), word(7)), (auxiliary::PAGESZ, 4096));
        assert_eq!((word(8), text(word(9))), (auxiliary::EXECFN, &b"/bin/echo"[..]));
        assert_eq!((word(10), text(word(11))), (auxiliary::PLATFORM, &b"x86_64"[..]));
        assert_eq!((word(12), &text(word(13))[..16]), (auxiliary::RANDOM, &[7; 16][..]));
        assert_eq!(word(14), auxiliary::NULL);
    }

    #[test]
    fn too_much_is_refused() {
        let image = Image { arguments: vec![vec![b'x'; MOST_BYTES]], ..Image::default() };
        assert_eq!(image.lay_out(0x1_0000_0000).err(), Some(Errno::E2BIG));
    }
}
