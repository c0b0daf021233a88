//! The bytes of a file, read in few pieces.

use crate::probe::bytes::{BlockCache, Bytes};

/// Bytes read at a time: enough for most headers.
pub(super) const BLOCK: usize = 64 * 1024;

/// The bytes of a file, with a cache.
pub(super) type Cache<'a> = BlockCache<'a, dyn Bytes + 'a>;

/// All packets of files up to this size are read where headers do not say all: only packets show open groups of
/// pictures.
pub(super) const ALWAYS_WALK_BYTES: u64 = 64 << 20;
