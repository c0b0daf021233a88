//! Prints a software bill of materials (CycloneDX 1.5, JSON): every crate that is built into greenlit for this
//! system, with version, checksum and licence, and the FFmpeg libraries as `pkg-config` finds them.
//!
//! It contains no time and no random number, so that the same tree gives the same document.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of the build")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const ROOT: &str = "greenlit";

/// The libraries that the media worker links dynamically.
const LIBRARIES: [&str; 6] =
    ["libavcodec", "libavformat", "libavutil", "libavfilter", "libswscale", "libswresample"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no root folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = host(&stdout(Command::new("rustc").arg("-vV"))?)?;
    let arguments = ["metadata", "--locked", "--format-version", "1", "--filter-platform", &target];
    let metadata = stdout(Command::new(cargo).args(arguments).current_dir(root))?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let document = document(&serde_json::from_str(&metadata)?, &checksums(&lock)?, &libraries())?;
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}

fn stdout(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output().map_err(|error| format!("{command:?} cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns the system that rustc builds for.
fn host(version: &str) -> Result<String, Box<dyn Error>> {
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.ok_or("rustc does not say for which system it builds")?.to_owned())
}

/// Name and version of a crate.
type Crate = (String, String);

/// Returns the SHA-256 of each crate from the registry.
fn checksums(lock: &str) -> Result<BTreeMap<Crate, String>, Box<dyn Error>> {
    let lock: toml::Table = lock.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array).ok_or("Cargo.lock has no packages")?;
    let entry = |package: &toml::Value| {
        let field = |name| Some(package.get(name)?.as_str()?.to_owned());
        Some(((field("name")?, field("version")?), field("checksum")?))
    };
    Ok(packages.iter().filter_map(entry).collect())
}

/// Returns the libraries of FFmpeg that are installed, with their versions.
fn libraries() -> Vec<Crate> {
    let version = |name: &&str| {
        let version = stdout(Command::new("pkg-config").args(["--modversion", name])).ok()?;
        Some(((*name).to_owned(), version.trim().to_owned()))
    };
    LIBRARIES.iter().filter_map(version).collect()
}

fn document(
    metadata: &Value,
    checksums: &BTreeMap<Crate, String>,
    libraries: &[Crate],
) -> Result<Value, Box<dyn Error>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let edges: BTreeMap<String, BTreeSet<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let built = list(&node["deps"]).into_iter().filter(|dependency| {
                // A dependency of tests alone is not built into greenlit.
                list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
            });
            (text(&node["id"]), built.map(|dependency| text(&dependency["pkg"])).collect())
        })
        .collect();
    let root = packages.iter().find(|(_, package)| package["name"] == ROOT).map(|(id, _)| id.clone());
    let root = root.ok_or("greenlit is not among the packages")?;
    let mut reached = BTreeSet::from([root.clone()]);
    let mut open = vec![root.clone()];
    while let Some(id) = open.pop() {
        let next = edges.get(&id).into_iter().flatten().filter(|next| reached.insert((*next).clone()));
        open.extend(next.cloned());
    }
    let reference = |id: &String| packages.get(id).map(purl).unwrap_or_default();
    let mut components: Vec<Value> = reached
        .iter()
        .filter(|id| **id != root)
        .filter_map(|id| packages.get(id))
        .map(|package| component(package, checksums))
        .collect();
    components.extend(libraries.iter().map(library));
    let mut dependencies: Vec<Value> = reached
        .iter()
        .map(|id| {
            let on = edges.get(id).into_iter().flatten().map(reference);
            let on = on.chain(libraries.iter().filter(|_| *id == root).map(library_reference));
            json!({"ref": reference(id), "dependsOn": on.collect::<BTreeSet<_>>()})
        })
        .collect();
    dependencies.sort_by_key(|entry| text(&entry["ref"]));
    components.sort_by_key(|entry| text(&entry["bom-ref"]));
    let main = packages.get(&root).map(|package| component(package, checksums)).unwrap_or_default();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": main["bom-ref"], "name": ROOT,
            "version": main["version"], "licenses": main["licenses"], "purl": main["purl"]}},
        "components": components,
        "dependencies": dependencies,
    }))
}

fn purl(package: &Value) -> String {
    let field = |name: &str| package[name].as_str().unwrap_or_default().replace('+', "%2B");
    format!("pkg:cargo/{}@{}", field("name"), field("version"))
}

fn component(package: &Value, checksums: &BTreeMap<Crate, String>) -> Value {
    let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": field("name"),
        "version": field("version"),
        "purl": purl(package),
    });
    let licence = field("license");
    if !licence.is_empty() {
        component["licenses"] = json!([{"expression": expression(&licence)}]);
    }
    if let Some(checksum) = checksums.get(&(field("name"), field("version"))) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

/// Returns a licence as an SPDX expression: crates may still write `MIT/Apache-2.0`.
fn expression(licence: &str) -> String {
    licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

fn library_reference(library: &Crate) -> String {
    let (name, version) = library;
    format!("pkg:generic/ffmpeg/{name}@{version}")
}

/// Returns an FFmpeg library. Its licence depends on how it was configured, so none is claimed.
fn library(library: &Crate) -> Value {
    let (name, version) = library;
    let reference = library_reference(library);
    json!({
        "type": "library",
        "bom-ref": reference,
        "group": "ffmpeg",
        "name": name,
        "version": version,
        "purl": reference,
        "properties": [{"name": "greenlit:linked", "value": "dynamically, by greenlit-worker only"}],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_what_is_built_and_not_what_only_tests_need() {
        let package =
            |name: &str| json!({"id": name, "name": name, "version": "1.0.0+a", "license": "MIT/Apache-2.0"});
        let edge = |to: &str, kind: Value| json!({"pkg": to, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package(ROOT), package("built"), package("deep"), package("tested"), package("other")],
            "resolve": {"nodes": [
                {"id": ROOT, "deps": [edge("built", Value::Null), edge("tested", json!("dev"))]},
                {"id": "built", "deps": [edge("deep", json!("build"))]},
                {"id": "other", "deps": [edge(ROOT, Value::Null)]},
            ]},
        });
        let lock = "[[package]]\nname = \"built\"\nversion = \"1.0.0+a\"\nchecksum = \"ab12\"\n";
        let found =
            document(&metadata, &checksums(lock).unwrap(), &[("libavcodec".into(), "59.1".into())]).unwrap();
        let names: Vec<&str> =
            found["components"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["built", "deep", "libavcodec"]);
        assert_eq!(found["components"][0]["hashes"][0]["content"], "ab12");
        assert_eq!(found["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(found["components"][0]["purl"], "pkg:cargo/built@1.0.0%2Ba");
        let of_root = found["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["ref"] == found["metadata"]["component"]["bom-ref"])
            .unwrap();
        assert_eq!(
            of_root["dependsOn"],
            json!(["pkg:cargo/built@1.0.0%2Ba", "pkg:generic/ffmpeg/libavcodec@59.1"])
        );
    }
}
