//! Which names the files of a crate use, and in which file each is defined.
//!
//! Code of tests does not count, and neither does a module that is only named on the way to
//! something in it. A re-export is followed to the file that defines what it exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::buffer::Cursor;
use syn::parse::{ParseStream, Parser as _};
use syn::visit::{self, Visit};

/// Where a module stands: `["policy", "decide"]`.
pub(crate) type Module = Vec<String>;

/// Every file of a crate, by its module.
pub(crate) struct Sources {
    root: PathBuf,
    files: BTreeMap<Module, Source>,
}

/// What one file defines and names.
#[derive(Default)]
struct Source {
    path: PathBuf,
    modules: BTreeSet<String>,
    defined: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths in code, as they stand there.
    paths: BTreeSet<Vec<String>>,
}

/// One name that a `use` brings.
struct Import {
    /// `None` for all names.
    name: Option<String>,
    path: Vec<String>,
}

/// Reads what a file defines and names.
struct Reader<'s>(&'s mut Source);

// === impl Sources ===

impl Sources {
    /// Reads the crate below this folder, from `lib.rs` on.
    pub(crate) fn read(root: &Path) -> Self {
        let mut sources = Self { root: root.to_owned(), files: BTreeMap::new() };
        sources.add(Module::new(), root.join("lib.rs"), root);
        sources
    }

    fn add(&mut self, module: Module, path: PathBuf, children: &Path) {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut source = Source { path, ..Source::default() };
        Reader(&mut source).visit_file(&file);
        for name in &source.modules {
            let path = children.join(format!("{name}.rs"));
            let module = [module.as_slice(), std::slice::from_ref(name)].concat();
            self.add(module, path, &children.join(name));
        }
        self.files.insert(module, source);
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// The file of a module, from the folder of the crate.
    pub(crate) fn file(&self, module: &Module) -> String {
        let path = &self.files[module].path;
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// What each file names that another one defines: who, where, what.
    pub(crate) fn uses(&self) -> BTreeSet<(Module, Module, String)> {
        let mut uses = BTreeSet::new();
        for (module, source) in &self.files {
            let imported = source.imports.iter().map(|import| match import.name {
                Some(_) => import.path.clone(),
                // All names of a module are something in it.
                None => [import.path.as_slice(), &["*".to_owned()]].concat(),
            });
            for path in imported.chain(source.paths.iter().cloned()) {
                let Some(path) = self.absolute(module, &path, &mut BTreeSet::new()) else {
                    continue;
                };
                for (other, name) in self.resolve(&path, &mut BTreeSet::new()) {
                    if other != *module {
                        uses.insert((module.clone(), other, name));
                    }
                }
            }
        }
        uses
    }

    /// A path from the root of the crate; `None` where it leads out of the crate.
    fn absolute(
        &self,
        module: &Module,
        path: &[String],
        seen: &mut BTreeSet<Vec<String>>,
    ) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "crate" => Module::new(),
            "self" => module.clone(),
            "super" => {
                let mut base = module.clone();
                base.pop();
                let above = rest.iter().take_while(|name| *name == "super").count();
                base.truncate(base.len().checked_sub(above)?);
                return Some([base.as_slice(), &rest[above..]].concat());
            }
            name => {
                let source = &self.files[module];
                let import = source.imports.iter().find(|i| i.name.as_ref() == Some(first));
                match import {
                    _ if source.modules.contains(name) || source.defined.contains(name) => {
                        return Some([module.as_slice(), path].concat());
                    }
                    Some(import) if import.path != path => {
                        if !seen.insert([module.as_slice(), path].concat()) {
                            return None;
                        }
                        self.absolute(module, &import.path, seen)?
                    }
                    _ => return None,
                }
            }
        };
        Some([base.as_slice(), rest].concat())
    }

    /// Which files define what stands at a path, and its name there. None does where it is a module;
    /// and a module, a type and a function may have the same name.
    fn resolve(&self, path: &[String], seen: &mut BTreeSet<Vec<String>>) -> Vec<(Module, String)> {
        if !seen.insert(path.to_owned()) {
            return Vec::new();
        }
        let known = (0..=path.len()).rev().find(|n| self.files.contains_key(&path[..*n]));
        let length = known.unwrap_or_default();
        let mut found = self.resolve_in(&path[..length], &path[length..], seen);
        if let Some(name) = path.get(length).filter(|name| {
            let imports = &self.files[&path[..length]].imports;
            found.is_empty() && imports.iter().all(|import| import.name.as_ref() != Some(*name))
        }) {
            // Some items are made by a macro.
            found.push((path[..length].to_owned(), name.clone()));
        }
        // What has the name of a module beside it.
        if length == path.len() && length > 0 {
            found.extend(self.resolve_in(&path[..length - 1], &path[length - 1..], seen));
        }
        found
    }

