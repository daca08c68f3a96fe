//! Disk images: a GPT with one EFI system partition (FAT32) that carries the boot volume.
//!
//! The image boots on a real UEFI machine from a USB stick, and in QEMU. It is written with
//! plain file access: no root, no loop device. UEFI Specification 2.10, sections 5 and 13.3.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use fscommon::{BufStream, StreamSlice};
use gpt::GptConfig;
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;

use crate::bench;
use crate::cli::{Entry, ImageOptions};
use crate::compile::{Builder, Destination, Profile};
use crate::repository::Repository;
use crate::system::System;
use crate::volume::Volume;

const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;
/// A FAT32 file system has at least 65,525 clusters; this gives it more with one sector each.
const SMALLEST_PARTITION: u64 = 48 * MIB;
/// Room before and behind the partition for both partition tables, and to align it.
const TABLES: u64 = 2 * MIB;

/// `cargo xtask image`.
pub fn run(repository: &Repository, options: &ImageOptions) -> Result<ExitCode> {
    let wanted = if options.bench { Some(bench::SYSTEM) } else { options.build.system.as_deref() };
    let system = System::find(repository, wanted)?;
    let builder = Builder::new(repository, Profile::from_options(&options.build), &[])?;
    let volume = builder.volume(&system, Entry::Uefi, Destination::Hardware)?;
    let output = match &options.output {
        Some(file) => file.clone(),
        None => repository.products().join(format!("{}.img", system.name)),
    };
    write(&volume, &output)?;
    println!("{} boots system {}.", output.display(), system.name);
    println!(
        "To a USB stick (all its data is lost): dd if={} of=/dev/sdX bs=4M conv=fsync",
        output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Writes a disk image with the files of `volume`, which must have a loader.
pub fn write(volume: &Volume, path: &Path) -> Result<()> {
    if path.exists() && !path.is_file() {
        bail!(
            "{} is not a regular file; write the image to a file first, then copy it",
            path.display()
        );
    }
    let files = volume.files()?;
    let result = write_files(&files, path);
    if result.is_err() {
        // A torn image must not be taken for a good one; the first error is the one to report.
        let _ = fs::remove_file(path);
    }
    result.with_context(|| format!("cannot write the disk image {}", path.display()))
}

fn write_files(files: &[(String, Vec<u8>)], path: &Path) -> Result<()> {
    let contents: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let partition = SMALLEST_PARTITION.max(contents / 4 * 5 + 8 * MIB).next_multiple_of(MIB);
    let mut image =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    image.set_len(partition + TABLES)?;
    let start = write_tables(&mut image, partition)?;
    write_file_system(&mut image, start, partition, files)?;
    Ok(image.flush()?)
}

/// Writes the partition table; returns where the partition starts, in bytes.
fn write_tables(image: &mut File, partition: u64) -> Result<u64> {
    let sectors = u32::try_from((partition + TABLES) / SECTOR - 1).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(image)?;
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(image, None)?;
    let number =
        table.add_partition("A9N", partition, gpt::partition_types::EFI, 0, Some(MIB / SECTOR))?;
    let start = table
        .partitions()
        .get(&number)
        .context("the partition table lost its only entry")?
        .bytes_start(LogicalBlockSize::Lb512)?;
    table.write()?;
    Ok(start)
}

fn write_file_system(
    image: &mut File,
    start: u64,
    bytes: u64,
    files: &[(String, Vec<u8>)],
) -> Result<()> {
    let mut partition = BufStream::new(StreamSlice::new(image, start, start + bytes)?);
    let cluster = if bytes < 512 * MIB { SECTOR } else { 8 * SECTOR };
    fatfs::format_volume(
        &mut partition,
        FormatVolumeOptions::new()
            .fat_type(FatType::Fat32)
            .bytes_per_cluster(cluster as u32)
            .volume_label(*b"A9N        "),
    )?;
    let file_system = FileSystem::new(partition, FsOptions::new())?;
    for (path, contents) in files {
        let mut folder = file_system.root_dir();
        let mut parts: Vec<&str> = path.split('/').collect();
        let name = parts.pop().unwrap_or_default();
        for part in parts {
            folder = folder.create_dir(part)?;
        }
        let mut file = folder.create_file(name)?;
        file.truncate()?;
        file.write_all(contents)?;
        file.flush()?;
    }
    Ok(file_system.unmount()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_written_can_be_read_back() {
        let path = std::env::temp_dir().join(format!("a9n-disk-{}.img", std::process::id()));
        let files = vec![
            ("EFI/BOOT/BOOTX64.EFI".to_owned(), vec![7; 100_000]),
            ("a9n/modules/a-partner-with-a-long-name".to_owned(), b"hello".to_vec()),
        ];
        write_files(&files, &path).unwrap();

        let table = GptConfig::new().open(&path).unwrap();
        let entry = table.partitions().values().find(|entry| entry.is_used()).unwrap().clone();
        assert_eq!(entry.part_type_guid, gpt::partition_types::EFI);
        let start = entry.bytes_start(LogicalBlockSize::Lb512).unwrap();
        let end = start + entry.bytes_len(LogicalBlockSize::Lb512).unwrap();
        let image = File::open(&path).unwrap();
        let slice = BufStream::new(StreamSlice::new(image, start, end).unwrap());
        let file_system = FileSystem::new(slice, FsOptions::new()).unwrap();
        let kind = file_system.fat_type();
        let mut contents = vec![];
        for (name, expected) in &files {
            contents.clear();
            file_system.root_dir().open_file(name).unwrap().read_to_end(&mut contents).unwrap();
            assert_eq!(&contents, expected);
        }
        let folder = file_system.root_dir().open_dir("a9n/modules").unwrap();
        let names: Vec<String> = folder.iter().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().any(|name| name == "a-partner-with-a-long-name"), "{names:?}");
        fs::remove_file(&path).unwrap();
        assert_eq!(kind, FatType::Fat32);
        assert_eq!(start % MIB, 0);
    }

    #[test]
    fn a_device_is_not_overwritten_by_mistake() {
        let volume = Volume {
            loader: None,
            kernel: "/dev/null".into(),
            init: "/dev/null".into(),
            modules: vec![],
            command_line: String::new(),
        };
        assert!(write(&volume, Path::new("/dev/null")).is_err());
    }
}
