//! What greenlit is built from: the registry, checksums and licences that `deny.toml` allows, without the programs
//! that `make lint` runs where they are installed, and the software bill of materials of `make sbom`.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table(name: &str) -> toml::Table {
    std::fs::read_to_string(root().join(name)).unwrap().parse().unwrap()
}

fn strings(value: &toml::Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn stdout(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn host() -> String {
    let version = stdout(Command::new("rustc").arg("-vV"));
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Returns the packages that are built for this system, also by tests.
fn packages() -> Vec<Value> {
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform"];
    let metadata = stdout(Command::new(env!("CARGO")).args(arguments).arg(host()));
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn every_crate_comes_from_the_registry_with_a_checksum() {
    let (lock, deny) = (table("Cargo.lock"), table("deny.toml"));
    let registries = strings(&deny["sources"]["allow-registry"]);
    let own = ["greenlit", "greenlit-fuzz", "greenlit-guard", "greenlit-sbom"];
    let packages = lock["package"].as_array().unwrap();
    assert!(packages.len() > 100, "the lock file is not read");
    for package in packages {
        let text = |field: &str| package.get(field).and_then(toml::Value::as_str);
        let name = text("name").unwrap();
        if own.contains(&name) {
            assert_eq!(text("source"), None, "{name}");
            continue;
        }
        let source = text("source").and_then(|source| source.strip_prefix("registry+"));
        assert!(source.is_some_and(|source| registries.iter().any(|known| known == source)), "{name}");
        let checksum = text("checksum").unwrap_or_else(|| panic!("{name} has no checksum"));
        assert!(checksum.len() == 64 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }
}

/// Returns whether a licence expression can be met with allowed licences only. `/` is the old form of `OR`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut tokens: Vec<&str> = spaced.split_whitespace().rev().collect();
    let met = either(&mut tokens, allowed);
    met && tokens.is_empty()
}

fn either(tokens: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(tokens, allowed);
    while tokens.last() == Some(&"OR") {
        tokens.pop();
        met |= all(tokens, allowed);
    }
    met
}

fn all(tokens: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(tokens, allowed);
    while tokens.last() == Some(&"AND") {
        tokens.pop();
        met &= one(tokens, allowed);
    }
    met
}

fn one(tokens: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    match tokens.pop() {
        Some("(") => {
            let met = either(tokens, allowed);
            tokens.pop() == Some(")") && met
        }
        // An exception is listed with its licence or not at all.
        Some(licence) if tokens.last() == Some(&"WITH") => {
            tokens.pop();
            let exception = tokens.pop().unwrap_or_default();
            allowed.contains(&format!("{licence} WITH {exception}"))
        }
        Some(licence) => allowed.contains(licence),
        None => false,
    }
}

#[test]
fn reads_licence_expressions() {
    let allowed = ["MIT", "Apache-2.0", "ISC"].map(str::to_owned).into();
    for expression in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND ISC",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    ] {
        assert!(is_allowed(expression, &allowed), "{expression}");
    }
    for expression in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "MIT)",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(!is_allowed(expression, &allowed), "{expression}");
    }
}

#[test]
fn every_licence_is_allowed() {
    let allowed: BTreeSet<String> = strings(&table("deny.toml")["licenses"]["allow"]).into_iter().collect();
    let packages = packages();
    assert!(packages.len() > 100, "the packages are not read");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &allowed), "{}: {licence:?} is not in deny.toml", package["name"]);
    }
}

#[test]
fn crates_in_several_versions_are_listed_with_a_reason() {
    let (lock, deny) = (table("Cargo.lock"), table("deny.toml"));
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let text = |field: &str| package[field].as_str().unwrap();
        versions.entry(text("name")).or_default().insert(text("version"));
    }
    let skipped: Vec<String> = deny["bans"]["skip"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skip| {
            assert!(!skip["reason"].as_str().unwrap().is_empty());
            skip["crate"].as_str().unwrap().to_owned()
        })
        .collect();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let is_listed = |version: &&&str| {
            skipped.iter().any(|skip| {
                let (crate_name, prefix) = skip.split_once('@').unwrap();
                crate_name == *name && version.starts_with(&format!("{prefix}."))
            })
        };
        let unlisted = versions.iter().filter(|version| !is_listed(version)).count();
        assert_eq!(unlisted, 1, "{name}: {versions:?}; list all but one in deny.toml, or get rid of them");
    }
}

