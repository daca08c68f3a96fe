//! `a9n-power-cut`: the command line of the tests of power cuts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use a9n_power_cut::load::{self, Load};
use a9n_power_cut::lose::{Loss, without};
use a9n_power_cut::model::Model;
use a9n_power_cut::random::Random;
use a9n_power_cut::{check, cut, fsck, log_writes};
use anyhow::{Context, Result, bail};
use koito_block::MemoryDevice;
use koito_fs::{Access, FileSystem};

const USAGE: &str = "\
usage: a9n-power-cut load IMAGE CUTS [SEED]      plays a write load on IMAGE and takes the power away
       a9n-power-cut lose WHAT IMAGE CUTS [SEED] the same, with a mistake; WHAT is one of
                     flush-before-commit, lasting-commit, flush-before-forgetting
       a9n-power-cut log IMAGE LOG CUTS [SEED]   does so in a log of writes that started with IMAGE
       a9n-power-cut model IMAGE STEPS [SEED]    plays random operations beside a model";

/// Operations of a load.
const STEPS: usize = 1200;
/// Faults shown.
const SHOWN: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<String> {
    match arguments {
        ["load", image, cuts, seed @ ..] => {
            let base = fs::read(image).with_context(|| format!("cannot read {image}"))?;
            let load = load::play(base.clone(), STEPS, parse_seed(seed)?)?;
            judge(&base, &load, cuts.parse()?, parse_seed(seed)?)
        }
        ["lose", what, image, cuts, seed @ ..] => {
            let known = Loss::ALL.into_iter().find(|(name, _)| name == what);
            let (_, loss) = known.with_context(|| format!("{what} cannot be lost\n{USAGE}"))?;
            let base = fs::read(image).with_context(|| format!("cannot read {image}"))?;
            let mut load = load::play(base.clone(), STEPS, parse_seed(seed)?)?;
            load.record = without(&load.record, loss);
            judge(&base, &load, cuts.parse()?, parse_seed(seed)?)
        }
        ["log", image, log, cuts, seed @ ..] => {
            let base = fs::read(image).with_context(|| format!("cannot read {image}"))?;
            let raw = fs::read(log).with_context(|| format!("cannot read {log}"))?;
            let load = Load { record: log_writes::read(&raw)?, promises: vec![] };
            judge(&base, &load, cuts.parse()?, parse_seed(seed)?)
        }
        ["model", image, steps, seed @ ..] => model(image, steps.parse()?, parse_seed(seed)?),
        _ => bail!(USAGE),
    }
}

fn parse_seed(seed: &[&str]) -> Result<u64> {
    Ok(seed.first().map_or(Ok(1), |seed| seed.parse())?)
}

/// A folder for images: in memory, if there is one.
fn scratch() -> Result<PathBuf> {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
    let folder = base.join(format!("a9n-power-cut-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn judge(base: &[u8], load: &Load, cuts: usize, seed: u64) -> Result<String> {
    let folder = scratch()?;
    let moments = cut::moments(load.record.len(), cuts, seed);
    let verdict = check::all(base, &load.record, &load.promises, &moments, &folder, SHOWN);
    fs::remove_dir_all(&folder)?;
    let verdict = verdict?;
    if !verdict.faults.is_empty() {
        bail!("{} good, but\n{}", verdict.good, verdict.faults.join("\n"));
    }
    Ok(format!("{} power cuts in {} events survived", verdict.good, load.record.len()))
}

fn model(image: &str, steps: u64, seed: u64) -> Result<String> {
    let base = fs::read(image).with_context(|| format!("cannot read {image}"))?;
    let options = load::options(Access::ReadWrite);
    let mut mounted = FileSystem::mount(MemoryDevice::new(base), options)?;
    let mut model = Model::new(&mut mounted)?;
    let mut random = Random::new(seed);
    for step in 0..steps {
        model.step(&mut mounted, &mut random).with_context(|| format!("step {step}"))?;
        if random.happens(1, 3000) {
            mounted = FileSystem::mount(mounted.unmount()?, options)?;
            model.remounted();
            model.compare(&mut mounted)?;
        }
    }
    model.compare(&mut mounted)?;
    model.release_all(&mut mounted)?;
    let folder = scratch()?;
    let file = folder.join("model.img");
    fs::write(&file, mounted.unmount()?.bytes())?;
    let clean = fsck::is_clean(&file);
    fs::remove_dir_all(&folder)?;
    clean?;
    Ok(format!("{steps} steps agree with the model, {} found the disk full", model.refused))
}
