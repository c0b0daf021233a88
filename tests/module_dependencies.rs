//! Tests that the sources and programs follow the dependency rules of the architecture.
//!
//! Cargo's features hold a part of them: `make features` builds the core without FFmpeg, SQLite, HTTP, tokio and clap, and
//! everything but `libav` without FFmpeg. Lints hold another: `unsafe`, printing and ending the process are errors where
//! no attribute allows them.
#![allow(clippy::unwrap_used)]

#[path = "common/module_graph.rs"]
mod module_graph;
#[path = "common/sources.rs"]
mod source_files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use module_graph::{Graph, ModulePath};
use object::read::elf::ElfFile64;
use source_files::sources;

/// The layers from the lowest to the highest, and what each imports besides itself. A layer is a module with everything
/// below it that is no layer of its own. It can only import what stands above it in this list.
const LAYERS: &[(&str, &[&str])] = &[
    // The core.
    ("model", &[]),
    ("profile", &["model"]),
    ("rules", &["model", "profile"]),
    ("plan", &["model", "profile", "rules"]),
    ("ending", &["plan"]),
    ("probe", &["model"]),
    // Messages, and the processes that take them.
    ("job", &["model", "plan"]),
    ("worker", &["model", "plan", "job"]),
    // The media library: what its three adapters share, the adapters, and what connects them.
    ("libav", &["model", "plan", "probe", "job"]),
    ("probe::libav", &["model", "probe", "job", "libav"]),
    ("transcode", &["model", "plan", "probe", "job", "libav"]),
    ("verify", &["model", "plan", "probe", "job", "libav"]),
    ("execute", &["model", "plan", "job", "worker", "libav", "probe::libav", "transcode", "verify"]),
    // Files and folders of this machine.
    ("state_folder", &[]),
    ("host_memory", &[]),
    ("cache", &["model", "job"]),
    ("pipeline", &["model", "profile", "rules", "plan", "ending", "probe", "job", "state_folder", "cache"]),
    // What builds and drop folders remember.
    ("build", &["rules", "ending", "job", "state_folder", "cache", "pipeline"]),
    ("watch", &["ending", "state_folder", "cache"]),
    ("report", &["model", "profile", "rules", "plan", "ending", "job"]),
    // Platforms, real and simulated.
    ("platform", &["profile", "rules"]),
    ("ship", &["model", "profile", "rules", "plan", "ending", "cache", "platform"]),
    ("sandbox", &["state_folder"]),
    // What people and programs call.
    (
        "facade",
        &[
            "profile",
            "rules",
            "plan",
            "ending",
            "job",
            "worker",
            "execute",
            "host_memory",
            "pipeline",
            "platform",
            "ship",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "profile",
            "rules",
            "plan",
            "ending",
            "job",
            "worker",
            "state_folder",
            "host_memory",
            "cache",
            "facade",
            "pipeline",
            "build",
            "watch",
            "report",
            "platform",
            "ship",
            "sandbox",
        ],
    ),
];

/// The layers without effects.
const PURE: &[&str] = &["model", "profile", "rules", "plan", "ending"];

/// What a layer without effects cannot name.
const EFFECTS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// The lints that hold a rule, and the only files that may allow them.
const LINTS: &[(&str, &[&str])] = &[
    // The adapters of the media library, and the calls of the operating system that isolate a worker.
    (
        "unsafe_code",
        &["lib.rs", "probe/mod.rs", "transcode/libav/mod.rs", "verify/libav/mod.rs", "worker/raw.rs"],
    ),
    ("clippy::print_stdout", &["cli/mod.rs"]),
    ("clippy::print_stderr", &["cli/mod.rs"]),
    ("clippy::exit", &["cli/interrupt.rs"]),
];

/// The files that may name standard error: one writer escapes foreign text, the others ask about the terminal.
const STANDARD_ERROR: &[&str] = &["cli/notices.rs", "cli/settings.rs"];

fn graph() -> Graph {
    let graph = Graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(graph.modules().count() > 300, "only {} modules", graph.modules().count());
    graph
}

/// Returns the layer of a module; `None` for the root, which only declares.
fn layer(path: &[String]) -> Option<String> {
    let names = (1..=path.len()).rev().map(|length| path[..length].join("::"));
    names.into_iter().find(|name| LAYERS.iter().any(|(layer, _)| layer == name))
}

