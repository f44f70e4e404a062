//! Writes the page.
#[test]
fn page() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("CHECKS.md");
    std::fs::write(path, policy::catalogue::page()).unwrap();
}
