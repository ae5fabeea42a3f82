//! Types as WIT writes them, and where the page has them explained.

use wit_parser::{Handle, InterfaceId, PackageId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

use crate::interfaces::origin;

/// A type by its name, or spelt out where it has none.
pub(super) fn name(resolve: &Resolve, of: &Type) -> String {
    match of {
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => definition(resolve, &resolve.types[*id]),
        },
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::ErrorContext => "error-context".into(),
    }
}

/// What a type is made of; records and the like, which are shown as tables, by the word for them.
pub(super) fn definition(resolve: &Resolve, of: &TypeDef) -> String {
    let name = |of: &Type| name(resolve, of);
    match &of.kind {
        TypeDefKind::Type(of) => name(of),
        TypeDefKind::List(of) => format!("list<{}>", name(of)),
        TypeDefKind::Option(of) => format!("option<{}>", name(of)),
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types.iter().map(name).collect::<Vec<_>>().join(", "))
        }
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", name(ok)),
            (ok, Some(err)) => {
                format!("result<{}, {}>", ok.as_ref().map_or_else(|| "_".to_owned(), name), name(err))
            }
        },
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", name(&Type::Id(*id))),
        TypeDefKind::Handle(Handle::Own(id)) => name(&Type::Id(*id)),
        other => other.as_str().to_owned(),
    }
}

/// Types with a name of their own that a type mentions, each once, in that order.
pub(super) fn mentioned(resolve: &Resolve, of: &Type, found: &mut Vec<TypeId>) {
    let Type::Id(id) = of else { return };
    let defined = &resolve.types[*id];
    if defined.name.is_some() {
        let origin = origin(resolve, *id);
        if !found.contains(&origin) {
            found.push(origin);
        }
        return;
    }
    let parts: Vec<Type> = match &defined.kind {
        TypeDefKind::Type(of) | TypeDefKind::List(of) | TypeDefKind::Option(of) => vec![*of],
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::Handle(Handle::Borrow(id) | Handle::Own(id)) => vec![Type::Id(*id)],
        _ => Vec::new(),
    };
    for part in parts {
        mentioned(resolve, &part, found);
    }
}

/// A type of a table: a link where it mentions one type that is explained elsewhere, and the links behind it where there
/// are several.
pub(super) fn cell(resolve: &Resolve, page: PackageId, of: &Type) -> String {
    let code = format!("`{}`", name(resolve, of));
    let mut found = Vec::new();
    mentioned(resolve, of, &mut found);
    match found[..] {
        [] => code,
        [id] => format!("[{code}]({})", target(resolve, page, id)),
        _ => format!("{code}: {}", links(resolve, page, &found)),
    }
}

/// Links to types, by their names.
pub(super) fn links(resolve: &Resolve, page: PackageId, ids: &[TypeId]) -> String {
    let link = |id: &TypeId| format!("[{}]({})", name(resolve, &Type::Id(*id)), target(resolve, page, *id));
    ids.iter().map(link).collect::<Vec<_>>().join(", ")
}

/// A link to an interface.
pub(super) fn interface_link(resolve: &Resolve, page: PackageId, id: InterfaceId) -> String {
    let own = resolve.interfaces[id].name.as_deref().unwrap_or_default();
    format!("[{own}]({}#{})", file(resolve, page, id), anchor(own))
}

fn target(resolve: &Resolve, page: PackageId, id: TypeId) -> String {
    let defined = &resolve.types[id];
    let TypeOwner::Interface(interface) = defined.owner else { return String::new() };
    let own = resolve.interfaces[interface].name.as_deref().unwrap_or_default();
    let heading = format!("{own}.{}", defined.name.as_deref().unwrap_or_default());
    format!("{}#{}", file(resolve, page, interface), anchor(&heading))
}

/// The page of an interface, as a page links to it: nothing for itself.
fn file(resolve: &Resolve, page: PackageId, id: InterfaceId) -> String {
    match resolve.interfaces[id].package {
        Some(package) if package != page => format!("{}.md", resolve.packages[package].name.name),
        _ => String::new(),
    }
}

/// What a heading is called in links, where Markdown is shown.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}
