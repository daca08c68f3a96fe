//! Room for futures, each in its place until it is done.

use core::pin::Pin;
use core::task::{Context, Poll};

/// `N` places for futures of one type, each with something that is known of it.
///
/// The arena is pinned, and with it its futures: a place is filled and emptied, but what is in it
/// is never moved. That is what the unsafe code here relies on and keeps.
pub(super) struct Arena<D, F, const N: usize> {
    places: [Option<(D, F)>; N],
}

impl<D: Copy, F: Future, const N: usize> Arena<D, F, N> {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self { places: [const { None }; N] }
    }

    /// Whether every place is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }

    /// The first empty place.
    pub(super) fn vacant(&self) -> Option<usize> {
        self.places.iter().position(Option::is_none)
    }

    /// What is known of the future in `place`, if there is one.
    pub(super) fn known(&self, place: usize) -> Option<D> {
        self.places.get(place)?.as_ref().map(|(known, _)| *known)
    }

    /// Puts a future into `place`; what was there is dropped.
    pub(super) fn insert(self: Pin<&mut Self>, place: usize, known: D, future: F) {
        if let Some(place) = self.places().get_mut(place) {
            *place = Some((known, future));
        }
    }

    /// Drops what is in `place`.
    pub(super) fn remove(self: Pin<&mut Self>, place: usize) {
        if let Some(place) = self.places().get_mut(place) {
            *place = None;
        }
    }

    /// Polls the future in `place`; an empty place is pending.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        place: usize,
        context: &mut Context<'_>,
    ) -> Poll<F::Output> {
        match self.places().get_mut(place) {
            Some(Some((_, future))) => {
                // SAFETY: it is in a pinned arena, and is dropped where it is: `insert` and
                // `remove` assign, which drops in place, and nothing else touches it.
                unsafe { Pin::new_unchecked(future) }.poll(context)
            }
            _ => Poll::Pending,
        }
    }

    fn places(self: Pin<&mut Self>) -> &mut [Option<(D, F)>; N] {
        // SAFETY: the functions above, which alone get this reference, move no future out.
        unsafe { &mut self.get_unchecked_mut().places }
    }
}
