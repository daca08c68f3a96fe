//! Systems: what a boot consists of, described by a `system.toml` in a program's folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::manifest::{self, ManifestFile};
use crate::repository::Repository;

/// Name of the description in a system's folder.
const DESCRIPTION: &str = "system.toml";
/// Booted by `run` where nothing else is asked for.
const DEFAULT: &str = "koito";
/// Longest name of a boot module that the boot information has room for, in bytes.
const MODULE_NAME_BYTES: usize = 48;

/// Contents of a `system.toml`.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Description {
    /// Binary that becomes the first process.
    init: String,
    /// Binaries of the same package, or paths of files, handed to init.
    #[serde(default)]
    modules: Vec<String>,
    /// Command line that init receives.
    #[serde(default)]
    command_line: String,
    /// File that an emulated virtio disk begins with. What is written to the disk is forgotten.
    #[serde(default)]
    disk: Option<String>,
    /// Folder whose contents the file system on the emulated disk begins with, in place of `disk`.
    files: Option<PathBuf>,
    /// List of the Debian packages that `cargo xtask run` fills the disk with, under `files`.
    userland: Option<PathBuf>,
    /// File with the manifest, for a system whose init starts components by one. Their programs
    /// become boot modules; they are binaries of any package of the workspace.
    manifest: Option<PathBuf>,
    /// File with further components, for a system that has another's manifest.
    besides: Option<PathBuf>,
}

/// A boot module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// A binary of the system's package.
    Binary(String),
    /// A file as it is.
    File(PathBuf),
    /// The packed manifest.
    Manifest(Vec<u8>),
}

impl Module {
    /// The name under which init finds it.
    pub fn name(&self) -> String {
        match self {
            Self::Binary(name) => name.clone(),
            Self::Manifest(_) => manifest::MODULE.to_owned(),
            Self::File(path) => {
                path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
        }
    }
}

/// A system that can be built and booted.
#[derive(Debug)]
pub struct System {
    /// Folder with the description and the package.
    pub folder: PathBuf,
    /// Name of the folder.
    pub name: String,
    /// Binary that becomes the first process.
    pub init: String,
    /// What init is handed.
    pub modules: Vec<Module>,
    /// Command line that init receives.
    pub command_line: String,
    /// Contents of an emulated virtio disk.
    pub disk: Option<PathBuf>,
    /// Contents of the file system on the disk, where there is no such file.
    pub files: Option<PathBuf>,
    /// List of the Debian packages that may lie under those files.
    pub userland: Option<PathBuf>,
    /// What init starts.
    pub manifest: Option<ManifestFile>,
}

impl System {
    /// The system that the user named, else that of the current folder, else the default.
    pub fn find(repository: &Repository, wanted: Option<&str>) -> Result<Self> {
        Self::find_with(repository, wanted, &[], &[])
    }

    /// The same with more boot modules, which are `files`, on a machine that has these `parts` besides.
    pub fn find_with(
        repository: &Repository,
        wanted: Option<&str>,
        files: &[PathBuf],
        parts: &[&str],
    ) -> Result<Self> {
        let here = env::current_dir().context("the current folder is gone")?;
        match wanted {
            Some(wanted) => Self::read(&folder_of(repository, &here, wanted)?, files, parts),
            None if here.join(DESCRIPTION).is_file() => Self::read(&here, files, parts),
            None => Self::read(&repository.path(DEFAULT), files, parts),
        }
    }

