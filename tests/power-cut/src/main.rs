//! `a9n-power-cut`: the command line of the tests of power cuts.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use a9n_power_cut::load::{self, Load};
use a9n_power_cut::lose::{Loss, without};
use a9n_power_cut::scratch::Scratch;
use a9n_power_cut::{check, cut, keep, log_writes, make, marks, model};
use anyhow::{Context, Result, bail};

const USAGE: &str = "\
usage: a9n-power-cut load SHAPE CUTS SEED       plays a write load and takes the power away
       a9n-power-cut log IMAGE LOG CUTS SEED    takes the power away in the log of what tests/disk
                     wrote (as QEMU's blklogwrites makes it), which started with IMAGE
       a9n-power-cut keep FOLDER IMAGE LOG CUTS SEED    the same, and keeps the images in FOLDER, with
                     lists of what they hold
       a9n-power-cut without WHAT ...           one of the two with a mistake; WHAT is one of
                     flush-before-commit, lasting-commit, flush-before-forgetting
       a9n-power-cut model SHAPE STEPS SEED     plays random operations beside a model
       a9n-power-cut images FOLDER              makes the images of koito/fs-images
A SHAPE is a name in src/make.rs, such as `usual`.";

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
    let scratch = Scratch::new()?;
    let (loss, arguments) = match arguments {
        ["without", what, rest @ ..] => {
            let known = Loss::ALL.into_iter().find(|(name, _)| name == what);
            let (_, loss) = known.with_context(|| format!("{what} cannot be lost\n{USAGE}"))?;
            (Some(loss), rest)
        }
        all => (None, all),
    };
    match arguments {
        ["load", shape, cuts, seed] => {
            let base = make::image(shape, scratch.path())?;
            let load = load::play(base.clone(), load::STEPS, seed.parse()?)?;
            judge(&base, load, loss, cuts.parse()?, seed.parse()?, &scratch)
        }
        ["log", image, log, cuts, seed] => {
            let (base, load) = logged(image, log)?;
            judge(&base, load, loss, cuts.parse()?, seed.parse()?, &scratch)
        }
        ["keep", folder, image, log, cuts, seed] => {
            let (base, load) = logged(image, log)?;
            let (cuts, seed) = (cuts.parse()?, seed.parse()?);
            let moments = cut::moments(load.record.len(), cuts, seed);
            keep::all(&base, &load, &moments, Path::new(folder))?;
            judge(&base, load, None, cuts, seed, &scratch)
        }
        ["model", shape, steps, seed] => {
            let base = make::image(shape, scratch.path())?;
            let refused = model::run(base, steps.parse()?, seed.parse()?, &scratch)?;
            Ok(format!("{steps} steps agree with the model, {refused} found the disk full"))
        }
        ["images", folder] => images(Path::new(folder), &scratch),
        _ => bail!(USAGE),
    }
}

/// The image that a log of writes started with, and the load that it is of.
fn logged(image: &str, log: &str) -> Result<(Vec<u8>, Load)> {
    let base = fs::read(image).with_context(|| format!("cannot read {image}"))?;
    let raw = fs::read(log).with_context(|| format!("cannot read {log}"))?;
    let load = marks::read(log_writes::read(&raw)?, base.len())?;
    Ok((base, load))
}

/// Takes the power away `cuts` times from a load that started with the image `base`.
fn judge(
    base: &[u8],
    mut load: Load,
    loss: Option<Loss>,
    cuts: usize,
    seed: u64,
    scratch: &Scratch,
) -> Result<String> {
    if let Some(loss) = loss {
        load.record = without(&load.record, loss);
    }
    let moments = cut::moments(load.record.len(), cuts, seed);
    let verdict = check::all(base, &load, &moments, scratch.path(), SHOWN)?;
    if !verdict.faults.is_empty() {
        bail!("{} power cuts survived, but\n{}", verdict.good, verdict.faults.join("\n"));
    }
    Ok(format!("{} power cuts in {} events survived", verdict.good, load.record.len()))
}

/// Makes the images of `koito/fs-images`, packed, in `folder`.
fn images(folder: &Path, scratch: &Scratch) -> Result<String> {
    let usual = make::image("usual", scratch.path())?;
    let populated = make::populated(make::image("bare", scratch.path())?)?;
    let clean = populated.clone().unmount()?.into_bytes();
    let unclean = populated.abandon().into_bytes();
    let mut sizes = vec![];
    for (name, image) in [("usual", usual), ("bare", clean), ("unclean", unclean)] {
        let packed = koito_fs_images::pack(&image);
        let file = folder.join(format!("{name}.packed"));
        fs::write(&file, &packed).with_context(|| format!("cannot write {}", file.display()))?;
        sizes.push(format!("{name}: {} bytes", packed.len()));
    }
    Ok(sizes.join(", "))
}
