//! `koito-fs-make`: makes a root file system from a folder or a tar archive.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: koito-fs-make OUTPUT MEBIBYTES FOLDER|ARCHIVE";

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let [output, mebibytes, tree] = arguments else { bail!(USAGE) };
    let output = Path::new(output);
    let size = mebibytes.parse::<u32>().ok().and_then(|size| size.checked_mul(1024));
    let size = size.with_context(|| format!("{mebibytes} is no size in MiB\n{USAGE}"))?;
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let image = koito_fs_make::empty(size, &["-b", "4096"], folder.unwrap_or(Path::new(".")))?;
    let image = koito_fs_make::fill(image, Path::new(tree))?;
    fs::write(output, image).with_context(|| format!("cannot write {}", output.display()))
}