/// Returns the imports that the table of layers does not have.
fn wrong_imports(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (path, module) in graph.modules() {
        let Some(from) = layer(path) else {
            let is_root = path.is_empty();
            found.extend((!is_root).then(|| format!("src/{} belongs to no layer", module.file)));
            continue;
        };
        let allowed = LAYERS.iter().find(|(name, _)| *name == from).unwrap().1;
        for import in graph.imports(path) {
            let to = layer(&import).unwrap_or_else(|| "the root".to_owned());
            if to != from && !allowed.contains(&to.as_str()) {
                found.push(format!("src/{} must not import {}", module.file, import.join("::")));
            }
        }
    }
    found
}

/// Returns the effects that the layers without effects name.
fn effects(graph: &Graph) -> Vec<String> {
    let pure = |path: &ModulePath| layer(path).is_some_and(|layer| PURE.contains(&layer.as_str()));
    let mut found = Vec::new();
    for (_, module) in graph.modules().filter(|(path, _)| pure(path)) {
        for name in module.foreign.iter().map(|path| path.join("::")) {
            let is_effect = EFFECTS.iter().any(|effect| {
                let inside = |outer: &str, inner: &str| {
                    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                };
                inside(effect, &name) || name != "std" && inside(&name, effect)
            });
            found.extend(is_effect.then(|| format!("src/{} must not use {name}", module.file)));
        }
    }
    found
}

#[test]
fn every_import_points_to_a_lower_layer_that_its_layer_knows() {
    let graph = graph();
    let wrong = wrong_imports(&graph);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (index, (layer, allowed)) in LAYERS.iter().enumerate() {
        for lower in *allowed {
            let is_above = LAYERS[..index].iter().any(|(name, _)| name == lower);
            assert!(is_above, "{layer} imports {lower}, which is not above it in the table");
        }
    }
}

#[test]
fn no_two_files_import_each_other_directly_or_through_others() {
    let cycles: Vec<String> = graph()
        .cycles()
        .iter()
        .map(|cycle| cycle.iter().map(|path| path.join("::")).collect::<Vec<_>>().join(", "))
        .collect();
    assert!(cycles.is_empty(), "{} cycles:\n{}", cycles.len(), cycles.join("\n"));
}

#[test]
fn the_core_has_no_effects() {
    let found = effects(&graph());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_lints_that_hold_a_rule_are_allowed_in_known_files_only() {
    let graph = graph();
    for (lint, files) in LINTS {
        let allowing: BTreeSet<&str> = graph
            .modules()
            .filter(|(_, module)| module.allowed.contains(*lint))
            .map(|(_, module)| module.file.as_str())
            .collect();
        assert_eq!(allowing, files.iter().copied().collect(), "{lint}");
    }
    let is_stderr = |path: &Vec<String>| path.ends_with(&["io".to_owned(), "stderr".to_owned()]);
    let naming = graph.modules().filter(|(_, module)| module.foreign.iter().any(is_stderr));
    let naming: BTreeSet<&str> = naming.map(|(_, module)| module.file.as_str()).collect();
    assert_eq!(naming, STANDARD_ERROR.iter().copied().collect());
    let printing = graph
        .modules()
        .filter(|(_, module)| ["eprint", "eprintln", "dbg"].iter().any(|name| module.macros.contains(*name)));
    let printing: Vec<&str> = printing.map(|(_, module)| module.file.as_str()).collect();
    assert_eq!(printing, Vec::<&str>::new());
}

/// Returns the graph of a few files; a module that nothing declares is one, too.
fn small(files: &[(&str, &str)]) -> Graph {
    Graph::of(files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())))
}

