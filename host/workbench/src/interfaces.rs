//! The interfaces between host and plugins, read: what `check` compares with, and what the reference is made of.

use wit_parser::{PackageId, Resolve, SourceMap, Type, TypeDefKind, TypeId};

use crate::embedded::WIT;

/// The folder of the package that the others refer to.
pub(crate) const HOST: &str = "host";
/// The folders of all packages.
pub(crate) const FOLDERS: [&str; 4] = [HOST, "driver", "detector", "receiver"];

/// Packages as they were when this program was built, by their folders, the host's first.
pub(crate) fn packages<const N: usize>(folders: [&str; N]) -> (Resolve, [PackageId; N]) {
    let mut resolve = Resolve::default();
    let ids = folders.map(|folder| {
        let mut sources = SourceMap::default();
        for (path, bytes) in WIT {
            let is_part = path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
            if is_part && path.ends_with(".wit") {
                sources.push_str(path, String::from_utf8_lossy(bytes));
            }
        }
        let group = sources.parse().map_err(|(_, error)| error).expect("the embedded interfaces are tested");
        resolve.push_group(group).expect("the embedded interfaces are tested")
    });
    (resolve, ids)
}

/// Whether a type is defined where it is listed, and not only used there.
pub(crate) fn is_own(resolve: &Resolve, id: TypeId) -> bool {
    origin(resolve, id) == id
}

/// Where a type is defined, through all the interfaces that use each other's.
pub(crate) fn origin(resolve: &Resolve, id: TypeId) -> TypeId {
    let defined = &resolve.types[id];
    match defined.kind {
        TypeDefKind::Type(Type::Id(used)) if resolve.types[used].owner != defined.owner => {
            origin(resolve, used)
        }
        _ => id,
    }
}

#[cfg(test)]
mod tests;
