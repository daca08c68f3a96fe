//! The workspace as cargo sees it.

use std::collections::BTreeSet;
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
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
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
        let metadata = Metadata::ask(repository.root(), &step)?;
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

impl Metadata {
    /// What cargo says of the workspace around `folder`.
    fn ask(folder: &Path, step: &Step) -> Result<Self> {
        let mut command = host_cargo_command(folder, "metadata");
        command.args(["--no-deps", "--format-version", "1"]);
        let finished = watch(&mut command, step, None)?;
        if !finished.status.success() {
            bail!("`cargo metadata` failed\n{}", finished.stderr.trim_end());
        }
        serde_json::from_str(&finished.stdout).context("`cargo metadata` printed something unknown")
    }
}

/// The packages, of the workspace around `folder`, that have these binaries.
pub fn packages_with(folder: &Path, binaries: &[&str], step: &Step) -> Result<BTreeSet<String>> {
    let packages = Metadata::ask(folder, step)?.packages;
    let has = |package: &Package, binary: &str| {
        let is_it =
            |target: &Target| target.name == binary && target.kind.iter().any(|kind| kind == "bin");
        package.targets.iter().any(is_it)
    };
    binaries
        .iter()
        .map(|binary| {
            let package = packages.iter().find(|package| has(package, binary));
            let package = package.with_context(|| {
                let folder = folder.display();
                format!(
                    "no package of the workspace around {folder} has a program called {binary:?}"
                )
            })?;
            Ok(package.name.clone())
        })
        .collect()
}

fn folder(root: &Path, manifest: &str) -> String {
    let manifest = Path::new(manifest);
    let folder = manifest.parent().unwrap_or(manifest);
    folder.strip_prefix(root).unwrap_or(folder).display().to_string()
}
