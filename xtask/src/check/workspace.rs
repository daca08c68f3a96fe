//! The workspace as cargo sees it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;

/// All members of the workspace.
#[derive(Debug, Default)]
pub struct Workspace {
    /// In the order of their names.
    pub members: Vec<Member>,
}

/// A crate of the workspace.
#[derive(Debug)]
pub struct Member {
    /// Package name.
    pub name: String,
    /// Folder, relative to the root.
    pub folder: String,
    /// Whether plain `cargo test` covers it (a default member); the others are bare-metal.
    pub builds_on_host: bool,
    /// Dependencies on other crates, of any kind.
    pub dependencies: Vec<Dependency>,
}

/// A dependency of a member.
#[derive(Debug)]
pub struct Dependency {
    /// Package name.
    pub name: String,
    /// Whether only tests use it.
    pub for_tests: bool,
}

/// The part of `cargo metadata` that we read.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_default_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: String,
    dependencies: Vec<PackageDependency>,
}

#[derive(Deserialize)]
struct PackageDependency {
    name: String,
    kind: Option<String>,
}

impl Workspace {
    /// Asks cargo.
    pub fn read(repository: &Repository) -> Result<Self> {
        let step = Step::start("reading the workspace");
        let mut command = host_cargo_command(repository.root(), "metadata");
        command.args(["--no-deps", "--format-version", "1"]);
        let finished = watch(&mut command, &step, None)?;
        if !finished.status.success() {
            bail!("`cargo metadata` failed\n{}", finished.stderr.trim_end());
        }
        let metadata: Metadata = serde_json::from_str(&finished.stdout)
            .context("`cargo metadata` printed something unknown")?;
        let mut members: Vec<Member> = metadata
            .packages
            .into_iter()
            .map(|package| Member {
                builds_on_host: metadata.workspace_default_members.contains(&package.id),
                folder: folder(repository.root(), &package.manifest_path),
                dependencies: package
                    .dependencies
                    .into_iter()
                    .map(|dependency| Dependency {
                        name: dependency.name,
                        for_tests: dependency.kind.as_deref() == Some("dev"),
                    })
                    .collect(),
                name: package.name,
            })
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { members })
    }
}

fn folder(root: &Path, manifest: &str) -> String {
    let manifest = Path::new(manifest);
    let folder = manifest.parent().unwrap_or(manifest);
    folder.strip_prefix(root).unwrap_or(folder).display().to_string()
}
