//! Generates the schema from the types of the report.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::super::Report;
use crate::ending::FailureKind;
use crate::model::{Codec, Container, Rational, Rotation};
use crate::plan::{Refusal, VideoEncoder};
use crate::rules::RuleId;

/// An aspect ratio, such as `9:16`.
pub(crate) const RATIO: &str = "^[0-9]+:[1-9][0-9]*$";

/// Declares the schema of types that are written as text.
macro_rules! text {
    ($($name:ident: $schema:tt;)*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

text! {
    Codec: { "type": "string" };
    Container: { "type": "string" };
    Rational: { "type": "string", "pattern": "^[0-9]+/[1-9][0-9]*$" };
    Rotation: { "type": "integer", "enum": [0, 90, 180, 270] };
    RuleId: { "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$" };
}

/// Returns the schema of the report as the stored file has it.
pub(super) fn generated() -> String {
    let schema = generator().into_root_schema_for::<Report>();
    let names = schema.get("$defs").and_then(Value::as_object).map(|defs| defs.keys().cloned());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    for name in names.into_iter().flatten() {
        let (key, reference) = (format!("\"{name}\": {{"), format!("\"#/$defs/{name}\""));
        text = text.replace(&key, &format!("\"{}\": {{", snake_case(&name)));
        text = text.replace(&reference, &format!("\"#/$defs/{}\"", snake_case(&name)));
    }
    text + "\n"
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().with_transform(RecursiveTransform(tidy)).into_generator()
}

/// Writes what doc comments say in the words of JSON, and removes what JSON schema does not know.
fn tidy(schema: &mut Schema) {
    schema.remove("format");
    schema.remove("default");
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ").replace("`None`", "null").replace("[`", "`").replace("`]", "`");
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Describes a schema and its properties like those of `T`, whose JSON it changes.
pub(crate) fn describe_like<T: JsonSchema>(schema: &mut Schema) {
    let model = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let description = |at: &str| model.pointer(at).cloned();
    let whole = description("/description");
    schema.ensure_object().extend(whole.map(|text| ("description".to_owned(), text)));
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let text = description(&format!("/properties/{name}/description"));
        if let (Some(property), Some(text)) = (property.as_object_mut(), text) {
            property.entry("description").or_insert(text);
        }
    }
}

/// Returns every class of refusals and failures, and null.
pub(crate) fn refusals() -> Vec<Option<&'static str>> {
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.name());
    let failures = FailureKind::ALL.iter().map(|kind| kind.name());
    [None].into_iter().chain(refusals.chain(failures).map(Some)).collect()
}

/// Returns the name of every video encoder, and null.
pub(crate) fn encoders() -> Vec<Option<&'static str>> {
    let hardware = VideoEncoder::HARDWARE.iter();
    [None, Some(VideoEncoder::X264.name())].into_iter().chain(hardware.map(|one| Some(one.name()))).collect()
}
