//! Tests of the discovery.
#![allow(clippy::unwrap_used)]

use super::*;

fn tree(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    dir
}

fn names(found: &Discovery) -> Vec<String> {
    found.sources.iter().map(|source| source.relative.display().to_string()).collect()
}

#[test]
fn finds_every_regular_file_including_hidden_ones() {
    let dir = tree(&["a.mp4", "sub/b.mov", "notes.txt", ".hidden.mp4", ".greenlit/journal.db"]);
    let found = discover(&[dir.path().to_owned()], &[]).unwrap();
    assert_eq!(names(&found), [".hidden.mp4", "a.mp4", "notes.txt", "sub/b.mov"]);
}

#[test]
fn honours_the_ignore_file_and_excludes_the_output_folder() {
    let dir = tree(&["a.mp4", "skip/b.mp4", "out/a.mp4"]);
    std::fs::write(dir.path().join(IGNORE_FILE), "skip/\n").unwrap();
    let found = discover(&[dir.path().to_owned()], &[dir.path().join("out")]).unwrap();
    assert_eq!(names(&found), ["a.mp4"]);
}

#[test]
fn honours_the_ignore_file_of_a_folder_above() {
    let dir = tree(&["a.mp4", "sub/b.mp4", "sub/draft.mp4", "sub/raw/c.mp4"]);
    std::fs::write(dir.path().join(IGNORE_FILE), "draft*\n/sub/raw/\n").unwrap();
    let found = discover(&[dir.path().join("sub")], &[]).unwrap();
    assert_eq!(names(&found), ["b.mp4"]);
    let named = discover(&[dir.path().join("sub/draft.mp4")], &[]).unwrap();
    assert_eq!(names(&named), ["draft.mp4"], "a file given by itself is wanted");
}

#[test]
fn a_named_pipe_or_socket_is_a_problem_and_never_opened() {
    let dir = tree(&["a.mp4"]);
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let pipe = dir.path().join("pipe.mp4");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let found = discover(&[socket, pipe, "/dev/null".into(), dir.path().join("a.mp4")], &[]).unwrap();
    assert_eq!(names(&found), ["a.mp4"]);
    let messages: Vec<_> = found.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(messages[0].contains("socket") && messages[1].contains("FIFO"), "{messages:?}");
    assert!(messages[2].contains("device"), "{messages:?}");
}

#[test]
fn does_not_follow_links_below_a_folder() {
    let dir = tree(&["a.mp4"]);
    std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("a.mp4"), dir.path().join("link.mp4")).unwrap();
    let found = discover(&[dir.path().to_owned()], &[]).unwrap();
    assert_eq!(names(&found), ["a.mp4", "link.mp4", "loop"]);
    let kinds: Vec<_> = found.sources.iter().map(|source| source.not_opened).collect();
    assert_eq!(kinds, [None, Some(NotOpened::Link), Some(NotOpened::Link)]);
    let matched = discover(&[dir.path().join("l*")], &[]).unwrap();
    let kinds: Vec<_> = matched.sources.iter().map(|source| source.not_opened).collect();
    assert_eq!(kinds, [None, Some(NotOpened::Link)], "a pattern names a link to a file");
}

#[test]
fn a_listed_path_that_is_missing_is_a_problem_of_that_path() {
    let dir = tree(&["a.mp4"]);
    let listed = [dir.path().join("gone.mp4"), dir.path().join("a.mp4"), dir.path().join("*.webm")];
    let found = discover_listed(&[], &listed, &[]).unwrap();
    assert_eq!(names(&found), ["a.mp4"]);
    assert_eq!(found.problems.len(), 2);
}

#[test]
fn expands_patterns_and_reports_those_without_a_match() {
    let dir = tree(&["a.mp4", "b.mov", "sub/c.mp4"]);
    let found = discover(&[dir.path().join("*.mp4")], &[]).unwrap();
    assert_eq!(names(&found), ["a.mp4"]);
    assert!(found.sources[0].named);
    assert!(!discover(&[dir.path().to_owned()], &[]).unwrap().sources[0].named);
    let found = discover(&[dir.path().join("**/*.mp4")], &[]).unwrap();
    assert_eq!(names(&found), ["a.mp4", "sub/c.mp4"]);
    let error = discover(&[dir.path().join("*.webm")], &[]).unwrap_err();
    assert!(matches!(error, DiscoverError::NoMatch(_)), "{error}");
}

#[test]
fn reports_a_missing_path_and_lists_each_file_once() {
    let dir = tree(&["a.mp4"]);
    let error = discover(&[dir.path().join("b.mp4")], &[]).unwrap_err();
    assert!(error.to_string().contains("b.mp4"), "{error}");
    let twice = [dir.path().to_owned(), dir.path().join("a.mp4")];
    let found = discover(&twice, &[]).unwrap();
    assert_eq!(found.sources.len(), 1);
    assert!(found.sources[0].named);
}
