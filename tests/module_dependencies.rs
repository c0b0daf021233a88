//! Tests that the sources and binaries follow the architecture's dependency rules.
#![allow(clippy::unwrap_used)]

#[path = "common/code_of.rs"]
mod code;
#[path = "common/sources.rs"]
mod source_files;

use std::collections::BTreeSet;
use std::path::Path;

use code::code_of;
use source_files::sources;

/// Modules and crates with side effects, which the pure core must not use.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "std::time::Instant",
    "std::time::SystemTime",
    "ffmpeg_next",
    "tokio",
    "serde_json",
    "reqwest",
    "rusqlite",
    "rayon",
    "rustix",
];
const MEDIA: &[&str] = &["ffmpeg_next", "ffmpeg_sys_next"];
const PRINTING: &[&str] = &["print!", "println!", "eprint!", "eprintln!", "dbg!", "process::exit"];
const LIBAV_ADAPTERS: &[&str] =
    &["crate::libav", "crate::probe::libav", "crate::transcode::libav", "crate::verify::libav"];

/// Names that the files in some folders must not use.
struct Ban {
    /// Prefixes of paths below `src`; an empty prefix means every file.
    within: &'static [&'static str],
    /// Prefixes of paths that are exempt.
    except: &'static [&'static str],
    /// Paths, macros or keywords.
    names: &'static [&'static str],
}

const BANS: &[Ban] = &[
    // One writer escapes foreign text on standard error; the settings only ask for its width.
    Ban {
        within: &["cli/", "report/"],
        except: &["cli/notices.rs", "cli/settings.rs"],
        names: &["eprint!", "eprintln!", "std::io::stderr", "io::stderr"],
    },
    Ban { within: &["model/", "profile/", "rules/", "plan/"], except: &[], names: IMPURE },
    Ban { within: &["model/"], except: &[], names: &["crate::profile", "crate::rules", "crate::plan"] },
    Ban { within: &["profile/"], except: &[], names: &["crate::rules", "crate::plan"] },
    Ban { within: &["rules/"], except: &[], names: &["crate::plan"] },
    Ban {
        within: &["model/", "profile/", "rules/", "plan/"],
        except: &[],
        names: &[
            "crate::job",
            "crate::probe",
            "crate::transcode",
            "crate::verify",
            "crate::platform",
            "crate::ship",
            "crate::pipeline",
            "crate::report",
            "crate::sandbox",
            "crate::cli",
        ],
    },
    Ban {
        within: &[""],
        except: &["libav/", "probe/libav", "transcode/libav", "verify/libav"],
        names: MEDIA,
    },
    // Besides the adapters, only the calls of the operating system that isolate a worker.
    Ban {
        within: &[""],
        except: &["libav/", "probe/libav", "transcode/libav", "verify/libav", "worker/raw.rs"],
        names: &["unsafe"],
    },
    Ban {
        within: &[""],
        except: &["libav/", "probe/libav", "transcode/", "verify/libav", "execute/"],
        names: LIBAV_ADAPTERS,
    },
    Ban {
        within: &["sandbox/"],
        except: &[],
        names: &["crate::rules", "crate::profile", "crate::plan", "crate::platform"],
    },
    Ban {
        within: &["ship/", "pipeline/"],
        except: &[],
        names: &["crate::cli", "crate::report", "crate::worker", "crate::execute", "crate::sandbox"],
    },
    Ban {
        within: &["cache/"],
        except: &[],
        names: &[
            "crate::profile",
            "crate::rules",
            "crate::plan",
            "crate::probe",
            "crate::transcode",
            "crate::verify",
            "crate::platform",
            "crate::ship",
            "crate::pipeline",
            "crate::report",
            "crate::sandbox",
            "crate::cli",
            "crate::worker",
            "crate::execute",
        ],
    },
    Ban { within: &["pipeline/", "ship/", "report/"], except: &[], names: &["crate::cache::SqliteCache"] },
    Ban { within: &["platform/"], except: &[], names: &["crate::ship", "crate::cli", "crate::pipeline"] },
    Ban {
        within: &["report/"],
        except: &[],
        names: &[
            "crate::cli",
            "crate::ship",
            "crate::pipeline",
            "crate::sandbox",
            "crate::platform",
            "crate::probe",
            "crate::transcode",
            "crate::verify",
            "crate::worker",
            "crate::execute",
        ],
    },
    Ban { within: &[""], except: &["cli/", "report/", "main.rs", "bin/"], names: PRINTING },
    Ban { within: &[""], except: &[], names: &["static mut"] },
];

