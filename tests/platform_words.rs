//! Words of a platform stand in its adapter, its sandbox and its profiles only.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use greenlit::platform::registry::{PLATFORMS, columns};

/// Columns and words that are ordinary words, too.
const ORDINARY: [&str; 7] = ["video", "cover", "title", "entry", "note", "folder", "display_name"];

#[path = "common/sources.rs"]
mod sources;

/// Returns the code of a file without its unit tests and comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    // A migration names what earlier versions wrote.
    let lines =
        text.lines().filter(|line| !line.trim_start().starts_with("//") && !line.contains("ALTER TABLE"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn delivery_and_the_pipeline_name_no_platform_and_none_of_its_columns() {
    let ids = PLATFORMS.iter().map(|platform| platform.id());
    let words = ids.chain(columns()).chain(["tiktok", "advertiser", "adgroup"]);
    let words: Vec<String> = words.filter(|word| !ORDINARY.contains(word)).map(str::to_owned).collect();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut found = Vec::new();
    let mut files = Vec::new();
    sources::sources(Path::new("src"), &mut files);
    for path in files {
        let is_test = ["tests.rs", "/scenarios/"].iter().any(|part| path.to_string_lossy().contains(part));
        let is_neutral = ["src/ship", "src/pipeline", "src/cli/ship", "src/job", "src/plan"];
        if is_test || !is_neutral.iter().any(|folder| path.starts_with(PathBuf::from(folder))) {
            continue;
        }
        let code = code(&path);
        for word in code.split(|c| !is_part(c)).map(str::to_ascii_lowercase) {
            if words.contains(&word) {
                found.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
