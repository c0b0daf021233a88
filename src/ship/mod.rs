//! Upload, wait until ready, publish: each at most once, all of it in a journal.
