//! Lists the scenario folders for the copy inside the program. The macro that embeds a folder
//! tells Cargo about the files it saw and not about those added later; this script does.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Cargo looks into a directory to its end, so one line covers every file and every new one.
    println!("cargo::rerun-if-changed=.");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets it"));
    let mut names = Vec::new();
    for entry in fs::read_dir(&root)? {
        let entry = entry?;
        if entry.path().join("scenario.yaml").is_file() {
            names.push(entry.file_name().into_string().expect("folders have ASCII names"));
        }
    }
    names.sort();
    let mut list = String::from("[\n");
    for name in names {
        writeln!(list, "    ({name:?}, include_dir!(\"$CARGO_MANIFEST_DIR/{name}\")),")
            .expect("writing to a string does not fail");
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    fs::write(out.join("built_in.rs"), list)
}
