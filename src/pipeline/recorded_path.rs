//! Serializes paths: as text or, if a path is not UTF-8, as its bytes, which JSON text cannot hold.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

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

/// The same for a path that may be absent.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, PathBuf, RecordedPath, Serialize, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_deref().map(RecordedPath::from).serialize(to)
    }

    pub(in super::super) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<RecordedPath>::deserialize(from)?.map(PathBuf::from))
    }
}