/// What CycloneDX 1.5 requires of the parts of a document that are used here.
fn cyclonedx() -> Value {
    let component = json!({
        "type": "object",
        "required": ["type", "name"],
        "additionalProperties": false,
        "properties": {
            "type": {"enum": ["application", "library"]},
            "bom-ref": {"type": "string", "minLength": 1},
            "group": {"type": "string"},
            "name": {"type": "string", "minLength": 1},
            "version": {"type": "string", "minLength": 1},
            "purl": {"type": "string", "pattern": "^pkg:[a-z]+/.+@.+$"},
            "hashes": {"type": "array", "items": {"type": "object", "required": ["alg", "content"],
                "properties": {"alg": {"enum": ["SHA-256"]}, "content": {"pattern": "^[a-fA-F0-9]{64}$"}}}},
            "licenses": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "object",
                "required": ["expression"], "additionalProperties": false,
                "properties": {"expression": {"type": "string", "pattern": "^[A-Za-z0-9.()+ -]+$"}}}},
            "properties": {"type": "array", "items": {"type": "object", "required": ["name", "value"]}},
        },
    });
    json!({
        "type": "object",
        "required": ["bomFormat", "specVersion"],
        "additionalProperties": false,
        "properties": {
            "bomFormat": {"const": "CycloneDX"},
            "specVersion": {"const": "1.5"},
            "version": {"type": "integer", "minimum": 1},
            "metadata": {"type": "object", "properties": {"component": component}},
            "components": {"type": "array", "uniqueItems": true, "items": component},
            "dependencies": {"type": "array", "uniqueItems": true, "items": {"type": "object",
                "required": ["ref"], "properties": {"ref": {"type": "string", "minLength": 1},
                    "dependsOn": {"type": "array", "uniqueItems": true, "items": {"type": "string"}}}}},
        },
    })
}

#[test]
fn the_bill_of_materials_is_complete_and_valid() {
    let arguments = ["run", "--quiet", "--locked", "--offline", "-p", "greenlit-sbom"];
    let text = stdout(Command::new(env!("CARGO")).args(arguments));
    let document: Value = serde_json::from_str(&text).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&cyclonedx())
        .unwrap()
        .iter_errors(&document)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());

    let components = document["components"].as_array().unwrap();
    let find = |name: &str| components.iter().find(|component| component["name"] == name);
    let lock = table("Cargo.lock");
    for package in lock["package"].as_array().unwrap() {
        let text = |field: &str| package.get(field).and_then(toml::Value::as_str).unwrap_or_default();
        let same =
            |component: &&Value| component["name"] == text("name") && component["version"] == text("version");
        if let Some(component) = components.iter().find(same) {
            assert_eq!(component["hashes"][0]["content"], text("checksum"), "{}", text("name"));
            assert!(component["licenses"][0]["expression"].is_string(), "{}", text("name"));
        }
    }
    for built in ["reqwest", "rustls", "rusqlite", "ffmpeg-sys-next", "image", "image-webp", "gif"] {
        assert!(find(built).is_some(), "{built} is missing");
    }
    for not_built in ["insta", "jsonschema"] {
        assert!(find(not_built).is_none(), "{not_built} is listed");
    }
    for library in ["libavcodec", "libavformat", "libavutil", "libavfilter", "libswscale", "libswresample"] {
        assert!(
            find(library).is_some_and(|found| found["version"].as_str().is_some_and(|v| v.contains('.')))
        );
    }
    // Every reference names a component.
    let known: BTreeSet<&str> = components
        .iter()
        .chain([&document["metadata"]["component"]])
        .map(|component| component["bom-ref"].as_str().unwrap())
        .collect();
    assert_eq!(known.len(), components.len() + 1, "a reference stands twice");
    for entry in document["dependencies"].as_array().unwrap() {
        let on = entry["dependsOn"].as_array().unwrap().iter().map(|to| to.as_str().unwrap());
        for reference in on.chain([entry["ref"].as_str().unwrap()]) {
            assert!(known.contains(reference), "{reference}");
        }
    }
    let again = stdout(Command::new(env!("CARGO")).args(arguments));
    assert_eq!(again, text, "the same tree gives another document");
}
