//! The boot volume: the files that a machine boots from, whatever medium carries them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const LOADER_PATH: &str = "EFI/BOOT/BOOTX64.EFI";
const CONFIGURATION_PATH: &str = "a9n/boot.cfg";
const KERNEL_PATH: &str = "a9n/kernel.elf";
const INIT_PATH: &str = "a9n/init.elf";
const MODULES_FOLDER: &str = "a9n/modules";

/// Files on the host that make up a boot volume.
pub struct Volume {
    /// The UEFI loader; a direct boot needs none.
    pub loader: Option<PathBuf>,
    /// The kernel's ELF file.
    pub kernel: PathBuf,
    /// The first program's ELF file.
    pub init: PathBuf,
    /// Boot modules by name, in order.
    pub modules: Vec<(String, PathBuf)>,
    /// Command line for init.
    pub command_line: String,
}

impl Volume {
    /// Every file of the volume: path inside, contents.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut sources = vec![];
        if let Some(loader) = &self.loader {
            sources.push((LOADER_PATH.to_owned(), loader));
        }
        sources.push((KERNEL_PATH.to_owned(), &self.kernel));
        sources.push((INIT_PATH.to_owned(), &self.init));
        for (name, file) in &self.modules {
            sources.push((module_path(name), file));
        }
        let mut files = vec![(CONFIGURATION_PATH.to_owned(), self.configuration().into_bytes())];
        for (path, source) in sources {
            let contents =
                fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
            files.push((path, contents));
        }
        Ok(files)
    }

    /// The loader's configuration.
    fn configuration(&self) -> String {
        let mut text = format!("kernel = {KERNEL_PATH}\ninit = {INIT_PATH}\n");
        for (name, _) in &self.modules {
            text += &format!("module = {name} {}\n", module_path(name));
        }
        text += &format!("command_line = {}\n", self.command_line);
        text
    }

    /// Writes the volume as a ustar archive (POSIX.1-1988), for the direct boot.
    pub fn write_archive(&self, path: &Path) -> Result<()> {
        let write = || -> Result<()> {
            let mut archive = tar::Builder::new(BufWriter::new(File::create(path)?));
            for (name, contents) in self.files()? {
                let mut header = tar::Header::new_ustar();
                header.set_size(contents.len() as u64);
                header.set_mode(0o644);
                archive.append_data(&mut header, &name, contents.as_slice())?;
            }
            Ok(archive.into_inner()?.flush()?)
        };
        write().with_context(|| format!("cannot write the boot archive {}", path.display()))
    }
}

fn module_path(name: &str) -> String {
    format!("{MODULES_FOLDER}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(folder: &Path) -> Volume {
        let file = |name: &str| {
            let path = folder.join(name);
            fs::write(&path, name).unwrap();
            path
        };
        Volume {
            loader: None,
            kernel: file("kernel"),
            init: file("init"),
            modules: vec![("partner".into(), file("partner"))],
            command_line: "quiet".into(),
        }
    }

    #[test]
    fn the_archive_holds_configuration_kernel_init_and_modules() {
        let folder = std::env::temp_dir().join(format!("a9n-volume-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let archive = folder.join("volume.tar");
        let volume = volume(&folder);
        volume.write_archive(&archive).unwrap();
        let mut reader = tar::Archive::new(File::open(&archive).unwrap());
        let names: Vec<String> = reader
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            names,
            ["a9n/boot.cfg", "a9n/kernel.elf", "a9n/init.elf", "a9n/modules/partner"]
        );
        assert_eq!(
            volume.configuration(),
            "kernel = a9n/kernel.elf\ninit = a9n/init.elf\n\
             module = partner a9n/modules/partner\ncommand_line = quiet\n"
        );
    }
}
