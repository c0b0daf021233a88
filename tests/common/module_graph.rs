//! Reads the modules of the library and what they import, for tests of the architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// The names of a module below the crate, outermost first; empty for the root.
pub type ModulePath = Vec<String>;

/// What one source file contains, without its unit tests.
#[derive(Default)]
pub struct Module {
    /// Its path below `src`.
    pub file: String,
    /// The absolute paths it names, without `crate`.
    pub paths: BTreeSet<Vec<String>>,
    /// The paths it names that begin outside the crate, such as `std::fs`.
    pub foreign: BTreeSet<Vec<String>>,
    /// The lints that it allows.
    pub allowed: BTreeSet<String>,
    /// The names of macros that it calls.
    pub macros: BTreeSet<String>,
    /// Imported names and what they stand for.
    imported: BTreeMap<String, Vec<String>>,
    /// Modules that are declared as tests.
    tests: Vec<String>,
    /// Modules that are declared here.
    children: BTreeSet<String>,
}

/// The modules of a crate.
pub struct Graph {
    modules: BTreeMap<ModulePath, Module>,
}

impl Graph {
    /// Reads every file below `root` but programs and tests.
    pub fn read(root: &Path) -> Graph {
        let mut files = Vec::new();
        super::sources(root, &mut files);
        let sources = files.iter().map(|path| {
            let file = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            (file, std::fs::read_to_string(path).unwrap())
        });
        let is_program = |file: &str| file == "main.rs" || file.starts_with("bin/");
        Graph::of(sources.filter(|(file, _)| !is_program(file)))
    }

    /// Builds the graph of sources, given as the path below `src` and the text.
    pub fn of(sources: impl Iterator<Item = (String, String)>) -> Graph {
        let mut modules: BTreeMap<ModulePath, Module> =
            sources.map(|(file, text)| (module_path(&file), read_module(&file, &text))).collect();
        let tests: Vec<ModulePath> = modules
            .iter()
            .flat_map(|(path, module)| module.tests.iter().map(|test| child(path, test)))
            .collect();
        modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        Graph { modules }
    }

    /// Returns the modules with their paths.
    pub fn modules(&self) -> impl Iterator<Item = (&ModulePath, &Module)> {
        self.modules.iter()
    }

    /// Returns the modules whose code `module` imports: for a re-exported name the one that defines it.
    pub fn imports(&self, path: &ModulePath) -> BTreeSet<ModulePath> {
        let module = &self.modules[path];
        let mut found: BTreeSet<ModulePath> =
            module.paths.iter().filter_map(|name| self.defining(name, 0)).collect();
        found.remove(path);
        found
    }

    /// Returns the module that defines what `name` stands for.
    fn defining(&self, name: &[String], depth: usize) -> Option<ModulePath> {
        let prefix = (0..=name.len()).rev().find(|&end| self.modules.contains_key(&name[..end]))?;
        let (path, rest) = (name[..prefix].to_vec(), &name[prefix..]);
        let Some(first) = rest.first().filter(|_| depth < 10) else { return Some(path) };
        let module = &self.modules[&path];
        match module.imported.get(first) {
            Some(target) if target != name => {
                let target: Vec<String> = target.iter().chain(&rest[1..]).cloned().collect();
                self.defining(&target, depth + 1).or(Some(path))
            }
            _ => Some(path),
        }
    }

    /// Returns the groups of modules that import each other.
    pub fn cycles(&self) -> Vec<Vec<ModulePath>> {
        let edges: BTreeMap<&ModulePath, BTreeSet<ModulePath>> =
            self.modules.keys().map(|path| (path, self.imports(path))).collect();
        let reach: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
            self.modules.keys().map(|from| (from, reachable(from, &edges))).collect();
        let mut groups: Vec<Vec<ModulePath>> = Vec::new();
        for path in self.modules.keys().filter(|path| reach[path].contains(path)) {
            if groups.iter().all(|group| !group.contains(path)) {
                let mutual = reach[path].iter().filter(|other| reach[*other].contains(path));
                groups.push(mutual.map(|other| (*other).clone()).collect());
            }
        }
        groups
    }
}

/// Returns what can be reached from `from` by at least one import.
fn reachable<'a>(
    from: &ModulePath,
    edges: &'a BTreeMap<&ModulePath, BTreeSet<ModulePath>>,
) -> BTreeSet<&'a ModulePath> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&ModulePath> = edges[from].iter().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(&edges[next]);
        }
    }
    found
}

