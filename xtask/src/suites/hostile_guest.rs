//! Guests that mean no good, in the shape of a Linux kernel.

mod all;
mod devices;
mod random;
mod registers;

use std::fs;

use anyhow::{Context, Result};

use crate::repository::Repository;

/// Where its code begins in the file, and its entry in that.
const CODE: usize = 5 * 512;
const ENTRY: usize = 512;

/// What such a guest does.
#[derive(Clone, Copy, Debug)]
pub enum Mischief {
    /// It executes random bytes.
    Random,
    /// It mistreats its devices.
    Devices,
    /// It does both, and writes model-specific registers, in turn.
    All,
}

/// Writes one; answers its file.
pub fn write(repository: &Repository, mischief: Mischief) -> Result<String> {
    let (name, program) = match mischief {
        Mischief::Random => ("hostile-guest", random::PROGRAM.to_vec()),
        Mischief::Devices => ("hostile-driver", devices::PROGRAM.to_vec()),
        Mischief::All => ("hostile-neighbour", all::program()),
    };
    let path = repository.products().join(name);
    fs::write(&path, kernel(&program))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.display().to_string())
}

/// A kernel by the header that Linux's boot protocol demands.
fn kernel(program: &[u8]) -> Vec<u8> {
    let mut file = vec![0; CODE + 4 * ENTRY];
    let mut put = |offset: usize, bytes: &[u8]| {
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(0x1f1, &[4]);
    put(0x1fe, &[0x55, 0xaa, 0xeb, 0x6a]);
    put(0x202, b"HdrS");
    put(0x206, &0x020f_u16.to_le_bytes());
    put(0x211, &[0x01]);
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes());
    put(0x236, &0x0001_u16.to_le_bytes());
    put(0x238, &2047_u32.to_le_bytes());
    put(0x258, &0x100_0000_u64.to_le_bytes());
    put(0x260, &0x10_0000_u32.to_le_bytes());
    put(CODE + ENTRY, program);
    file
}