    fn resolve_in(
        &self,
        module: &[String],
        rest: &[String],
        seen: &mut BTreeSet<Vec<String>>,
    ) -> Vec<(Module, String)> {
        let Some((name, rest)) = rest.split_first() else { return Vec::new() };
        let (module, source) = (module.to_owned(), &self.files[module]);
        if name == "*" || source.defined.contains(name) {
            return vec![(module, name.clone())];
        }
        let mut found = Vec::new();
        for import in &source.imports {
            let path = match &import.name {
                Some(own) if own == name => [import.path.as_slice(), rest].concat(),
                None => [&import.path, std::slice::from_ref(name), rest].concat(),
                Some(_) => continue,
            };
            if let Some(path) = self.absolute(&module, &path, &mut BTreeSet::new()) {
                found.extend(self.resolve(&path, seen));
            }
        }
        found
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn import(&mut self, tree: &syn::UseTree, before: &[String]) {
        let joined = |name: &syn::Ident| {
            let mut path = before.to_owned();
            if name != "self" || path.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        let import = match tree {
            syn::UseTree::Path(path) => return self.import(&path.tree, &joined(&path.ident)),
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, before));
            }
            syn::UseTree::Glob(_) => Import { name: None, path: before.to_owned() },
            syn::UseTree::Name(name) => {
                let path = joined(&name.ident);
                Import { name: path.last().cloned(), path }
            }
            syn::UseTree::Rename(as_other) => {
                let path = joined(&as_other.ident);
                Import { name: Some(as_other.rename.to_string()), path }
            }
        };
        self.0.imports.push(import);
    }

    fn path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.name(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
    }

    fn name(&mut self, path: Vec<String>) {
        // `self` alone, and the `super` of `pub(super)`, name nothing.
        let names = |last: &String| !["crate", "self", "super"].contains(&last.as_str());
        if path.last().is_some_and(names) {
            self.0.paths.insert(path);
        }
    }

    /// What looks like a path among the words of a macro or an attribute; the texts of an attribute
    /// may be paths too.
    fn words(&mut self, mut cursor: Cursor<'_>, texts: bool) {
        let mut path = Vec::<String>::new();
        let mut colons = 0;
        while !cursor.eof() {
            if let Some((word, next)) = cursor.ident() {
                if colons != 2 {
                    self.name(std::mem::take(&mut path));
                }
                path.push(word.to_string());
                (cursor, colons) = (next, 0);
                continue;
            }
            match cursor.punct() {
                Some((point, next)) if point.as_char() == ':' && !path.is_empty() => {
                    (cursor, colons) = (next, colons + 1);
                    continue;
                }
                _ => self.name(std::mem::take(&mut path)),
            }
            colons = 0;
            if let Some((inside, _, _, next)) = cursor.any_group() {
                self.words(inside, texts);
                cursor = next;
                continue;
            }
            if let Some((text, next)) = cursor.literal() {
                let text = text.to_string();
                if let (true, Ok(path)) = (texts, syn::parse_str(text.trim_matches('"'))) {
                    self.path(&path);
                }
                cursor = next;
                continue;
            }
            let Some((_, next)) = cursor.token_tree() else { break };
            cursor = next;
        }
        self.name(path);
    }

    fn define(&mut self, name: &syn::Ident) {
        self.0.defined.insert(name.to_string());
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes: &[syn::Attribute] = match item {
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Macro(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Trait(item) => &item.attrs,
            syn::Item::Type(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => panic!("an item of a kind that is not known here"),
        };
        if is_for_tests(attributes) {
            return;
        }
        match item {
            syn::Item::Const(item) => self.define(&item.ident),
            syn::Item::Enum(item) => self.define(&item.ident),
            syn::Item::Fn(item) => self.define(&item.sig.ident),
            syn::Item::Macro(item) => item.ident.iter().for_each(|name| self.define(name)),
            syn::Item::Mod(item) => {
                assert!(item.content.is_none(), "module {} has no file of its own", item.ident);
                self.0.modules.insert(item.ident.to_string());
            }
            syn::Item::Static(item) => self.define(&item.ident),
            syn::Item::Struct(item) => self.define(&item.ident),
            syn::Item::Trait(item) => self.define(&item.ident),
            syn::Item::Type(item) => self.define(&item.ident),
            syn::Item::Use(item) => self.import(&item.tree, &[]),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.path(&call.path);
        let words = |input: ParseStream| {
            input.step(|cursor| {
                self.words(*cursor, false);
                Ok(((), end(*cursor)))
            })
        };
        words.parse2(call.tokens.clone()).expect("every word is taken");
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let syn::Meta::List(list) = &attribute.meta else { return };
        let words = |input: ParseStream| {
            input.step(|cursor| {
                self.words(*cursor, true);
                Ok(((), end(*cursor)))
            })
        };
        words.parse2(list.tokens.clone()).expect("every word is taken");
    }

    /// `pub(in crate::policy)` says who may use something, and uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|flag| flag.is_ident("test"))
    })
}

/// Behind everything.
fn end(mut cursor: Cursor<'_>) -> Cursor<'_> {
    while let Some((_, next)) = cursor.token_tree() {
        cursor = next;
    }
    cursor
}
