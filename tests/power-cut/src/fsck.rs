//! The judge: `e2fsck`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What it says besides what a replay is.
const HARMLESS: [&str; 5] = [
    "recovering journal",
    "Clearing orphaned inode",
    "Truncating orphaned inode",
    "Setting free",
    "files (",
];

fn run(option: &str, image: &Path) -> Result<(i32, String)> {
    let output = Command::new("e2fsck")
        .arg(option)
        .arg(image)
        .env("PATH", path_with_sbin())
        .output()
        .context("cannot run e2fsck (package e2fsprogs)")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.code().unwrap_or(-1), text))
}

/// Where system programs are is not on everybody's path.
pub fn path_with_sbin() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Replays the journal of `image` and repairs what is left to repair, which must be nothing.
pub fn replay(image: &Path) -> Result<()> {
    let (status, text) = run("-fp", image)?;
    let strange: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !HARMLESS.iter().any(|known| line.contains(known)))
        .filter(|line| !line.starts_with("e2fsck "))
        .collect();
    ensure!(
        matches!(status, 0 | 1) && strange.is_empty(),
        "e2fsck -fp ended with {status}:\n{text}"
    );
    Ok(())
}

/// Checks that there is nothing to repair.
pub fn is_clean(image: &Path) -> Result<()> {
    let (status, text) = run("-fn", image)?;
    ensure!(status == 0, "e2fsck -fn ended with {status}:\n{text}");
    Ok(())
}
