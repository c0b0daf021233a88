//! One rule a file: facts and a profile in, findings out.