/// Returns every path in the code, with `use` trees expanded and `super`, `self` and `greenlit` resolved.
fn paths_of(code: &str, file: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("use ") {
        let fresh = start == 0 || code[..start].ends_with(|c: char| c.is_whitespace() || c == '(');
        if let Some(tree) = code[start + 4..].split(';').next().filter(|_| fresh) {
            let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
            expand_use_tree("", &tree, &mut found);
        }
    }
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    found.extend(code.split(|c| !word(c)).filter(|path| !path.is_empty()).map(str::to_owned));
    found.iter().map(|path| resolve(path, file)).collect()
}

fn expand_use_tree(before: &str, tree: &str, into: &mut BTreeSet<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        into.insert(format!("{before}{}", tree.split(" as ").next().unwrap_or_default().trim()));
        return;
    };
    let before = format!("{before}{}", &tree[..open]);
    let (mut depth, mut from) = (0, open + 1);
    for (i, c) in tree.char_indices().skip(open) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if (c == ',' && depth == 1) || (c == '}' && depth == 0) {
            expand_use_tree(&before, &tree[from..i], into);
            from = i + 1;
        }
    }
}

/// Returns a path relative to the root of the crate.
fn resolve(path: &str, file: &str) -> String {
    let mut module: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    let mut rest = path.trim_start_matches("::");
    if let Some(tail) = rest.strip_prefix("greenlit::") {
        return format!("crate::{tail}");
    }
    let relative = rest.starts_with("super::") || rest.starts_with("self::");
    while let Some(tail) = rest.strip_prefix("super::") {
        module.pop();
        rest = tail;
    }
    rest = rest.strip_prefix("self::").unwrap_or(rest);
    if relative {
        format!("crate::{}::{rest}", module.join("::")).replace("::::", "::")
    } else {
        rest.to_owned()
    }
}

/// Returns the violations of a file; `file` is its path below `src`.
fn violations(file: &str, source: &str) -> Vec<String> {
    let code = code_of(source);
    let paths = paths_of(&code, file);
    let mut found = Vec::new();
    for ban in BANS {
        let under = |list: &[&str]| list.iter().any(|start| file.starts_with(start));
        if !under(ban.within) || under(ban.except) {
            continue;
        }
        for name in ban.names {
            let named = if name.contains(['!', ' ']) {
                code.match_indices(name)
                    .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            } else {
                paths.iter().any(|path| {
                    path == name
                        || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"))
                        || (*name == "process::exit" && path.ends_with("process::exit"))
                })
            };
            if named {
                found.push(format!("src/{file} must not use {name}"));
            }
        }
    }
    found
}

