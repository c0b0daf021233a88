//! Tests that the public interface of the library is what `tests/public_api.txt` lists, so that a change of it is seen.
//!
//! `UPDATE_PUBLIC_API=1 cargo test --test public_api` writes the list anew. Hidden modules and items are left out: they
//! serve the programs and the tests, and may change in any release.
#![allow(clippy::unwrap_used)]

#[path = "common/sources.rs"]
mod source_files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use source_files::sources;
use syn::{Attribute, Fields, Item, UseTree, Visibility};

type ModulePath = Vec<String>;

/// The parsed files, by module.
struct Crate {
    files: BTreeMap<ModulePath, syn::File>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

impl Crate {
    fn read() -> Crate {
        let mut files = Vec::new();
        sources(&root(), &mut files);
        let parse = |path: &PathBuf| {
            let file = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let mut names: ModulePath = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if matches!(names.last().map(String::as_str), Some("mod" | "lib")) {
                names.pop();
            }
            (names, syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap())
        };
        let is_program =
            |path: &PathBuf| path.ends_with("main.rs") || path.parent().unwrap().ends_with("bin");
        Crate { files: files.iter().filter(|path| !is_program(path)).map(parse).collect() }
    }

    /// Returns the module in which `name` is defined, as seen from `module`.
    fn definition(&self, module: &[String], name: &str, depth: usize) -> Option<ModulePath> {
        let file = self.files.get(module)?;
        if file.items.iter().any(|item| item_name(item).is_some_and(|defined| defined == name)) {
            return Some(module.to_vec());
        }
        let mut imports = Vec::new();
        for item in &file.items {
            if let Item::Use(import) = item {
                collect_uses(&[], &import.tree, &mut imports);
            }
        }
        let (_, path) = imports.into_iter().find(|(known_as, _)| known_as == name)?;
        let (target, from) = path.split_last()?;
        let from = self.absolute(module, from)?;
        if depth > 10 { None } else { self.definition(&from, target, depth + 1) }
    }

    fn absolute(&self, module: &[String], path: &[String]) -> Option<ModulePath> {
        let mut at = module.to_vec();
        let mut rest = path;
        match path.first().map(String::as_str) {
            None => {}
            Some("crate") => (at, rest) = (Vec::new(), &path[1..]),
            Some("self") => rest = &path[1..],
            Some("super") => {}
            Some(child) => {
                let below: ModulePath = at.iter().cloned().chain([child.to_owned()]).collect();
                self.files.contains_key(&below).then_some(())?;
            }
        }
        while rest.first().is_some_and(|name| name == "super") {
            at.pop();
            rest = &rest[1..];
        }
        at.extend(rest.iter().cloned());
        Some(at)
    }

