//! Validated assets, for tests of the steps after validation.

#![allow(dead_code, reason = "no test uses all functions")]

use std::path::Path;

use greenlit::model::{ContentHash, example};
use greenlit::profile::Profile;
use greenlit::rules::{CoverImage, Selection, Subject, ValidatedAsset, ValidatedCover, assess};
use md5::{Digest, Md5};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a validated asset for the file at `path`, which contains `bytes`.
pub(crate) fn validated(path: &Path, bytes: &[u8]) -> ValidatedAsset {
    let content = ContentHash {
        blake3: blake3::hash(bytes).to_hex().to_string(),
        md5: hex(&Md5::digest(bytes)),
        size_bytes: bytes.len() as u64,
    };
    validated_as(path, content)
}

/// Like [`validated`], for a file too large for memory: the caller gives its hash and size.
pub(crate) fn validated_as(path: &Path, content: ContentHash) -> ValidatedAsset {
    let facts = example::media();
    let profile = Profile::builtin("tiktok-ads").unwrap();
    let subject = Subject { facts: &facts, file_name: "clip.mp4", deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    assessment.validate(path.to_owned(), content).unwrap_or_else(|| panic!("{assessment:?}"))
}

/// Returns a validated cover with these bytes, named `path`.
pub(crate) fn validated_cover(path: &Path, bytes: Vec<u8>) -> ValidatedCover {
    let facts = example::image();
    let profile = Profile::builtin("tiktok-ads").unwrap();
    let subject = Subject { facts: &facts, file_name: "cover.png", deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    assessment.validate_cover(CoverImage::new(path, bytes)).unwrap_or_else(|| panic!("{assessment:?}"))
}
