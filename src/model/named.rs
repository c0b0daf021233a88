//! Enums of FFmpeg's names: a variant for each name that greenlit treats differently, and one for all others.

/// A name that is none of an enum's variants. Only the enum's `From<&str>` creates it, so that a name has one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlistedName(Box<str>);

impl UnlistedName {
    /// Keeps a name that the caller has compared with all variants.
    pub(super) fn new(name: &str) -> UnlistedName {
        UnlistedName(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Displays a type by its name.
macro_rules! display_name {
    ($name:ty) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

/// Declares an enum of names, which is written and read as the name.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`.")] $variant,)*
            /// Any other name.
            Other($crate::model::named::UnlistedName),
        }

        impl $name {
            /// All variants but [`Self::Other`].
            pub const LISTED: &'static [$name] = &[$($name::$variant),*];

            /// Returns the name.
            pub fn name(&self) -> &str {
                match self {
                    $($name::$variant => $text,)*
                    $name::Other(name) => name.as_str(),
                }
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> $name {
                match name {
                    $($text => $name::$variant,)*
                    other => $name::Other($crate::model::named::UnlistedName::new(other)),
                }
            }
        }

        $crate::model::named::display_name!($name);

        /// Values are equal exactly if their names are.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.name()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let name: std::borrow::Cow<'_, str> = serde::Deserialize::deserialize(deserializer)?;
                Ok($name::from(&*name))
            }
        }
    };
}

pub(crate) use display_name;
pub(super) use named;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use crate::model::{Codec, Compact, Container, ImageFormat};

    /// Checks that a name survives parsing, JSON and the binary encoding, each as the text that it was.
    fn check_name<T>(name: &str, name_of: fn(&T) -> &str)
    where
        T: for<'a> From<&'a str>
            + PartialEq
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
    {
        let value = T::from(name);
        assert_eq!(name_of(&value), name);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(json, serde_json::to_string(name).unwrap());
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
    }

    fn check_bytes<T: for<'a> From<&'a str> + Compact + PartialEq + std::fmt::Debug>(name: &str) {
        let (mut bytes, mut text) = (Vec::new(), Vec::new());
        T::from(name).put(&mut bytes);
        name.to_owned().put(&mut text);
        assert_eq!(bytes, text, "{name}");
        let mut input = bytes.as_slice();
        assert_eq!(T::take(&mut input), Some(T::from(name)));
        assert!(input.is_empty());
    }

    fn check_all(name: &str) {
        check_name(name, Codec::name);
        check_name(name, Container::name);
        check_name(name, ImageFormat::name);
        check_bytes::<Codec>(name);
        check_bytes::<Container>(name);
    }

    #[test]
    fn every_variant_is_what_its_name_is_read_as() {
        for codec in Codec::LISTED {
            assert_eq!(Codec::from(codec.name()), *codec);
            assert!(!matches!(codec, Codec::Other(_)));
        }
        for container in Container::LISTED {
            assert_eq!(Container::from(container.name()), *container);
        }
        for format in ImageFormat::LISTED {
            assert_eq!(ImageFormat::from(format.name()), *format);
        }
        let names =
            Codec::LISTED.iter().map(Codec::name).chain(Container::LISTED.iter().map(Container::name));
        names.chain(ImageFormat::LISTED.iter().map(ImageFormat::name)).for_each(check_all);
    }

    proptest! {
        #[test]
        fn any_name_survives_unchanged(name in "\\PC{0,20}") {
            check_all(&name);
        }
    }

    #[test]
    fn names_are_compared_exactly() {
        for name in ["", "H264", "h264 ", "MP4", "pcm_s16le", "png_pipe", "tmcd"] {
            assert!(matches!(Codec::from(name), Codec::Other(_)), "{name}");
            assert!(matches!(Container::from(name), Container::Other(_)), "{name}");
            assert_ne!(Codec::from(name), Codec::H264);
        }
    }

    #[test]
    fn a_list_of_names_is_joined_like_one_of_strings() {
        assert_eq!([Codec::H264, Codec::from("prores")].join(", "), "h264, prores");
    }
}
