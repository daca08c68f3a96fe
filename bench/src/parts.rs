//! Paths that take the time themselves, since they begin in one process and end in another.

use crate::measure::{Measured, SAMPLES, WARM_UP, announce};

/// Runs `path` many times, which itself answers `N` figures, one for each name.
pub fn measure_parts<const N: usize>(
    names: [&str; N],
    mut path: impl FnMut() -> [u32; N],
) -> [Measured; N] {
    for _ in 0..WARM_UP {
        path();
    }
    announce(names[0]);
    let mut samples = [[0; SAMPLES]; N];
    for round in 0..SAMPLES {
        for (samples, figure) in samples.iter_mut().zip(path()) {
            samples[round] = figure;
        }
    }
    core::array::from_fn(|part| Measured::of(names[part], &mut samples[part]))
}
