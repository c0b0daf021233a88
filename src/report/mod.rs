//! What people and tools read: one renderer a format.
