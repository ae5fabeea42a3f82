//! `cargo reference`: writes the pages about the interfaces into `docs/plugins/reference`.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins/reference");
    fs::create_dir_all(&folder)?;
    for (file, text) in bellwether_workbench::reference::pages() {
        fs::write(folder.join(file), text)?;
    }
    Ok(())
}
