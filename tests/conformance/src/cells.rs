//! Numbers by which threads tell the case what they saw.

use core::sync::atomic::{AtomicU64, Ordering};

use nun::Error;

static CELLS: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];

/// An outcome that is no error.
pub const FINE: u64 = 1 << 40;

/// Cell `index`.
pub fn get(index: u64) -> u64 {
    CELLS[index as usize].load(Ordering::Relaxed)
}

/// Sets cell `index`.
pub fn set(index: u64, value: u64) {
    CELLS[index as usize].store(value, Ordering::Relaxed);
}

/// Adds 1 to cell `index`; answers what it was.
pub fn count(index: u64) -> u64 {
    CELLS[index as usize].fetch_add(1, Ordering::Relaxed)
}

/// Sets all to 0, which is no outcome.
pub fn clear() {
    CELLS.iter().for_each(|cell| cell.store(0, Ordering::Relaxed));
}

/// An outcome as a number: [`FINE`] plus what came, or the error's label.
pub fn outcome(result: Result<u64, Error>) -> u64 {
    match result {
        Ok(value) => FINE + value,
        Err(error) => error.to_label().into(),
    }
}
