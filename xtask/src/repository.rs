//! Where things are: the repository and the build products.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout that this xtask belongs to.
pub struct Repository {
    root: PathBuf,
    products: PathBuf,
}

impl Repository {
    /// Finds the checkout from xtask's own manifest, so that it works from any folder.
    pub fn locate() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .filter(|folder| folder.ends_with("xtask"))
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = manifest
            .join("..")
            .canonicalize()
            .with_context(|| format!("the A9N checkout is gone from {}", manifest.display()))?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => env::current_dir()?.join(folder),
            None => root.join("target"),
        };
        Ok(Self { products: target.join("a9n"), root })
    }

    /// Root folder of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder of the checkout.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Folder for everything that xtask builds, apart from the host's own build products.
    pub fn products(&self) -> &Path {
        &self.products
    }

    /// `path` relative to the checkout where it lies inside, for messages.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
