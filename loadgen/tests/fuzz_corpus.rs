//! Replays the fuzz targets' corpora without libFuzzer: what was once of interest holds for ever.

#![expect(unreachable_pub, reason = "in its own package the file is a library")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Gives every file of a target's corpus to it, and each of its beginnings and a few changes too.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("a corpus").flatten() {
        let bytes = std::fs::read(entry.path()).expect("readable");
        run(&bytes);
        // In steps that reach every beginning of a short input.
        for end in (0..bytes.len()).step_by(bytes.len() / 256 + 1) {
            run(&bytes[..end]);
            let mut changed = bytes.clone();
            changed[end] ^= 0x20;
            run(&changed);
        }
        files += 1;
    }
    assert!(files >= 8, "{files} files for {target}");
}

#[test]
fn http1_answers() {
    replay("http1_answer", targets::http1_answer);
}

#[test]
fn http1_requests() {
    replay("serve_request", targets::serve_request);
}

#[test]
fn http2_for_a_client() {
    replay("http2_client", targets::http2_client);
}

#[test]
fn http2_for_a_server() {
    replay("http2_server", targets::http2_server);
}

#[test]
fn scenarios() {
    replay("scenario", targets::scenario);
}

#[test]
fn yaml() {
    replay("yaml", targets::yaml);
}

#[test]
fn schema() {
    replay("schema", targets::schema);
}

#[test]
fn checks() {
    replay("checks", targets::checks);
}
