//! Paths in records. They are relative to the record's folder where that is possible, so that a copied or moved tree
//! names its own files. A path that is not UTF-8 is stored as its bytes, which JSON text cannot hold.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RecordedPath {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&Path> for RecordedPath {
    fn from(path: &Path) -> RecordedPath {
        match path.to_str() {
            Some(text) => RecordedPath::Text(text.to_owned()),
            None => RecordedPath::Bytes(path.as_os_str().as_bytes().to_owned()),
        }
    }
}

impl From<RecordedPath> for PathBuf {
    fn from(path: RecordedPath) -> PathBuf {
        match path {
            RecordedPath::Text(text) => text.into(),
            RecordedPath::Bytes(bytes) => OsString::from_vec(bytes).into(),
        }
    }
}

pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    RecordedPath::from(path).serialize(to)
}

pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<PathBuf, D::Error> {
    RecordedPath::deserialize(from).map(PathBuf::from)
}

/// Returns an absolute path relative to the folder `base`; as it is if they have only the root in common, because
/// then they hardly move together.
pub(super) fn relative(base: &Path, path: &Path) -> PathBuf {
    let shared = base.components().zip(path.components()).take_while(|(one, other)| one == other).count();
    if shared <= 1 {
        return path.to_owned();
    }
    let up = base.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

/// Returns the absolute path of a recorded path, relative to `base` or absolute.
pub(super) fn resolved(base: &Path, path: &Path) -> PathBuf {
    let mut absolute = base.to_owned();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                absolute.pop();
            }
            part => absolute.push(part),
        }
    }
    absolute
}

/// The same for a path that may be absent.
pub(super) mod optional {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::pipeline::recorded_path::RecordedPath;

    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
        path.as_deref().map(RecordedPath::from).serialize(to)
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<RecordedPath>::deserialize(from)?.map(PathBuf::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_leads_back_from_another_folder_unless_only_the_root_is_shared() {
        let (base, path) = (Path::new("/home/ad/out"), Path::new("/home/ad/in/a.mov"));
        let below = relative(base, path);
        assert_eq!(below, Path::new("../in/a.mov"));
        assert_eq!(resolved(Path::new("/mnt/ad/out"), &below), Path::new("/mnt/ad/in/a.mov"));
        let elsewhere = Path::new("/mnt/disk/a.mov");
        assert_eq!(relative(base, elsewhere), elsewhere);
        assert_eq!(resolved(base, elsewhere), elsewhere);
    }
}
