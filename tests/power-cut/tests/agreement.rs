//! Random operations on images of every shape: the file system does what the model does, and
//! `e2fsck` finds nothing.

use std::fs;
use std::os::unix::fs::symlink;

use a9n_power_cut::scratch::Scratch;
use a9n_power_cut::{fsck, load, make, model, tree};
use koito_block::MemoryDevice;
use koito_fs::{Access, FileSystem};

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
fn the_same_folder_gives_the_same_image() {
    let scratch = Scratch::new().expect("a folder");
    let tree = scratch.path().join("tree");
    let text = vec![b'a'; 100_000];
    let images = [0, 1].map(|_| {
        fs::create_dir_all(tree.join("folder")).expect("a folder");
        fs::write(tree.join("folder/file"), &text).expect("a file");
        symlink("folder/file", tree.join("link")).expect("a link");
        let image = make::image("usual", scratch.path()).expect("an image");
        let image = koito_fs_make::fill(image, &tree).expect("it fits");
        fs::remove_dir_all(&tree).expect("it goes");
        image
    });
    assert!(images[0] == images[1]);
    let file = scratch.path().join("filled.img");
    fs::write(&file, &images[0]).expect("a file");
    fsck::is_clean(&file).expect("e2fsck agrees");
    let [image, _] = images;
    let options = load::options(Access::ReadOnly);
    let mut filled = FileSystem::mount(MemoryDevice::new(image), options).expect("it mounts");
    let tree = tree::read(&mut filled).expect("it can be read");
    let seen = [&tree["/folder/file"], &tree["/link"]].map(|leaf| leaf.contents);
    assert_eq!(seen, [tree::hash(&text), tree::hash(b"folder/file")]);
}
