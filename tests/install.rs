//! Tests that an installation has everything and that nothing is left of it afterwards.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

fn install(destination: &Path, argument: &str) -> String {
    let run = Command::new("scripts/install.sh")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg(argument)
        .env("DESTDIR", destination)
        .env("PREFIX", "/usr")
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn an_installed_program_works_has_a_manual_page_and_is_removed_without_a_rest() {
    let folder = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_greenlit")).parent().unwrap();
    install(folder.path(), built.to_str().unwrap());
    let usr = folder.path().join("usr");
    let man = std::fs::read_to_string(usr.join("share/man/man1/greenlit.1")).unwrap();
    assert!(man.contains(".TH greenlit 1"), "{}", &man[..200]);
    for completions in [
        "bash-completion/completions/greenlit",
        "zsh/site-functions/_greenlit",
        "fish/vendor_completions.d/greenlit.fish",
    ] {
        assert!(std::fs::read_to_string(usr.join("share").join(completions)).unwrap().contains("greenlit"));
    }
    assert!(usr.join("share/doc/greenlit/PACKAGING.md").is_file());
    // The worker is found beside the program.
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/firefox-media-bunny_hd_5s.mp4");
    let run = Command::new(usr.join("bin/greenlit"))
        .args(["check", "--no-cache", clip])
        .env_remove("GREENLIT_WORKER")
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    install(folder.path(), "--remove");
    let mut left = Vec::new();
    let mut open = vec![usr];
    while let Some(path) = open.pop() {
        match path.is_dir() {
            true => open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path())),
            false => left.push(path),
        }
    }
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_installation_without_built_programs_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new("scripts/install.sh")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg(folder.path())
        .env("DESTDIR", folder.path())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run.stderr).contains("make build"), "{run:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
