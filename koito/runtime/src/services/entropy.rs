//! Random numbers.

use nun::service::Wire;

/// Why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum EntropyError {
    /// The machine has no source of them, or it does not answer.
    NoSource = 1,
}

impl core::fmt::Display for EntropyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("this machine has no source of random numbers, or it does not answer")
    }
}

/// Gives random numbers that nobody can guess, fit to make keys from.
#[nun::service(version = 1)]
pub trait Entropy {
    /// 256 random bits.
    #[method(ordinal = 1, retry = idempotent)]
    fn random(&self) -> Result<(u64, u64, u64, u64), EntropyError>;
}
