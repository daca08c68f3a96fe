//! Tells the linker how programs are laid out.
//!
//! Link arguments of a library do not reach the programs that use it; libraries that it asks for
//! do. And a linker takes a script where it expects a library. So whoever depends on Nun links
//! rightly without doing anything for it.

fn main() {
    println!("cargo::rerun-if-changed=nun.ld");
    let target = std::env::var("CARGO_CFG_TARGET_OS").expect("cargo sets CARGO_CFG_TARGET_OS");
    if target == "none" {
        let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
        println!("cargo::rustc-link-search=native={folder}");
        println!("cargo::rustc-link-lib=dylib:+verbatim=nun.ld");
    }
}
