//! The types that a key of a limit can have, and how each is read from TOML.

use crate::model::{Codec, Container, ImageFormat, Rational, Size};

/// The value of a key, of whatever type; what reports, hashes and comparisons of bounds work with.
///
/// [`Profile::hash`](super::Profile::hash) depends on the names of the variants.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A number.
    Number(f64),
    /// Strings.
    Words(Vec<String>),
    /// Ratios, width to height.
    Ratios(Vec<Rational>),
    /// A width and a height for each ratio.
    Sizes(Vec<(Rational, u32, u32)>),
    /// True or false.
    Flag(bool),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Words(strings) => f.write_str(&strings.join(", ")),
            Value::Ratios(ratios) => f.write_str(&joined(ratios, |ratio| ratio.with_colon())),
            Value::Sizes(sizes) => f.write_str(&joined(sizes, |(ratio, width, height)| {
                format!("{width}x{height} at {}", ratio.with_colon())
            })),
            Value::Flag(flag) => flag.fmt(f),
        }
    }
}

fn joined<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// A width and a height that apply to videos of about this ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeForRatio {
    /// Width to height.
    pub ratio: Rational,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Returns the entry whose ratio is nearest to the ratio of `size`, compared as factors.
pub fn size_for_nearest_ratio(size: Size, sizes: &[SizeForRatio]) -> Option<SizeForRatio> {
    let ratio = f64::from(size.width) / f64::from(size.height.max(1));
    let distance = |entry: &&SizeForRatio| (ratio / entry.ratio.as_f64()).ln().abs();
    sizes.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
}

/// The type of a key.
pub trait Parameter: Sized {
    /// What a wrong value is told to be instead: "a number".
    const EXPECTED: &'static str;
    /// Reads a value; `None` if it has another type or form.
    fn from_toml(value: &toml::Value) -> Option<Self>;
    /// Returns the value, if the key is set.
    fn to_value(&self) -> Option<Value>;
}

impl Parameter for Option<f64> {
    const EXPECTED: &'static str = "a number";

    fn from_toml(value: &toml::Value) -> Option<Self> {
        let number = value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64))?;
        number.is_finite().then_some(Some(number))
    }

    fn to_value(&self) -> Option<Value> {
        self.map(Value::Number)
    }
}

impl Parameter for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_value(&self) -> Option<Value> {
        self.then_some(Value::Flag(true))
    }
}

/// Reads lists of strings, and of the enums that names stand for. An empty list is no limit.
macro_rules! lists_of_words {
    ($($word:ty),*) => {$(
        impl Parameter for Vec<$word> {
            const EXPECTED: &'static str = "a list of strings";

            fn from_toml(value: &toml::Value) -> Option<Self> {
                Some(strings(value)?.iter().map(|word| word.as_str().into()).collect())
            }

            fn to_value(&self) -> Option<Value> {
                (!self.is_empty()).then(|| Value::Words(self.iter().map(<$word>::to_string).collect()))
            }
        }
    )*};
}

lists_of_words!(String, Codec, Container, ImageFormat);

/// An empty list is no limit. Numbers may be written as strings.
impl Parameter for Vec<u32> {
    const EXPECTED: &'static str = "a list of whole numbers";

    fn from_toml(value: &toml::Value) -> Option<Self> {
        let number = |value: &toml::Value| match value {
            toml::Value::String(text) => text.parse().ok(),
            other => other.as_integer()?.try_into().ok(),
        };
        match value {
            toml::Value::Array(list) => list.iter().map(number).collect(),
            one => Some(vec![number(one)?]),
        }
    }

    fn to_value(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::Words(self.iter().map(u32::to_string).collect()))
    }
}

/// An empty list is no limit.
impl Parameter for Vec<Rational> {
    const EXPECTED: &'static str = "a list of ratios such as \"9:16\"";

    fn from_toml(value: &toml::Value) -> Option<Self> {
        strings(value)?.iter().map(|text| text.parse().ok()).collect()
    }

    fn to_value(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::Ratios(self.clone()))
    }
}

impl Parameter for Option<Rational> {
    const EXPECTED: &'static str = "one ratio such as \"9:16\"";

    fn from_toml(value: &toml::Value) -> Option<Self> {
        match strings(value)?.as_slice() {
            [text] => text.parse().ok().map(Some),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        self.map(|ratio| Value::Ratios(vec![ratio]))
    }
}

/// An empty list is no limit.
impl Parameter for Vec<SizeForRatio> {
    const EXPECTED: &'static str = "a list of { ratio = \"9:16\", width = 540, height = 960 }";

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(size).collect()
    }

    fn to_value(&self) -> Option<Value> {
        let plain = |size: &SizeForRatio| (size.ratio, size.width, size.height);
        (!self.is_empty()).then(|| Value::Sizes(self.iter().map(plain).collect()))
    }
}

/// Reads one string or a list of them.
fn strings(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::String(text) => Some(vec![text.clone()]),
        toml::Value::Array(list) => list.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn size(value: &toml::Value) -> Option<SizeForRatio> {
    let table = value.as_table().filter(|table| table.len() == 3)?;
    let side = |key| u32::try_from(table.get(key)?.as_integer()?).ok();
    let ratio = table.get("ratio")?.as_str()?.parse().ok()?;
    Some(SizeForRatio { ratio, width: side("width")?, height: side("height")? })
}