fn child(path: &[String], name: &str) -> ModulePath {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// Returns the module that a file below `src` holds.
fn module_path(file: &str) -> ModulePath {
    let mut names: ModulePath = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(names.last().map(String::as_str), Some("mod" | "lib")) {
        names.pop();
    }
    names
}

fn read_module(file: &str, text: &str) -> Module {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let module = Module { file: file.to_owned(), ..Module::default() };
    let mut reader = Reader { scope: module_path(file), inline: 0, module };
    // Children first, because a path may begin with the name of one.
    for item in &parsed.items {
        if let Item::Mod(declared) = item {
            let name = declared.ident.to_string();
            match is_test(&declared.attrs) {
                true => reader.module.tests.push(name),
                false => {
                    reader.module.children.insert(name);
                }
            }
        }
    }
    reader.visit_file(&parsed);
    reader.module
}

/// Whether an item is compiled for unit tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| names_test(list.tokens.clone()))
    })
}

/// Whether a condition asks for `test`, not for its absence.
fn names_test(condition: TokenStream) -> bool {
    let text = condition.to_string().replace(' ', "");
    text == "test" || text.starts_with("all(test,")
}

/// Collects what a module names.
struct Reader {
    /// The module, with inline modules.
    scope: ModulePath,
    /// How many of its names are inline modules.
    inline: usize,
    module: Module,
}

impl Reader {
    /// Adds a path as it stands in the source.
    fn add(&mut self, names: &[String]) {
        match self.absolute(names) {
            Some(path) => {
                self.module.paths.insert(path);
            }
            None => {
                self.module.foreign.insert(names.to_vec());
            }
        }
    }

    /// Returns a path from the root of the crate; `None` for one that begins elsewhere.
    fn absolute(&self, names: &[String]) -> Option<Vec<String>> {
        let first = names.first()?.as_str();
        let mut rest = names;
        let mut path = match first {
            "crate" | "greenlit" => Vec::new(),
            "self" | "super" => self.scope.clone(),
            child if self.module.children.contains(child) => {
                let module = &self.scope[..self.scope.len() - self.inline];
                return Some(module.iter().chain(names).cloned().collect());
            }
            _ => return None,
        };
        if first != "super" {
            rest = &rest[1..];
        }
        while rest.first().is_some_and(|name| name == "super") {
            path.pop();
            rest = &rest[1..];
        }
        path.extend(rest.iter().cloned());
        Some(path)
    }

    /// Adds what a `use` imports.
    fn add_use(&mut self, before: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.add_use(&child(before, &path.ident.to_string()), &path.tree),
            UseTree::Name(name) => self.add_import(before, &name.ident.to_string(), None),
            UseTree::Rename(name) => {
                self.add_import(before, &name.ident.to_string(), Some(name.rename.to_string()));
            }
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.add_use(before, item)),
        }
    }

    fn add_import(&mut self, before: &[String], name: &str, renamed: Option<String>) {
        let path = if name == "self" { before.to_vec() } else { child(before, name) };
        self.add(&path);
        if let (Some(target), 0) = (self.absolute(&path), self.inline) {
            let known_as = renamed.or_else(|| path.last().cloned()).unwrap_or_default();
            self.module.imported.insert(known_as, target);
        }
    }

    /// Adds the paths in the arguments of a macro, whose grammar is unknown.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if path.is_empty() || colons == 2 => {
                    path.push(name.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && colons < 2 => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(name) => {
                    self.end_path(&mut path);
                    path.push(name.to_string());
                    colons = 0;
                    continue;
                }
                _ => {}
            }
            self.end_path(&mut path);
            colons = 0;
        }
        self.end_path(&mut path);
    }

    fn end_path(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.add(path);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let is_test = matches!(item, syn::ImplItem::Fn(method) if is_test(&method.attrs));
        if !is_test {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.scope.push(item.ident.to_string());
        self.inline += 1;
        visit::visit_item_mod(self, item);
        self.inline -= 1;
        self.scope.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.add(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.module.macros.extend(call.path.segments.last().map(|last| last.ident.to_string()));
        self.add_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let is_exemption = attribute.path().is_ident("allow") || attribute.path().is_ident("expect");
        if let Ok(list) = attribute.meta.require_list()
            && is_exemption
        {
            let text = list.tokens.to_string().replace(' ', "");
            self.module.allowed.extend(text.split(',').map(str::to_owned));
        }
    }
}

/// Returns the attributes of an item that can be left out of a build.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
