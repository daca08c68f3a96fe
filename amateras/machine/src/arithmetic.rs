//! What instructions do to a value in memory, and to the flags (Intel SDM, volume 1, section 3.4.3).

/// RFLAGS: carry, parity, auxiliary carry, zero, sign, overflow.
const CARRY: u64 = 1 << 0;
const PARITY: u64 = 1 << 2;
const AUXILIARY: u64 = 1 << 4;
const ZERO: u64 = 1 << 6;
const SIGN: u64 = 1 << 7;
const OVERFLOW: u64 = 1 << 11;
/// All of them.
const STATUS: u64 = CARRY | PARITY | AUXILIARY | ZERO | SIGN | OVERFLOW;

/// An operation on two values; the first is also where the result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `add`.
    Add,
    /// `or`.
    Or,
    /// `adc`.
    AddCarry,
    /// `sbb`.
    SubtractBorrow,
    /// `and`; `test` where nobody keeps the result.
    And,
    /// `sub`; `cmp` where nobody keeps the result.
    Subtract,
    /// `xor`.
    Xor,
    /// `inc`, with a second value of 1: `add` that leaves the carry as it is.
    Increment,
    /// `dec`, likewise.
    Decrement,
    /// `not`, with whatever second value: no flags.
    Not,
    /// `neg`, likewise.
    Negate,
}

impl Arithmetic {
    /// Answers the result of values of `bytes` bytes, 1, 2, 4 or 8, and the flags after it.
    pub fn apply(self, first: u64, second: u64, bytes: u8, flags: u64) -> (u64, u64) {
        let mask = u64::MAX >> (64 - 8 * bytes as u32);
        let (first, second) = (first & mask, second & mask);
        let carry = flags & CARRY;
        let result = match self {
            Self::Add | Self::Increment => first.wrapping_add(second),
            Self::AddCarry => first.wrapping_add(second).wrapping_add(carry),
            Self::Subtract | Self::Decrement => first.wrapping_sub(second),
            Self::SubtractBorrow => first.wrapping_sub(second).wrapping_sub(carry),
            Self::And => first & second,
            Self::Or => first | second,
            Self::Xor => first ^ second,
            Self::Not => return (!first & mask, flags),
            Self::Negate => return Self::Subtract.apply(0, first, bytes, flags),
        } & mask;
        // What was carried into each bit, and out of each: by the bits that it made differ.
        let (out, into) = match self {
            Self::Add | Self::AddCarry | Self::Increment => {
                (first & second | (first | second) & !result, first ^ second ^ result)
            }
            Self::Subtract | Self::SubtractBorrow | Self::Decrement => {
                (!first & second | (!first | second) & result, first ^ second ^ result)
            }
            _ => (0, 0),
        };
        let top = 8 * bytes as u32 - 1;
        let mut status = 0;
        for (word, bit, flag) in [
            (out, top, CARRY),
            (into, 4, AUXILIARY),
            (out ^ into, top, OVERFLOW),
            (result, top, SIGN),
        ] {
            if word >> bit & 1 != 0 {
                status |= flag;
            }
        }
        if result == 0 {
            status |= ZERO;
        }
        if (result as u8).count_ones().is_multiple_of(2) {
            status |= PARITY;
        }
        if matches!(self, Self::Increment | Self::Decrement) {
            status = status & !CARRY | carry;
        }
        (result, flags & !STATUS | status)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the standard library says of two bytes.
    fn by_the_library(how: Arithmetic, first: u8, second: u8) -> (u8, bool, bool) {
        let signed = (first as i8, second as i8);
        let (result, carry) = match how {
            Arithmetic::Add => first.overflowing_add(second),
            Arithmetic::Subtract => first.overflowing_sub(second),
            Arithmetic::And => (first & second, false),
            Arithmetic::Or => (first | second, false),
            _ => (first ^ second, false),
        };
        let overflow = match how {
            Arithmetic::Add => signed.0.checked_add(signed.1).is_none(),
            Arithmetic::Subtract => signed.0.checked_sub(signed.1).is_none(),
            _ => false,
        };
        (result, carry, overflow)
    }

    #[test]
    fn flags_of_all_bytes_are_those_of_the_library() {
        use Arithmetic::*;
        for how in [Add, Subtract, And, Or, Xor] {
            for (first, second) in (0..=255u8).flat_map(|it| (0..=255).map(move |to| (it, to))) {
                let (result, flags) = how.apply(first.into(), second.into(), 1, STATUS);
                let (expected, carry, overflow) = by_the_library(how, first, second);
                let context = (how, first, second);
                assert_eq!(result, u64::from(expected), "{context:?}");
                assert_eq!(flags & CARRY != 0, carry, "{context:?}");
                assert_eq!(flags & OVERFLOW != 0, overflow, "{context:?}");
                assert_eq!(flags & ZERO != 0, expected == 0, "{context:?}");
                assert_eq!(flags & SIGN != 0, expected > 127, "{context:?}");
                let is_even = expected.count_ones() % 2 == 0;
                assert_eq!(flags & PARITY != 0, is_even, "{context:?}");
            }
        }
    }

    proptest! {
        /// An addition in two halves is one of the whole.
        #[test]
        fn carries_go_on(first: u64, second: u64, flags: u64) {
            for (low, high) in [
                (Arithmetic::Add, Arithmetic::AddCarry),
                (Arithmetic::Subtract, Arithmetic::SubtractBorrow),
            ] {
                let (whole, status) = low.apply(first, second, 8, flags);
                let (lower, between) = low.apply(first, second, 4, flags);
                let (upper, end) = high.apply(first >> 32, second >> 32, 4, between);
                prop_assert_eq!(upper << 32 | lower, whole);
                let both = CARRY | OVERFLOW | SIGN;
                prop_assert_eq!(end & both, status & both);
                prop_assert_eq!(end & !STATUS, flags & !STATUS);
            }
        }

        /// `inc`, `dec`, `neg` and `not` by what they are made of.
        #[test]
        fn the_short_forms_are_those_of_the_long_ones(value: u64, flags: u64) {
            for (short, long) in [
                (Arithmetic::Increment, Arithmetic::Add),
                (Arithmetic::Decrement, Arithmetic::Subtract),
            ] {
                let (result, status) = short.apply(value, 1, 2, flags);
                let (expected, all) = long.apply(value, 1, 2, flags);
                prop_assert_eq!((result, status), (expected, all & !CARRY | flags & CARRY));
            }
            let (negated, status) = Arithmetic::Negate.apply(value, 7, 8, flags);
            prop_assert_eq!((negated, status & CARRY != 0), (value.wrapping_neg(), value != 0));
            prop_assert_eq!(Arithmetic::Not.apply(value, 7, 8, flags), (!value, flags));
        }
    }
}
