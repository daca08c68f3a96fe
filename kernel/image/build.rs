//! Tells the linker where the parts of the kernel go.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    println!("cargo::rerun-if-changed=kernel.ld");
    for argument in [
        &format!("--script={folder}/kernel.ld"),
        "--build-id=none",
        "-zmax-page-size=4096",
        "-znoexecstack",
    ] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
