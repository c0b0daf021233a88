//! From bytes to facts.
