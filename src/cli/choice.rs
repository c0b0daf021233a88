//! Values from a closed list, given by an argument or by the configuration.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::error::CliError;
use crate::plan::Preset;
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

impl ValueEnum for Preset {
    fn value_variants<'a>() -> &'a [Preset] {
        use Preset::{Fast, Faster, Medium, Slow, Superfast, Veryfast};
        &[Superfast, Veryfast, Faster, Fast, Medium, Slow]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}
