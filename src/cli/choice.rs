//! Values from a closed list, given by an argument or by the configuration.

use clap::ValueEnum;

use super::error::CliError;
use crate::profile::nearest;

/// Returns the value of the argument, else of the configuration's `key`; `None` if neither gives one.
///
/// # Errors
///
/// [`CliError::BadChoice`] for an unknown value in the configuration.
pub(super) fn choice<T: ValueEnum + 'static>(
    argument: Option<T>,
    configured: Option<&str>,
    key: &str,
) -> Result<Option<T>, CliError> {
    let names = || T::value_variants().iter().filter_map(T::to_possible_value);
    let parse = |name| {
        T::from_str(name, false)
            .map_err(|_| bad_choice(key, name, names().map(|value| value.get_name().to_owned())))
    };
    if argument.is_some() { Ok(argument) } else { configured.map(parse).transpose() }
}

/// Returns the error for a value that is not in the list, with the nearest one that is.
pub(super) fn bad_choice(
    option: &str,
    given: &str,
    allowed: impl IntoIterator<Item = impl ToString>,
) -> CliError {
    let allowed: Vec<String> = allowed.into_iter().map(|name| name.to_string()).collect();
    let nearest = nearest(given, allowed.iter().map(String::as_str)).map(str::to_owned);
    CliError::BadChoice {
        option: option.to_owned(),
        given: given.to_owned(),
        allowed: allowed.join(", "),
        nearest,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::VideoEncoder;

    #[test]
    fn auto_is_x264_in_the_configuration_and_in_a_stored_plan() {
        let configured = |name| choice::<VideoEncoder>(None, Some(name), "fix.encoder");
        assert_eq!(configured("auto").unwrap(), Some(VideoEncoder::X264));
        assert_eq!(configured("videotoolbox").unwrap(), Some(VideoEncoder::VideoToolbox));
        assert_eq!(serde_json::from_str::<VideoEncoder>("\"auto\"").unwrap(), VideoEncoder::X264);
        let message = configured("x265").unwrap_err().to_string();
        assert!(message.contains("did you mean `x264`?"), "{message}");
    }
}