#[test]
fn an_import_is_found_in_every_form() {
    let lower = [("plan/mod.rs", "pub mod steps;\npub struct Plan;"), ("plan/steps.rs", "pub struct Step;")];
    for text in [
        "use crate::plan::Plan;",
        "use crate::plan;",
        "use crate::{\n    model::Size,\n    plan::{Plan as P, steps},\n};",
        "pub(crate) use super::super::super::plan::Plan;",
        "use super::super::super::{plan};",
        "fn f() -> crate::plan::Plan { todo!() }",
        "fn f() { g::<crate::plan::Plan>() }",
        "fn f() { vec![1, crate::plan::make()] }",
        "use greenlit::plan::Plan;",
        "mod inner { use super::super::super::super::plan::Plan; }",
    ] {
        let graph = small(&[lower[0], lower[1], ("rules/all/x.rs", text)]);
        let wrong = wrong_imports(&graph);
        assert!(
            wrong.iter().any(|line| line.starts_with("src/rules/all/x.rs must not import plan")),
            "{text}"
        );
    }
    let tests_only = "#[cfg(test)]\nmod tests { use crate::plan::Plan; }\n#[cfg(test)]\nuse crate::plan::Plan;\n\
        /// Unlike `crate::plan::Plan`.\nfn f() -> &'static str { \"crate::plan\" }";
    assert_eq!(wrong_imports(&small(&[lower[0], lower[1], ("rules/all/x.rs", tests_only)])), [""; 0]);
}

#[test]
fn a_re_exported_name_belongs_to_the_file_that_defines_it() {
    let facade = ("model/mod.rs", "mod size;\nmod frame;\npub use size::Size;\npub use frame::Frame;");
    let frame = ("model/frame.rs", "use super::Size;\npub struct Frame(Size);");
    let graph = small(&[facade, frame, ("model/size.rs", "pub struct Size;")]);
    assert_eq!(graph.cycles(), Vec::<Vec<ModulePath>>::new());
    let graph = small(&[facade, frame, ("model/size.rs", "pub struct Size;\nuse super::Frame;")]);
    let names = |path: &ModulePath| path.join("::");
    let cycles: Vec<Vec<String>> =
        graph.cycles().iter().map(|cycle| cycle.iter().map(names).collect()).collect();
    assert_eq!(cycles, [["model::frame", "model::size"]]);
    // What the parent itself defines ties its children to it.
    let parent = ("model/mod.rs", "mod frame;\npub use frame::Frame;\npub struct Size;");
    assert_eq!(small(&[parent, frame]).cycles().len(), 1);
}

#[test]
fn an_effect_is_found_in_the_core_only() {
    let text =
        "use std::{collections::BTreeMap, time::{Duration, Instant}};\nfn f() { std::fs::read(\"x\"); }";
    let found = effects(&small(&[("rules/x.rs", text), ("cache/x.rs", text)]));
    assert_eq!(
        found,
        ["src/rules/x.rs must not use std::fs::read", "src/rules/x.rs must not use std::time::Instant"]
    );
}

/// Returns the shared libraries that a program names.
fn libraries(program: &str) -> BTreeSet<String> {
    let bytes = std::fs::read(program).unwrap();
    let file = ElfFile64::<object::Endianness>::parse(bytes.as_slice()).unwrap();
    let table = file.elf_dynamic_table().unwrap();
    let needed = table.iter().filter(|entry| entry.tag == object::elf::DT_NEEDED);
    needed.map(|entry| String::from_utf8(table.string(entry).unwrap().to_vec()).unwrap()).collect()
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn only_the_worker_loads_media_libraries() {
    let programs = [env!("CARGO_BIN_EXE_greenlit"), env!("CARGO_BIN_EXE_greenlit-worker")];
    let [program, worker] = programs.map(|program| {
        let libraries = libraries(program);
        assert!(libraries.iter().any(|name| name.starts_with("libc.")), "{program}: {libraries:?}");
        let is_media = |name: &String| name.starts_with("libav") || name.starts_with("libsw");
        libraries.into_iter().filter(is_media).collect::<Vec<_>>()
    });
    assert_eq!(program, Vec::<String>::new());
    for name in ["libavcodec.", "libavformat.", "libavutil."] {
        assert!(worker.iter().any(|library| library.starts_with(name)), "{name}: {worker:?}");
    }
}

#[test]
fn every_layer_exists() {
    let graph = graph();
    let mut files: BTreeMap<&str, usize> = LAYERS.iter().map(|(name, _)| (*name, 0)).collect();
    for name in graph.modules().filter_map(|(path, _)| layer(path)) {
        *files.get_mut(name.as_str()).unwrap() += 1;
    }
    assert!(files.values().all(|count| *count > 0), "{files:?}");
}
