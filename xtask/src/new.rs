//! `cargo xtask new NAME`: the start of somebody's own operating system on Nun.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cli::NewOptions;
use crate::repository::Repository;

/// The program that every new system starts with.
const HELLO: &str = "examples/hello/src/main.rs";

/// `cargo xtask new`.
pub fn run(repository: &Repository, options: &NewOptions) -> Result<ExitCode> {
    let folder = env::current_dir()?.join(&options.folder);
    let name = package_name(&folder)?;
    if folder.exists() {
        bail!("{} exists already; choose another name", folder.display());
    }
    let hello = repository.path(HELLO);
    let program = fs::read_to_string(&hello)
        .with_context(|| format!("cannot read the example {}", hello.display()))?;
    let files = [
        ("Cargo.toml", manifest(&name, repository)),
        ("src/main.rs", program),
        (
            "system.toml",
            format!(
                "# What boots: see \"Your own OS in seven lines\" in the manual.\ninit = \"{name}\"\n"
            ),
        ),
        (".gitignore", "/target\n".to_owned()),
        (".cargo/config.toml", configuration(repository)),
    ];
    for (path, contents) in files {
        write(&folder.join(path), &contents)?;
    }
    // The versions of all libraries that A9N itself was tested with; cargo drops what is unused.
    let lock = repository.path("Cargo.lock");
    if lock.is_file() {
        let text =
            fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
        write(&folder.join("Cargo.lock"), &text)?;
    }
    println!("{name} is ready. Boot it:");
    println!("  cd {} && cargo xtask run", options.folder.display());
    Ok(ExitCode::SUCCESS)
}

fn write(path: &PathBuf, contents: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))
}

/// The last part of the folder, which must be a good name for a package.
fn package_name(folder: &Path) -> Result<String> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let good = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
    if !good || matches!(name, "nun" | "core" | "alloc" | "std" | "test" | "main") {
        bail!(
            "{name:?} cannot name a package: use lower-case letters, digits and '-', not a library's name"
        );
    }
    Ok(name.to_owned())
}

/// The manifest is a workspace of its own, so that it works wherever the folder lies.
fn manifest(name: &str, repository: &Repository) -> String {
    format!(
        "[package]\n\
         name = \"{name}\"\n\
         version = \"0.1.0\"\n\
         edition = \"2024\"\n\
         \n\
         [dependencies]\n\
         nun = {{ path = {} }}\n\
         \n\
         [workspace]\n\
         \n\
         [profile.release]\n\
         panic = \"abort\"\n\
         lto = true\n\
         codegen-units = 1\n\
         debug = \"line-tables-only\"\n\
         \n\
         # `cargo xtask run --debug`\n\
         [profile.checked]\n\
         inherits = \"release\"\n\
         debug-assertions = true\n\
         overflow-checks = true\n",
        quoted(&repository.path("nun"))
    )
}

/// Cargo's configuration: `cargo xtask` is the one of the A9N checkout. An alias is a text
/// split at spaces; only a path with spaces needs the list form, which cargo would not merge
/// with the checkout's own alias.
fn configuration(repository: &Repository) -> String {
    let manifest = repository.path("Cargo.toml");
    let text = manifest.display().to_string();
    let alias = if text.contains(char::is_whitespace) {
        format!(
            "[\"run\", \"--manifest-path\", {}, \"--package\", \"xtask\", \"--\"]",
            quoted(&manifest)
        )
    } else {
        quoted(Path::new(&format!("run --manifest-path {text} --package xtask --")))
    };
    format!("[alias]\nxtask = {alias}\n")
}

/// A TOML string. JSON's escapes are all valid in TOML too.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_names_the_package() {
        assert_eq!(package_name(Path::new("/a/my-os")).unwrap(), "my-os");
        for bad in ["/a/My OS", "/a/1os", "/a/nun", "/"] {
            assert!(package_name(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn generated_files_are_valid_toml() {
        let repository = Repository::locate().unwrap();
        let manifest: toml::Table = manifest("my-os", &repository).parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-os"));
        let configuration: toml::Table = configuration(&repository).parse().unwrap();
        let alias = configuration["alias"]["xtask"].as_str();
        assert!(alias.is_none_or(|alias| alias.contains("--package xtask")));
    }
}
