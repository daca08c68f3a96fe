//! Random operations on images of every shape: the file system does what the model does, and
//! `e2fsck` finds nothing.

use a9n_power_cut::scratch::Scratch;
use a9n_power_cut::{make, model};

#[test]
fn every_shape_agrees_with_the_model() {
    let scratch = Scratch::new().expect("a folder");
    let mut refused = 0;
    for (seed, (shape, ..)) in (1..).zip(make::SHAPES) {
        let image = make::image(shape, scratch.path()).expect("an image");
        refused += model::run(image, 6000, seed, &scratch)
            .unwrap_or_else(|error| panic!("{shape}: {error:#}"));
    }
    assert!(refused > 0, "no disk became full");
}

#[test]
fn images_are_made_the_same_each_time() {
    let scratch = Scratch::new().expect("a folder");
    let [first, second] = [0, 1].map(|_| make::image("usual", scratch.path()).expect("an image"));
    assert!(first == second);
}
