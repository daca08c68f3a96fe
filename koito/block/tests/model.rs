//! The cache against a plain model: what is read is what was written last, held blocks stay off
//! the device until released, and after writing and flushing, the device has everything.

use koito_block::{Cache, MemoryDevice, Use};
use proptest::prelude::*;

const BLOCK: usize = 1024;
const BLOCKS: u64 = 40;

#[derive(Clone, Debug)]
enum Step {
    Read(u64),
    Update(u64, u8),
    Hold(u64, u8),
    Replace(u64, u8),
    Prefetch(u64, usize),
    Forget(u64, u64),
    Release,
    WriteData,
    WriteAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let block = 0..BLOCKS;
    let step = prop_oneof![
        4 => block.clone().prop_map(Step::Read),
        4 => (block.clone(), any::<u8>()).prop_map(|(block, value)| Step::Update(block, value)),
        2 => (block.clone(), any::<u8>()).prop_map(|(block, value)| Step::Hold(block, value)),
        3 => (block.clone(), any::<u8>()).prop_map(|(block, value)| Step::Replace(block, value)),
        2 => (block.clone(), 1..20usize).prop_map(|(block, count)| Step::Prefetch(block, count)),
        1 => (block, 1..5u64).prop_map(|(block, count)| Step::Forget(block, count)),
        1 => Just(Step::Release),
        1 => Just(Step::WriteData),
        1 => Just(Step::WriteAll),
    ];
    proptest::collection::vec(step, 1..200)
}

/// What a block holds for its readers, and, while it is held, what the device must still hold.
#[derive(Clone)]
struct Model {
    now: Vec<[u8; 2]>,
    before: Vec<Option<[u8; 2]>>,
}

fn ends(bytes: &[u8]) -> [u8; 2] {
    [bytes[0], bytes[BLOCK - 1]]
}

fn on_device(cache: &Cache<MemoryDevice>, block: u64) -> [u8; 2] {
    let start = block as usize * BLOCK;
    ends(&cache.device().bytes()[start..start + BLOCK])
}

proptest! {
    #[test]
    fn behaves_like_plain_memory(steps in steps(), capacity in 12..50usize) {
        let image = (0..BLOCKS as usize * BLOCK).map(|at| (at / BLOCK) as u8).collect();
        let mut cache = Cache::new(MemoryDevice::new(image), BLOCK, capacity);
        let mut model = Model {
            now: (0..BLOCKS).map(|block| [block as u8; 2]).collect(),
            before: vec![None; BLOCKS as usize],
        };
        for step in steps {
            match step {
                Step::Read(block) => {
                    let seen = ends(cache.read(block).expect("it can be read"));
                    prop_assert_eq!(seen, model.now[block as usize]);
                }
                Step::Update(block, value) if model.before[block as usize].is_none() => {
                    cache.update(block, Use::Data).expect("it can be changed")[0] = value;
                    model.now[block as usize][0] = value;
                }
                Step::Hold(block, value) if cache.held() < capacity / 2 => {
                    let was = on_device(&cache, block);
                    cache.update(block, Use::Held).expect("it can be changed")[0] = value;
                    model.now[block as usize][0] = value;
                    model.before[block as usize].get_or_insert(was);
                }
                Step::Replace(block, value) if model.before[block as usize].is_none() => {
                    cache.replace(block, Use::Data).expect("it can be replaced")[BLOCK - 1] = value;
                    model.now[block as usize] = [0, value];
                }
                Step::Prefetch(start, count) => {
                    cache.prefetch(start, count).expect("it can be read ahead");
                }
                Step::Forget(start, count) => {
                    let end = (start + count).min(BLOCKS);
                    cache.forget(start, end - start);
                    for block in start..end {
                        model.now[block as usize] = on_device(&cache, block);
                        model.before[block as usize] = None;
                    }
                }
                Step::Release => {
                    cache.release();
                    model.before.fill(None);
                }
                Step::WriteData => cache.write_data().expect("it can be written"),
                Step::WriteAll => {
                    cache.write_all().expect("it can be written");
                    prop_assert_eq!(cache.changed(), 0);
                }
                _ => {}
            }
            for block in 0..BLOCKS {
                if let Some(before) = model.before[block as usize] {
                    prop_assert_eq!(on_device(&cache, block), before, "held block {} escaped", block);
                }
            }
        }
        cache.release();
        cache.write_all().expect("it can be written");
        for block in 0..BLOCKS {
            prop_assert_eq!(on_device(&cache, block), model.now[block as usize]);
        }
    }
}