#[test]
fn no_file_uses_a_name_that_is_forbidden_in_its_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "only {} files below {}", files.len(), root.display());
    let found: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let file = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            violations(&file, &std::fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_ban_is_detected() {
    for ban in BANS {
        for name in ban.names {
            let file = match ban.within[0] {
                "" => "ship/made_up.rs".to_owned(),
                folder => format!("{folder}made_up.rs"),
            };
            let direct = match *name {
                "unsafe" => "fn f() { unsafe { g() } }".to_owned(),
                name if name.contains('!') => format!("fn f() {{ {name}(1) }}"),
                "static mut" => "static mut X: u8 = 0;".to_owned(),
                "process::exit" => "fn f() { std::process::exit(1) }".to_owned(),
                name => format!("fn f() {{ {name}::thing() }}"),
            };
            let wanted = format!("src/{file} must not use {name}");
            assert!(violations(&file, &direct).contains(&wanted), "{wanted}: {direct}");
        }
    }
}

#[test]
fn a_use_is_detected_in_every_form() {
    let wanted = vec!["src/rules/all/x.rs must not use crate::plan".to_owned()];
    for source in [
        "use crate::plan::OutputSpec;",
        "use crate::plan;",
        "use crate::{\n    model::Size,\n    plan::{OutputSpec, Preset as P},\n};",
        "pub(crate) use super::super::super::plan::Preset;",
        "use super::super::super::{plan};",
        "fn f() -> crate::plan::Preset { todo!() }",
        "use greenlit::plan::Preset;",
    ] {
        assert_eq!(violations("rules/all/x.rs", source), wanted, "{source}");
    }
    let time = violations("rules/x.rs", "use std::{collections::BTreeMap, time::{Duration, Instant}};");
    assert_eq!(time, ["src/rules/x.rs must not use std::time::Instant"]);
}

#[test]
fn ignores_comments_literals_and_unit_tests() {
    let source = "//! use crate::plan;\n/* unsafe /* println! */ */\nconst A: &str = \"unsafe crate::plan\";\n\
        const B: &str = r#\"println!(\"\") crate::plan\"#; const C: char = '\"'; fn f<'a>(x: &'a str) {}\n\
        use std::time::Duration; use crate::planet::X; // static mut\n\
        #[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
    assert_eq!(violations("rules/x.rs", source), Vec::<String>::new());
    let after = format!("{}\nfn g() {{ unsafe {{}} }}", "const C: char = '\"'; const D: char = '\\'';");
    assert_eq!(violations("rules/x.rs", &after).len(), 1);
}

/// Returns the DT_NEEDED entries (shared libraries) of a 64-bit little-endian ELF file.
fn needed(elf: &[u8]) -> Vec<String> {
    let number = |at: usize, size: usize| {
        elf[at..at + size].iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)) as usize
    };
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file");
    let (table, entry, count) = (number(32, 8), number(54, 2), number(56, 2));
    // (type, offset in the file, address, size in the file)
    let segments: Vec<[usize; 4]> = (0..count)
        .map(|i| table + i * entry)
        .map(|at| [number(at, 4), number(at + 8, 8), number(at + 16, 8), number(at + 32, 8)])
        .collect();
    let [_, offset, _, size] = *segments.iter().find(|segment| segment[0] == 2).expect("no PT_DYNAMIC");
    let entries: Vec<(usize, usize)> = (offset..offset + size)
        .step_by(16)
        .map(|at| (number(at, 8), number(at + 8, 8)))
        .take_while(|(tag, _)| *tag != 0)
        .collect();
    let strings = entries.iter().find(|(tag, _)| *tag == 5).expect("no DT_STRTAB").1;
    let load = |s: &&[usize; 4]| s[0] == 1 && (s[2]..s[2] + s[3]).contains(&strings);
    let [_, file, address, _] = *segments.iter().find(load).expect("DT_STRTAB is in no segment");
    let strings = strings - address + file;
    let name = |at: usize| elf[strings + at..].iter().take_while(|byte| **byte != 0).map(|b| *b as char);
    entries.iter().filter(|(tag, _)| *tag == 1).map(|(_, at)| name(*at).collect()).collect()
}

fn media_libraries(binary: &str) -> Vec<String> {
    let libraries = needed(&std::fs::read(binary).unwrap());
    assert!(libraries.iter().any(|name| name.starts_with("libc.")), "{binary}: {libraries:?}");
    let media = |name: &String| name.starts_with("libav") || name.starts_with("libsw");
    libraries.into_iter().filter(media).collect()
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
fn only_the_worker_loads_media_libraries() {
    assert_eq!(media_libraries(env!("CARGO_BIN_EXE_greenlit")), Vec::<String>::new());
    let worker = media_libraries(env!("CARGO_BIN_EXE_greenlit-worker"));
    for name in ["libavcodec.", "libavformat.", "libavutil."] {
        assert!(worker.iter().any(|library| library.starts_with(name)), "{name}: {worker:?}");
    }
}
