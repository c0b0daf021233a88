//! Tests that an installation has everything and that nothing is left of it afterwards.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

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

/// Returns what a command prints.
fn output(command: &mut Command) -> String {
    let run = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn a_debian_package_states_what_it_needs_and_its_licences_and_works_when_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_greenlit")).parent().unwrap();
    let mut script = Command::new("scripts/deb.sh");
    script.arg(built).arg(folder.path()).env("DEB_COMPRESSION", "none");
    let package = output(&mut script).lines().last().unwrap().to_owned();
    let field = |name: &str| output(Command::new("dpkg-deb").args(["--field", &package, name]));
    assert_eq!(field("Package").trim(), "greenlit");
    assert!(field("Version").starts_with(concat!(env!("CARGO_PKG_VERSION"), "-1~deb")));
    let depends = field("Depends");
    for library in ["libavcodec", "libavformat", "libavutil", "libc6", "ca-certificates"] {
        assert!(depends.contains(library), "{depends}");
    }
    assert!(field("Description").contains("GPL"));
    let contents = output(Command::new("dpkg-deb").args(["--contents", &package]));
    for line in contents.lines() {
        assert!(line.contains("root/root"), "{line}");
        assert!(line.ends_with("./") || line.contains(" ./usr/"), "{line}");
    }
    let tree = folder.path().join("tree");
    output(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&tree));
    let read = |name: &str| std::fs::read_to_string(tree.join("usr/share/doc/greenlit").join(name)).unwrap();
    let copyright = read("copyright");
    for part in
        ["License: MIT or Apache-2.0", "under the GPL, version 2 or later", "Permission is hereby granted"]
    {
        assert!(copyright.contains(part), "{part}");
    }
    for line in copyright.lines().filter(|line| line.starts_with(' ')) {
        assert!(line.trim_end().len() > 1, "an empty line ends a paragraph");
    }
    let greenlit = tree.join("usr/bin/greenlit");
    let version = output(Command::new(&greenlit).arg("--version"));
    assert_eq!(version.trim(), concat!("greenlit ", env!("CARGO_PKG_VERSION")));
    // This file needs the worker, which is found beside the program.
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/firefox-media-bunny_hd_5s.mp4");
    let mut check = Command::new(&greenlit);
    output(check.args(["check", "--no-cache", "--probe", "ffmpeg", clip]).env_remove("GREENLIT_WORKER"));
}
