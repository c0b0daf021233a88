//! The JSON schema of the report, embedded in the binary.
//!
//! A test generates it from the types of the report and compares it with the stored file; see `generator`.

#[cfg(test)]
pub(super) mod generator;
#[cfg(test)]
mod tests;

/// Returns the JSON schema (draft 2020-12) of [`super::Format::Json`]. Each line of
/// [`super::Format::Ndjson`] is an instance of its `#/$defs/file`.
///
/// It allows fields that it does not describe, because later versions may add some.
pub fn schema() -> &'static str {
    include_str!("report.schema.json")
}