    /// Adds the public items of a module and of the public modules below it.
    fn list(&self, module: &ModulePath, lines: &mut Vec<String>) {
        let name = |item: &str| {
            format!("greenlit::{}{item}", module.iter().map(|m| format!("{m}::")).collect::<String>())
        };
        for item in &self.files[module].items {
            let (visibility, attributes) = match parts(item) {
                Some(parts) => parts,
                None => continue,
            };
            if !matches!(visibility, Visibility::Public(_)) || is_hidden(attributes) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    let below = module.iter().cloned().chain([child.ident.to_string()]).collect();
                    lines.push(format!("mod {}", name(&child.ident.to_string())));
                    self.list(&below, lines);
                }
                Item::Use(import) => {
                    let mut uses = Vec::new();
                    collect_uses(&[], &import.tree, &mut uses);
                    for (known_as, _) in uses {
                        if let Some(home) = self.definition(module, &known_as, 0) {
                            self.list_item(&home, &known_as, &name(&known_as), lines);
                        } else {
                            lines.push(format!("use {}", name(&known_as)));
                        }
                    }
                }
                _ => {
                    let known_as = item_name(item).unwrap();
                    self.list_item(module, &known_as, &name(&known_as), lines);
                }
            }
        }
    }

    /// Adds one item, its public fields, variants and methods.
    fn list_item(&self, home: &ModulePath, ident: &str, name: &str, lines: &mut Vec<String>) {
        let items = &self.files[home].items;
        let Some(item) = items.iter().find(|item| item_name(item).is_some_and(|defined| defined == ident))
        else {
            return;
        };
        let (_, attributes) = parts(item).unwrap();
        if is_hidden(attributes) {
            return;
        }
        let open = if attributes.iter().any(|a| a.path().is_ident("non_exhaustive")) {
            " (non_exhaustive)"
        } else {
            ""
        };
        match item {
            Item::Struct(item) => {
                lines.push(format!("struct {name}{}{open}", text(&item.generics)));
                list_fields(&item.fields, name, lines);
            }
            Item::Enum(item) => {
                lines.push(format!("enum {name}{}{open}", text(&item.generics)));
                for variant in &item.variants {
                    lines.push(format!("variant {name}::{}", text(&variant.ident)));
                    for field in &variant.fields {
                        let field_name =
                            field.ident.as_ref().map_or(String::new(), |ident| format!("::{ident}"));
                        lines.push(format!(
                            "field {name}::{}{field_name}: {}",
                            variant.ident,
                            text(&field.ty)
                        ));
                    }
                }
            }
            Item::Trait(item) => {
                lines.push(format!("trait {name}{}", text(&item.generics)));
                for part in &item.items {
                    if let syn::TraitItem::Fn(method) = part {
                        lines.push(format!("method {name}: {}", text(&method.sig)));
                    }
                }
            }
            Item::Fn(item) => lines.push(format!("fn {name}: {}", text(&item.sig))),
            Item::Const(item) => lines.push(format!("const {name}: {}", text(&item.ty))),
            Item::Static(item) => lines.push(format!("static {name}: {}", text(&item.ty))),
            Item::Type(item) => lines.push(format!("type {name} = {}", text(&item.ty))),
            _ => {}
        }
        self.list_methods(home, ident, name, lines);
    }

    /// Adds the public methods of a type, wherever in the crate they are.
    fn list_methods(&self, home: &ModulePath, ident: &str, name: &str, lines: &mut Vec<String>) {
        for (module, file) in &self.files {
            for item in &file.items {
                let Item::Impl(block) = item else { continue };
                let syn::Type::Path(of) = &*block.self_ty else { continue };
                let is_same = of.path.segments.last().is_some_and(|last| last.ident == ident)
                    && self.definition(module, ident, 0).as_ref() == Some(home);
                if block.trait_.is_some() || !is_same || is_hidden(&block.attrs) {
                    continue;
                }
                for part in &block.items {
                    match part {
                        syn::ImplItem::Fn(method) if is_open(&method.vis, &method.attrs) => {
                            lines.push(format!("method {name}: {}", text(&method.sig)));
                        }
                        syn::ImplItem::Const(constant) if is_open(&constant.vis, &constant.attrs) => {
                            lines.push(format!("const {name}::{}: {}", constant.ident, text(&constant.ty)));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

fn is_open(visibility: &Visibility, attributes: &[Attribute]) -> bool {
    matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes)
}

fn list_fields(fields: &Fields, name: &str, lines: &mut Vec<String>) {
    for (index, field) in fields.iter().enumerate() {
        if is_open(&field.vis, &field.attrs) {
            let field_name = field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
            lines.push(format!("field {name}::{field_name}: {}", text(&field.ty)));
        }
    }
}

/// Returns tokens as one line, with spaces only where words would touch.
fn text(tokens: &impl ToTokens) -> String {
    let spaced = tokens.to_token_stream().to_string();
    let mut text = String::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for part in spaced.split_whitespace() {
        let touches = text.chars().last().is_some_and(is_word) && part.chars().next().is_some_and(is_word);
        let after =
            text.ends_with([',', ':', '>', '=']) && !text.ends_with("::") || part == "->" || part == "=";
        if touches || after {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}

/// Whether an item is hidden from the documentation, or only compiled for tests.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let meta = text(&attribute.meta);
        meta == "doc(hidden)" || meta == "cfg(test)"
    })
}

fn collect_uses(before: &[String], tree: &UseTree, into: &mut Vec<(String, ModulePath)>) {
    let with = |name: String| before.iter().cloned().chain([name]).collect::<ModulePath>();
    match tree {
        UseTree::Path(path) => collect_uses(&with(path.ident.to_string()), &path.tree, into),
        UseTree::Name(name) => into.push((name.ident.to_string(), with(name.ident.to_string()))),
        UseTree::Rename(name) => into.push((name.rename.to_string(), with(name.ident.to_string()))),
        UseTree::Glob(_) => {}
        UseTree::Group(group) => group.items.iter().for_each(|item| collect_uses(before, item, into)),
    }
}

/// Returns the visibility and the attributes of an item that can be public.
fn parts(item: &Item) -> Option<(&Visibility, &[Attribute])> {
    Some(match item {
        Item::Const(item) => (&item.vis, &item.attrs),
        Item::Enum(item) => (&item.vis, &item.attrs),
        Item::Fn(item) => (&item.vis, &item.attrs),
        Item::Mod(item) => (&item.vis, &item.attrs),
        Item::Static(item) => (&item.vis, &item.attrs),
        Item::Struct(item) => (&item.vis, &item.attrs),
        Item::Trait(item) => (&item.vis, &item.attrs),
        Item::Type(item) => (&item.vis, &item.attrs),
        Item::Use(item) => (&item.vis, &item.attrs),
        _ => return None,
    })
}

/// Returns the name that an item defines; `None` for a module or an import.
fn item_name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        _ => return None,
    })
}

#[test]
fn the_public_interface_is_the_one_that_is_listed() {
    let mut lines = Vec::new();
    Crate::read().list(&Vec::new(), &mut lines);
    lines.sort();
    lines.dedup();
    let now = lines.join("\n") + "\n";
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/public_api.txt");
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        std::fs::write(&list, &now).unwrap();
    }
    let stored = std::fs::read_to_string(&list).unwrap_or_default();
    let added: Vec<&String> = lines.iter().filter(|line| !stored.lines().any(|old| old == *line)).collect();
    let removed: Vec<&str> = stored.lines().filter(|old| !lines.iter().any(|line| line == old)).collect();
    assert!(lines.len() > 100, "only {} items", lines.len());
    assert!(
        added.is_empty() && removed.is_empty(),
        "added: {added:#?}\nremoved: {removed:#?}\nif that is wanted, say so in CHANGELOG.md and write the list anew"
    );
}
