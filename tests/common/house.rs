//! A profile that allows MP4 and QuickTime only, and checks and fixes under it.

use super::{TestDir, entry};
use serde_json::Value;

const PROFILE: &str = "id = \"house\"\nextends = \"youtube\"\n[rule.container]\nallow = [\"mp4\", \"mov\"]\n\
    [rule.extension]\nallow = [\"mp4\", \"mov\"]\n";

/// Returns a folder with the profile `house.toml`.
pub fn test_dir() -> TestDir {
    let dir = TestDir::new();
    dir.write("house.toml", PROFILE);
    dir
}

/// Returns the entry of a file in the report of its check.
pub fn check(dir: &TestDir, path: &str, options: &[&str]) -> Value {
    let args = ["check", path, "--format", "json", "--profile", "house.toml"];
    entry(&dir.greenlit(&[&args, options].concat()).json(), path).clone()
}

/// Returns the fix in the report of a file that is fixed into `out`.
pub fn fix(dir: &TestDir, path: &str, options: &[&str]) -> Value {
    let args = ["fix", path, "--out", "out", "--format", "json", "--profile", "house.toml"];
    entry(&dir.greenlit(&[&args, options].concat()).json(), path)["fix"].clone()
}
