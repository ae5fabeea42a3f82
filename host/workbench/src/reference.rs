//! Pages about the interfaces, for people who do not read WIT: made of the doc comments, a page for each package.
//!
//! `cargo reference` writes them into `docs/plugins/reference`; a test compares what lies there with what it would write.

mod types;

use wit_parser::{
    Docs, Function, FunctionKind, Interface, InterfaceId, Package, PackageId, Resolve, Type, TypeDefKind,
    TypeId, WorldItem,
};

use crate::interfaces::{FOLDERS, is_own, packages};

/// Each page: the name of its file, and its text.
pub fn pages() -> Vec<(String, String)> {
    let (resolve, ids) = packages(FOLDERS);
    ids.map(|id| Page { resolve: &resolve, package: id, text: String::new() }.write()).into()
}

/// A page that is being written.
struct Page<'a> {
    resolve: &'a Resolve,
    package: PackageId,
    text: String,
}

impl<'a> Page<'a> {
    fn write(mut self) -> (String, String) {
        let package = &self.resolve.packages[self.package];
        let folder = &package.name.name;
        self.paragraph(&format!("# {}", package.name));
        self.docs(&package.docs);
        self.paragraph(&format!(
            "Made of [wit/{folder}](../../../wit/{folder}) by `cargo reference`; what it says is changed there."
        ));
        self.worlds(package);
        for id in package.interfaces.values() {
            self.interface(&self.resolve.interfaces[*id]);
        }
        (format!("{folder}.md"), self.text.trim_end().to_owned() + "\n")
    }

    fn worlds(&mut self, package: &Package) {
        let row = |id| {
            let world = &self.resolve.worlds[id];
            let exports = self.interfaces(world.exports.values());
            let imports = self.interfaces(world.imports.values());
            [format!("`{}`", world.name), one_line(&world.docs), exports, imports]
        };
        let rows = package.worlds.values().map(|id| row(*id)).collect();
        self.table(["world", "for", "exports", "imports"], rows);
    }

