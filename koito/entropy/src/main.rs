//! Random numbers from the processor's own source.
//!
//! Whoever needs many takes a seed here for a generator of their own: a number from the processor takes
//! thousands of its cycles.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use koito::services::{Entropy, EntropyError, EntropyServer};
use koito::{Environment, Missing, Server};
use nun::service::Caller;
use rand_core::TryRng;
use rdrand::RdRand;

nun::entry!(main);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let service = EntropyServer(Processor { source: RdRand::new().ok() });
    let error = Server::new(&environment).serve(&service, |_| {});
    panic!("the port is gone: {error}");
}

/// The source; `None` if the processor has none.
struct Processor {
    source: Option<RdRand>,
}

impl Entropy for Processor {
    fn random(&self, _: Caller) -> Result<(u64, u64, u64, u64), EntropyError> {
        let mut source = self.source.ok_or(EntropyError::NoSource)?;
        // It fails only if the processor gives nothing many times in a row.
        let mut next = || source.try_next_u64().map_err(|_| EntropyError::NoSource);
        Ok((next()?, next()?, next()?, next()?))
    }
}