    /// Reads the description in `folder`; `files` are boot modules as well, and the machine has `parts`.
    pub fn read(folder: &Path, files: &[PathBuf], parts: &[&str]) -> Result<Self> {
        let file = folder.join(DESCRIPTION);
        let text = fs::read_to_string(&file)
            .with_context(|| format!("cannot read the system's description {}", file.display()))?;
        let description: Description =
            toml::from_str(&text).with_context(|| format!("in {}", file.display()))?;
        let folder = folder.canonicalize()?;
        let mut modules: Vec<Module> = description
            .modules
            .iter()
            .map(|module| parse_module(&folder, module))
            .collect::<Result<_>>()
            .with_context(|| format!("in {}", file.display()))?;
        modules.extend(files.iter().cloned().map(Module::File));
        let names: Vec<String> = modules.iter().map(Module::name).collect();
        let manifest = match &description.manifest {
            Some(path) => {
                let paths = [Some(path), description.besides.as_ref()];
                let paths: Vec<_> = paths.into_iter().flatten().map(|it| folder.join(it)).collect();
                Some(ManifestFile::read(&paths)?.without_missing(&names, parts))
            }
            None => None,
        };
        if let Some(manifest) = &manifest {
            modules.push(Module::Manifest(manifest.pack()?));
            let programs = manifest.programs();
            modules.extend(programs.into_iter().map(|name| Module::Binary(name.to_owned())));
        }
        if description.command_line.contains(['\n', '\r']) {
            bail!("{}: command_line must be a single line", file.display());
        }
        let disk = description.disk.map(|disk| folder.join(disk));
        if let Some(disk) = disk.as_ref().filter(|disk| !disk.is_file()) {
            bail!("{}: there is no disk {}", file.display(), disk.display());
        }
        let files = description.files.map(|files| folder.join(files));
        if let Some(files) = files.as_ref().filter(|files| !files.is_dir()) {
            bail!("{}: there is no folder {}", file.display(), files.display());
        }
        Ok(Self {
            disk,
            files,
            userland: description.userland.map(|list| folder.join(list)),
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            init: description.init,
            modules,
            command_line: description.command_line,
            manifest,
            folder,
        })
    }

    /// Binaries that must be built, init first.
    pub fn binaries(&self) -> Vec<&str> {
        let modules = self.modules.iter().filter_map(|module| match module {
            Module::Binary(name) => Some(name.as_str()),
            Module::File(_) | Module::Manifest(_) => None,
        });
        std::iter::once(self.init.as_str()).chain(modules).collect()
    }
}

/// The folder of the system that the user named.
fn folder_of(repository: &Repository, here: &Path, wanted: &str) -> Result<PathBuf> {
    let candidates = [
        here.join(wanted),
        repository.path(wanted),
        repository.path("examples").join(wanted),
        repository.path("tests").join(wanted),
    ];
    match candidates.iter().find(|folder| folder.join(DESCRIPTION).is_file()) {
        Some(folder) => Ok(folder.clone()),
        None => bail!(
            "there is no system {wanted:?}: neither a folder with a {DESCRIPTION}, nor one of\n  {}",
            known(repository).join("\n  ")
        ),
    }
}

fn parse_module(folder: &Path, text: &str) -> Result<Module> {
    let module = if text.contains(['/', '.']) {
        let path = folder.join(text);
        if !path.is_file() {
            bail!("module {text:?}: there is no such file");
        }
        Module::File(path)
    } else {
        Module::Binary(text.to_owned())
    };
    let name = module.name();
    if name.is_empty() || name.len() > MODULE_NAME_BYTES || name.contains(char::is_whitespace) {
        bail!("module {text:?}: a name has 1 to {MODULE_NAME_BYTES} bytes and no spaces");
    }
    Ok(module)
}

/// Names of the systems that come with the repository.
fn known(repository: &Repository) -> Vec<String> {
    let mut names = vec![];
    for parent in ["", "examples", "tests"] {
        let Ok(entries) = fs::read_dir(repository.path(parent)) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.join(DESCRIPTION).is_file() {
                names.push(repository.relative(&path).display().to_string());
            }
        }
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_needs_only_its_init() {
        let description: Description = toml::from_str("init = \"hello\"").unwrap();
        assert_eq!(description.init, "hello");
        assert!(description.modules.is_empty() && description.command_line.is_empty());
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        let error = toml::from_str::<Description>("init = \"a\"\nmodule = []").unwrap_err();
        assert!(error.to_string().contains("module"));
    }

    #[test]
    fn modules_are_binaries_or_files() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(parse_module(here, "partner").unwrap(), Module::Binary("partner".into()));
        let file = parse_module(here, "src/main.rs").unwrap();
        assert_eq!(file.name(), "main.rs");
        assert!(parse_module(here, "no/such.file").is_err());
        assert!(parse_module(here, &"x".repeat(49)).is_err());
    }
}
