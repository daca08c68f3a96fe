mod model;
mod random;
use koito_block::MemoryDevice;
use koito_fs::*;
use model::Model;
use random::Random;
fn main() -> anyhow::Result<()> {
    let a: Vec<String> = std::env::args().collect();
    let image = std::fs::read(&a[1])?;
    let seed: u64 = a[2].parse()?;
    let steps: u64 = a[3].parse()?;
    let cache: usize = a[4].parse()?;
    let opt = Options {
        access: Access::ReadWrite,
        cache_bytes: cache,
        now: Time { seconds: 1_700_000_000, nanoseconds: 9 },
    };
    let mut fs = FileSystem::mount(MemoryDevice::new(image), opt)?;
    let mut m = Model::new(&mut fs)?;
    let mut r = Random::new(seed);
    let t = std::time::Instant::now();
    for s in 0..steps {
        if let Err(e) = m.step(&mut fs, &mut r) {
            println!("step {s}: {e:#}");
            std::process::exit(1);
        }
        if s % 5000 == 4999 {
            let d = fs.unmount()?;
            fs = FileSystem::mount(d, opt)?;
            m.remounted();
            m.compare(&mut fs)?;
        }
    }
    m.compare(&mut fs)?;
    m.release_all(&mut fs)?;
    println!("seed {seed} ok, {} refused, {:?} {:?}", m.refused, fs.space(), t.elapsed());
    let d = fs.unmount()?;
    std::fs::write(&a[5], d.bytes())?;
    Ok(())
}
