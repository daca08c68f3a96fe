//! Bits of blocks and inodes, one bit each, the lowest bit of the first byte first.

/// Whether bit `at` is set.
pub fn is_set(bits: &[u8], at: u32) -> bool {
    bits[at as usize / 8] & 1 << (at % 8) != 0
}

/// Sets `count` bits from `start` on, and answers whether all were clear.
pub fn set(bits: &mut [u8], start: u32, count: u32) -> bool {
    let clear = (start..start + count).all(|at| !is_set(bits, at));
    for at in start..start + count {
        bits[at as usize / 8] |= 1 << (at % 8);
    }
    clear
}

/// Clears `count` bits from `start` on, and answers whether all were set.
pub fn clear(bits: &mut [u8], start: u32, count: u32) -> bool {
    let set = (start..start + count).all(|at| is_set(bits, at));
    for at in start..start + count {
        bits[at as usize / 8] &= !(1 << (at % 8));
    }
    set
}

/// The first clear bit in `start..end`.
pub fn first_clear(bits: &[u8], start: u32, end: u32) -> Option<u32> {
    let mut at = start;
    while at < end {
        if at.is_multiple_of(8) && bits[at as usize / 8] == 0xff {
            at += 8;
        } else if is_set(bits, at) {
            at += 1;
        } else {
            return Some(at);
        }
    }
    None
}

/// Length of the run of clear bits from `start` on, at most up to `end`.
pub fn clear_run(bits: &[u8], start: u32, end: u32) -> u32 {
    let mut at = start;
    while at < end {
        if at.is_multiple_of(8) && at + 8 <= end && bits[at as usize / 8] == 0 {
            at += 8;
        } else if is_set(bits, at) {
            break;
        } else {
            at += 1;
        }
    }
    at - start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_set_found_and_cleared() {
        let mut bits = [0; 8];
        assert!(set(&mut bits, 0, 19));
        assert!(!set(&mut bits, 18, 2));
        assert_eq!(first_clear(&bits, 0, 64), Some(20));
        assert_eq!(first_clear(&bits, 0, 20), None);
        assert_eq!(clear_run(&bits, 20, 64), 44);
        assert!(clear(&mut bits, 3, 10));
        assert!(!clear(&mut bits, 12, 2));
        assert_eq!(clear_run(&bits, 3, 64), 11);
        assert_eq!(first_clear(&bits, 0, 64), Some(3));
    }
}
