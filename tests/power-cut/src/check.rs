//! The verdict over one image: everything that must hold after a power cut.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use koito_block::MemoryDevice;
use koito_fs::{Access, FileSystem, ROOT};

use crate::cut::{Cut, Cutter};
use crate::load::{Load, Promise, expected, options};
use crate::record::{Record, Recorder};
use crate::{fsck, tree};

/// Every so many images, the power goes again while we repair it.
const AGAIN: u64 = 8;
/// Threads that look at images.
const THREADS: usize = 2;

/// What was looked at.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Images without a fault.
    pub good: usize,
    /// What is wrong with the others, at most a few of them.
    pub faults: Vec<String>,
}

/// Looks at the images of all `cuts` of a load that started with the image `base`; they are in order.
/// `scratch` is a folder for images.
pub fn all(
    base: &[u8],
    load: &Load,
    cuts: &[Cut],
    scratch: &Path,
    most_faults: usize,
) -> Result<Verdict> {
    let bad = AtomicUsize::new(0);
    let work = |number: usize| -> Result<Verdict> {
        let mut verdict = Verdict::default();
        let mut cutter = Cutter::new(base, &load.record);
        let file = scratch.join(format!("cut-{number}.img"));
        for cut in cuts.iter().skip(number).step_by(THREADS) {
            if bad.load(Ordering::Relaxed) >= most_faults {
                break;
            }
            match one(cutter.image(*cut), &load.promises, *cut, &file) {
                Ok(()) => verdict.good += 1,
                Err(error) => {
                    bad.fetch_add(1, Ordering::Relaxed);
                    verdict.faults.push(format!("{cut:?}: {error:#}"));
                }
            }
        }
        fs::remove_file(&file).ok();
        Ok(verdict)
    };
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            (0..THREADS).map(|number| scope.spawn(move || work(number))).collect();
        let mut sum = Verdict::default();
        for thread in threads {
            let part = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
            sum.good += part.good;
            sum.faults.extend(part.faults);
        }
        Ok(sum)
    })
}

/// Looks at one image, and for some of them also at what is left when the power goes again while
/// the first cut is being repaired. `file` is a place for copies of images.
fn one(image: Vec<u8>, promises: &[(usize, Promise)], cut: Cut, file: &Path) -> Result<()> {
    if cut.seed.is_multiple_of(AGAIN) {
        let again = cut_again(&image, cut.seed).context("our mount")?;
        whole(again, promises, cut, file).context("after another cut during our mount")?;
    }
    whole(image, promises, cut, file)
}

/// What a second cut leaves of `image` while it is being mounted.
fn cut_again(image: &[u8], seed: u64) -> Result<Vec<u8>> {
    let record = Record::default();
    let device = Recorder::new(image.to_vec(), record.clone());
    FileSystem::mount(device, options(Access::ReadWrite))?.abandon();
    let events = record.take();
    let cut = Cut { events: 1 + (seed / AGAIN) as usize % events.len(), seed };
    Ok(Cutter::new(image, &events).image(cut))
}

/// Looks at one image.
fn whole(image: Vec<u8>, promises: &[(usize, Promise)], cut: Cut, file: &Path) -> Result<()> {
    fs::write(file, &image)?;
    let mut ours = FileSystem::mount(MemoryDevice::new(image), options(Access::ReadWrite))
        .context("our mount")?;
    keeps_promises(&mut ours, promises, cut.events)?;
    let our_tree = tree::read(&mut ours).context("our replay")?;
    let ours = ours.unmount()?.into_bytes();

    fsck::replay(file).context("before our replay")?;
    let theirs = MemoryDevice::new(fs::read(file)?);
    let mut theirs =
        FileSystem::mount(theirs, options(Access::ReadOnly)).context("after e2fsck")?;
    let their_tree = tree::read(&mut theirs).context("after e2fsck")?;
    ensure!(our_tree == their_tree, "our replay and that of e2fsck differ");

    fs::write(file, ours)?;
    fsck::is_clean(file).context("after our replay")
}

/// Whether everything that was synced is there.
fn keeps_promises(
    fs: &mut FileSystem<MemoryDevice>,
    promises: &[(usize, Promise)],
    events: usize,
) -> Result<()> {
    for (path, (contents, may_have_grown)) in expected(promises, events) {
        let Some((size, hash)) = contents else { continue };
        let mut node = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            node = fs.lookup(node, name.as_bytes()).with_context(|| format!("synced {path}"))?;
        }
        let bytes = tree::contents(fs, node)?;
        let kept = bytes.get(..size as usize).map(tree::hash);
        let grown = bytes.len() as u64 > size;
        ensure!(kept == Some(hash), "synced {path}: its contents are lost");
        ensure!(!grown || may_have_grown, "synced {path}: it is too long");
    }
    Ok(())
}
