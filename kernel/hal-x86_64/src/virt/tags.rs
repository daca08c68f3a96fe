//! The tags under which one CPU caches translations of guests: SVM's ASIDs, VMX's VPIDs.
//!
//! A guest gets a tag where it is entered first, and keeps it there until the CPU begins a new *epoch*, in
//! which all tags are given anew: since it has to forget something, or has given all of them. It forgets
//! everything with the first tag of an epoch. So under a tag there is nothing but what is the guest's who has it.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Tags of an epoch, 0 among them, which is not a guest's. No CPU has fewer.
const TAGS: u64 = 16;
/// The first one of an epoch.
pub(crate) const FIRST: u64 = 1;

/// Those of a CPU, which alone uses them: what was given last, epoch and tag as one number.
pub(crate) struct Tags(AtomicU64);

impl Tags {
    /// None was given.
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether `given` is of this epoch.
    pub(crate) fn hold(&self, given: u64) -> bool {
        given / TAGS == self.0.load(Relaxed) / TAGS
    }

    /// None that was given is good any more.
    pub(crate) fn end_epoch(&self) {
        self.0.store(self.0.load(Relaxed) / TAGS * TAGS + TAGS, Relaxed);
    }

    /// Gives a tag of this epoch, or, if there is none, of a new one; and the tag itself.
    pub(crate) fn give(&self) -> (u64, u64) {
        let next = self.0.load(Relaxed) + 1;
        let given = next + u64::from(next.is_multiple_of(TAGS));
        self.0.store(given, Relaxed);
        (given, given % TAGS)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_tag_is_given_twice_unless_everything_is_forgotten_between() {
        let (tags, mut held) = (Tags::new(), HashSet::new());
        for round in 0..200 {
            // Something is forgotten now and then: before all tags are given, at once again, behind that.
            if round % 7 == 3 || round % 31 >= 29 || round > 150 && round % 16 == 0 {
                tags.end_epoch();
                assert!(held.iter().all(|(given, _)| !tags.hold(*given)));
            }
            let (given, tag) = tags.give();
            if tag == FIRST {
                held.clear();
            }
            assert!((1..TAGS).contains(&tag));
            assert!(held.iter().all(|(_, held)| *held != tag), "{tag} is somebody's");
            held.insert((given, tag));
            assert!(held.iter().all(|(given, _)| tags.hold(*given)));
        }
    }
}
