//! The judge: `e2fsck`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use koito_fs_make::judge;

/// What it says besides what a replay is.
const HARMLESS: [&str; 5] = [
    "recovering journal",
    "Clearing orphaned inode",
    "Truncating orphaned inode",
    "Setting free",
    "files (",
];

fn run(option: &str, image: &Path) -> Result<(i32, String)> {
    let output = judge("e2fsck")
        .arg(option)
        .arg(image)
        .output()
        .context("cannot run e2fsck (package e2fsprogs)")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.code().unwrap_or(-1), text))
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
