//! Random numbers: a generator that is seeded from every source that the machine has.
//!
//! Sources are combined by exclusive or, so one that can be guessed spoils nothing as long as another cannot.
//! The generator is ChaCha with 20 rounds, and is seeded anew now and then, with what it was before among
//! the sources.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::cell::RefCell;

use koito::services::{Entropy, EntropyClient, EntropyError, EntropyServer};
use koito::{Environment, Missing, Server};
use nun::service::Caller;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng, TryRng};
use rdrand::RdRand;

nun::entry!(main);

/// Answers that one seed is good for.
const ANSWERS: u32 = 1024;

type Seed = [u8; 32];

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let device = environment.service("noise").ok().map(EntropyClient::new);
    let pool = Pool { processor: RdRand::new().ok(), device, generator: None, left: 0 };
    let service = EntropyServer(Shared(RefCell::new(pool)));
    let error = Server::new(&environment).serve(&service, |_| {});
    panic!("the port is gone: {error}");
}

/// The sources, and the generator.
struct Pool {
    /// The processor's instruction, if it has one that is to be believed.
    processor: Option<RdRand>,
    /// The driver of a device.
    device: Option<EntropyClient>,
    /// `None` until some source has answered.
    generator: Option<ChaCha20Rng>,
    /// Answers until it is seeded anew.
    left: u32,
}

impl Pool {
    /// The generator, seeded lately if any source answers.
    fn generator(&mut self) -> Option<&mut ChaCha20Rng> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.seed(),
        }
        self.generator.as_mut()
    }

    fn seed(&mut self) {
        let sources = [self.ask_processor(), self.ask_device()];
        if sources == [None; 2] {
            return;
        }
        let mut seed = Seed::default();
        if let Some(generator) = &mut self.generator {
            generator.fill_bytes(&mut seed);
        }
        for source in sources.into_iter().flatten() {
            seed.iter_mut().zip(source).for_each(|(byte, other)| *byte ^= other);
        }
        self.generator = Some(ChaCha20Rng::from_seed(seed));
        self.left = ANSWERS;
    }

    fn ask_processor(&mut self) -> Option<Seed> {
        let mut seed = Seed::default();
        // It fails only if the processor gives nothing many times in a row.
        self.processor.as_mut()?.try_fill_bytes(&mut seed).ok()?;
        Some(seed)
    }

    fn ask_device(&self) -> Option<Seed> {
        let (a, b, c, d) = self.device.as_ref()?.random().ok()?;
        let mut seed = Seed::default();
        for (place, word) in seed.as_chunks_mut().0.iter_mut().zip([a, b, c, d]) {
            *place = word.to_le_bytes();
        }
        Some(seed)
    }
}

struct Shared(RefCell<Pool>);

impl Entropy for Shared {
    fn random(&self, _: Caller) -> Result<(u64, u64, u64, u64), EntropyError> {
        let pool = &mut *self.0.borrow_mut();
        let generator = pool.generator().ok_or(EntropyError::NoSource)?;
        let mut next = || generator.next_u64();
        Ok((next(), next(), next(), next()))
    }
}
