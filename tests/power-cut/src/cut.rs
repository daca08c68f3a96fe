//! From a record to what is left on the device after a power cut.

use koito_block::Durability;

use crate::random::Random;
use crate::record::{Event, SECTOR};

/// A moment at which the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// So many events had happened, or were happening.
    pub events: usize,
    /// What survived of those that may be lost.
    pub seed: u64,
}

/// `count` moments in a record, in order.
pub fn moments(events: usize, count: usize, seed: u64) -> Vec<Cut> {
    let mut random = Random::new(seed);
    let mut cuts: Vec<Cut> = (0..count)
        .map(|_| Cut { events: 1 + random.below(events as u64) as usize, seed: random.number() })
        .collect();
    cuts.sort();
    cuts
}

/// Builds images from one record, at moments that come in order.
#[derive(Debug)]
pub struct Cutter<'a> {
    record: &'a [Event],
    /// What is on the medium for sure.
    medium: Vec<u8>,
    /// So many events are on it.
    flushed: usize,
}

impl<'a> Cutter<'a> {
    /// Starts with the image that the record starts with.
    pub fn new(base: &[u8], record: &'a [Event]) -> Self {
        Self { record, medium: base.to_vec(), flushed: 0 }
    }

    /// What the medium holds after a cut.
    pub fn image(&mut self, cut: Cut) -> Vec<u8> {
        let happened = &self.record[..cut.events];
        let flush = happened.iter().rposition(|event| *event == Event::Flush).unwrap_or(0);
        for event in &happened[self.flushed.min(flush)..flush] {
            apply(&mut self.medium, event, |_| true);
        }
        self.flushed = self.flushed.max(flush);
        let mut image = self.medium.clone();
        let mut random = Random::new(cut.seed);
        // From nothing to everything, whole writes or single sectors.
        let (part, torn) = (random.below(9), random.happens(2, 3));
        for (number, event) in happened.iter().enumerate().skip(flush) {
            let done = number + 1 < cut.events;
            let lasting = matches!(event, Event::Write { durability: Durability::Lasting, .. });
            let whole = random.happens(part, 8);
            apply(&mut image, event, |_| {
                (done && lasting) || if torn { random.happens(part, 8) } else { whole }
            });
        }
        image
    }
}

/// Stores those sectors of a write that `survives` says.
fn apply(image: &mut [u8], event: &Event, mut survives: impl FnMut(usize) -> bool) {
    let Event::Write { start, bytes, .. } = event else { return };
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        let at = (*start as usize + number) * SECTOR;
        if survives(number)
            && let Some(place) = image.get_mut(at..at + sector.len())
        {
            place.copy_from_slice(sector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(start: u64, value: u8, durability: Durability) -> Event {
        Event::Write { start, bytes: vec![value; 2 * SECTOR], durability }
    }

    #[test]
    fn what_was_flushed_or_written_through_survives() {
        let record = [
            write(0, 1, Durability::Accepted),
            Event::Flush,
            write(2, 2, Durability::Accepted),
            write(4, 3, Durability::Lasting),
            Event::Mark(0),
        ];
        let (mut none, mut all, mut torn) = (false, false, false);
        for seed in 0..200 {
            let image = Cutter::new(&[0; 6 * SECTOR], &record).image(Cut { events: 5, seed });
            assert!(image[..2 * SECTOR].iter().all(|byte| *byte == 1));
            assert!(image[4 * SECTOR..].iter().all(|byte| *byte == 3));
            match (image[2 * SECTOR], image[3 * SECTOR]) {
                (0, 0) => none = true,
                (2, 2) => all = true,
                _ => torn = true,
            }
        }
        assert!(none && all && torn, "{none} {all} {torn}");
    }

    #[test]
    fn a_write_through_that_was_happening_may_be_torn() {
        let record = [write(0, 1, Durability::Lasting)];
        let survived =
            |seed| Cutter::new(&[0; 2 * SECTOR], &record).image(Cut { events: 1, seed })[0];
        assert!((0..50).any(|seed| survived(seed) == 0));
    }
}
