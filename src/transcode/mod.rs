//! From a plan to a file.