    fn interfaces<'i>(&self, items: impl Iterator<Item = &'i WorldItem>) -> String {
        let link = |id: InterfaceId| types::interface_link(self.resolve, self.package, id);
        let interface = |item: &WorldItem| match item {
            WorldItem::Interface { id, .. } => Some(link(*id)),
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        };
        items.filter_map(interface).collect::<Vec<_>>().join(", ")
    }

    fn interface(&mut self, interface: &'a Interface) {
        let own = interface.name.as_deref().unwrap_or_default();
        self.paragraph(&format!("## {own}"));
        self.docs(&interface.docs);
        for (name, id) in interface.types.iter().filter(|(_, id)| is_own(self.resolve, **id)) {
            self.paragraph(&format!("### {own}.{name}"));
            self.docs(&self.resolve.types[*id].docs);
            self.definition(name, interface, *id);
        }
        for function in interface.functions.values().filter(|function| function.kind.resource().is_none()) {
            self.function(&format!("### {own}.{}", function.name), function);
        }
    }

    fn definition(&mut self, name: &str, interface: &'a Interface, id: TypeId) {
        let resolve = self.resolve;
        match &resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                let rows = record
                    .fields
                    .iter()
                    .map(|field| [code(&field.name), self.cell(&field.ty), one_line(&field.docs)]);
                self.table(["field", "type", "meaning"], rows.collect());
            }
            TypeDefKind::Variant(variant) => {
                let carried = |of: &Option<Type>| of.as_ref().map(|of| self.cell(of)).unwrap_or_default();
                let rows = variant
                    .cases
                    .iter()
                    .map(|case| [code(&case.name), carried(&case.ty), one_line(&case.docs)]);
                self.table(["case", "with", "meaning"], rows.collect());
            }
            TypeDefKind::Enum(cases) => {
                let rows = cases.cases.iter().map(|case| [code(&case.name), one_line(&case.docs)]);
                self.table(["case", "meaning"], rows.collect());
            }
            TypeDefKind::Flags(flags) => {
                let rows = flags.flags.iter().map(|flag| [code(&flag.name), one_line(&flag.docs)]);
                self.table(["flag", "meaning"], rows.collect());
            }
            TypeDefKind::Resource => {
                let methods = interface.functions.values();
                for method in methods.filter(|function| function.kind.resource() == Some(id)) {
                    self.function(&format!("#### {name}.{}", method.item_name()), method);
                }
            }
            _ => self.wit(&format!("type {name} = {}", types::definition(resolve, &resolve.types[id]))),
        }
    }

    fn function(&mut self, heading: &str, function: &Function) {
        // The first parameter of a method is its resource.
        let implied =
            usize::from(matches!(function.kind, FunctionKind::Method(_) | FunctionKind::AsyncMethod(_)));
        let params = &function.params[implied..];
        let name = |of: &Type| types::name(self.resolve, of);
        let list: Vec<_> =
            params.iter().map(|param| format!("{}: {}", param.name, name(&param.ty))).collect();
        let result = function.result.map(|result| format!(" -> {}", name(&result))).unwrap_or_default();
        let signature = format!("{}: func({}){result}", function.item_name(), list.join(", "));
        let mut mentioned = Vec::new();
        for of in params.iter().map(|param| &param.ty).chain(&function.result) {
            types::mentioned(self.resolve, of, &mut mentioned);
        }
        self.paragraph(heading);
        self.wit(&signature);
        self.docs(&function.docs);
        if !mentioned.is_empty() {
            let links = types::links(self.resolve, self.package, &mentioned);
            self.paragraph(&format!("Types: {links}."));
        }
    }

    fn cell(&self, of: &Type) -> String {
        types::cell(self.resolve, self.package, of)
    }

    fn docs(&mut self, docs: &Docs) {
        if let Some(text) = &docs.contents {
            self.paragraph(text.trim());
        }
    }

    fn wit(&mut self, code: &str) {
        self.paragraph(&format!("```wit\n{code}\n```"));
    }

    fn table<const N: usize>(&mut self, head: [&str; N], rows: Vec<[String; N]>) {
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let escaped = |row: [String; N]| line(&row.map(|cell| cell.replace('|', "\\|")));
        let head = [line(&head.map(str::to_owned)), "|---".repeat(N) + "|"];
        let lines: Vec<_> = head.into_iter().chain(rows.into_iter().map(escaped)).collect();
        self.paragraph(&lines.join("\n"));
    }

    fn paragraph(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push_str("\n\n");
    }
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn one_line(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_pages_are_what_the_interfaces_give() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins/reference");
        let mut names = Vec::new();
        for (file, text) in pages() {
            let committed = fs::read_to_string(folder.join(&file)).unwrap_or_default();
            assert!(committed == text, "docs/plugins/reference/{file} is out of date; run: cargo reference");
            names.push(file);
        }
        let there = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut there: Vec<String> = there.map(|name| name.into_string().unwrap()).collect();
        there.sort();
        names.sort();
        assert_eq!(there, names, "pages of packages that are gone");
    }

    #[test]
    fn every_link_leads_to_a_heading() {
        let pages = pages();
        let slug = |heading: &str| heading.replace('.', "");
        for (file, text) in &pages {
            let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for link in links.filter(|link| !link.contains("/wit/")) {
                let (page, anchor) = link.split_once('#').unwrap_or_else(|| panic!("{file}: {link}"));
                let page = if page.is_empty() { file } else { page };
                let (_, target) = pages.iter().find(|(name, _)| name == page).unwrap();
                let headings = target.lines().filter_map(|line| line.strip_prefix('#'));
                let has = headings.map(|line| slug(line.trim_start_matches('#').trim()));
                assert_eq!(has.filter(|slug| slug == anchor).count(), 1, "{file}: {link}");
            }
        }
    }
}
