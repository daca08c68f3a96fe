//! Text for the early console, put together piece by piece.
//!
//! The little that a kernel says needs neither padding nor precision, only text and numbers. The core
//! library's formatting could do all of that and much more, but would be the largest single thing in
//! the kernel.

/// Where text goes, byte by byte.
pub struct Text<'a>(&'a mut dyn FnMut(u8));

/// Decimal digits of the largest number.
const MOST_DIGITS: usize = 20;

impl<'a> Text<'a> {
    /// Text whose bytes `sink` takes.
    pub fn new(sink: &'a mut dyn FnMut(u8)) -> Self {
        Self(sink)
    }

    /// Says `text`.
    #[inline(never)]
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Says `bytes`, which are text in whatever encoding the reader expects.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| (self.0)(*byte));
        self
    }

    /// Says `number` in decimal.
    #[inline(never)]
    pub fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0; MOST_DIGITS];
        let mut rest = number;
        let mut unused = MOST_DIGITS;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            unused -= 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        digits.iter().skip(unused).for_each(|digit| (self.0)(*digit));
        self
    }

    /// Says `number` in hexadecimal, with a prefix that says so.
    #[inline(never)]
    pub fn hexadecimal(&mut self, number: u64) -> &mut Self {
        let digits = (u64::BITS + 3 - number.leading_zeros()) / 4;
        self.text("0x").digits(number, digits.max(1))
    }

    /// Says the last `count` hexadecimal digits of `number`.
    #[inline(never)]
    pub fn digits(&mut self, number: u64, count: u32) -> &mut Self {
        for place in (0..count).rev() {
            let digit = (number >> ((place * 4) & 63)) as u8 & 0xf;
            (self.0)(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;
    use std::vec::Vec;

    use super::*;

    fn said(say: impl Fn(&mut Text<'_>)) -> String {
        let mut bytes = Vec::new();
        say(&mut Text::new(&mut |byte| bytes.push(byte)));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn numbers_are_written_as_the_core_library_writes_them() {
        for number in [0, 1, 9, 10, 99, 0xf, 0x10, 0x1234, 1 << 60, u64::MAX] {
            assert_eq!(said(|text| _ = text.number(number)), std::format!("{number}"));
            assert_eq!(said(|text| _ = text.hexadecimal(number)), std::format!("{number:#x}"));
            assert_eq!(said(|text| _ = text.digits(number, 16)), std::format!("{number:016x}"));
        }
    }

    #[test]
    fn pieces_follow_one_another() {
        assert_eq!(said(|text| _ = text.text("a ").number(7).bytes(b" b")), "a 7 b");
    }
}
