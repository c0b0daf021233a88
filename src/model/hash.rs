//! The identity of a file's bytes.

use serde::{Deserialize, Serialize};

/// Two digests of the same bytes and their number, taken in one pass.
///
/// BLAKE3 is the identity used in the journal; MD5 is what the platforms ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContentHash {
    /// BLAKE3, lowercase hexadecimal.
    pub blake3: String,
    /// MD5, lowercase hexadecimal.
    pub md5: String,
    /// How many bytes were hashed.
    pub size_bytes: u64,
}
