//! The hashes of a file's content.

use serde::{Deserialize, Serialize};

/// Two hashes of a file's bytes and their number, computed in one pass.
///
/// The journal identifies content by BLAKE3; the platforms ask for MD5.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContentHash {
    /// BLAKE3, lowercase hexadecimal.
    pub blake3: String,
    /// MD5, lowercase hexadecimal.
    pub md5: String,
    /// Number of hashed bytes.
    pub size_bytes: u64,
}
