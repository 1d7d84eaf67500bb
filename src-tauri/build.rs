//! Builds what Tauri needs at compile time.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without this line Tauri does not notice that a capability changed.
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("src-tauri/capabilities/**/*.json");
    Ok(tauri_build::try_build(attributes)?)
}
