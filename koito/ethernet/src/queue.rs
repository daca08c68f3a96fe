//! Who fills the ring to a port.

use heapless::Deque;

use crate::{MOST_PORTS, SLOTS};

/// Whose the frames are that wait in the ring to a port.
///
/// A port may have as many waiting there as are free besides, and no more: so one alone gets half of the
/// ring, two a third each, and there is always room for who has nothing there yet (dynamic thresholds, after
/// Choudhury and Hahne).
#[derive(Clone, Debug, Default)]
pub struct Queue {
    owners: Deque<u8, SLOTS>,
    waiting: [u8; MOST_PORTS],
}

impl Queue {
    /// Whether port `owner` may add a frame, of which `room` more have room.
    pub fn admits(&mut self, owner: usize, room: usize) -> bool {
        self.settle(room);
        self.waiting.get(owner).is_some_and(|waiting| usize::from(*waiting) < room)
    }

    /// Port `owner` added one.
    pub fn add(&mut self, owner: usize) {
        if let Some(waiting) = self.waiting.get_mut(owner)
            && self.owners.push_back(owner as u8).is_ok()
        {
            *waiting += 1;
        }
    }

    /// Forgets those that were taken, now that there is room for `room`.
    fn settle(&mut self, room: usize) {
        while self.owners.len() + room > SLOTS
            && let Some(owner) = self.owners.pop_front()
        {
            if let Some(waiting) = self.waiting.get_mut(usize::from(owner)) {
                *waiting -= 1;
            }
        }
    }
}
