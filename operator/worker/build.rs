//! Tells the loader where libtorch lies, so that no user has to set LD_LIBRARY_PATH. The example's
//! trainer is built with it too.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    // .cargo/config.toml sets it to what `cargo xtask setup` installs.
    let Some(libtorch) = env::var_os("LIBTORCH").filter(|path| !path.is_empty()) else {
        println!("cargo::warning=LIBTORCH is not set: the loader has to find libtorch by itself");
        return;
    };
    let libtorch = PathBuf::from(libtorch);
    // The second folder is where Python's wheels put the libraries of CUDA that libtorch wants.
    for folder in [libtorch.join("lib"), libtorch.join("../nvidia/cu13/lib")] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
