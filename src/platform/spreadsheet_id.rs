//! Recognizes ids that a spreadsheet changed to a number.

/// Significant digits that spreadsheets keep of a number; they replace the others by zeros.
const EXACT_DIGITS: usize = 15;
/// Zeros at the end that are taken for replaced digits: one id in a thousand really has them.
const REPLACED_DIGITS: usize = 3;

/// Returns what a spreadsheet did to an id and what to do about it; `None` for an id that looks untouched.
/// `may_be_rounded`: the id comes from a spreadsheet, so that zeros at its end may replace other digits.
pub(super) fn damage(id: &str, may_be_rounded: bool) -> Option<String> {
    const ADVICE: &str = "copy the id from the platform into a column that the spreadsheet holds as text (format the \
                          column as Text before pasting, or choose Text for it in the import dialog)";
    if is_scientific(id) {
        return Some(format!(
            "a spreadsheet turned this id into the number {id}, and digits are lost: {ADVICE}"
        ));
    }
    let is_rounded = may_be_rounded
        && id.len() >= EXACT_DIGITS + REPLACED_DIGITS
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && id.bytes().skip(EXACT_DIGITS).all(|byte| byte == b'0');
    is_rounded.then(|| {
        format!(
            "a spreadsheet seems to have rounded this id: it keeps {EXACT_DIGITS} digits of a number, and the others \
             are zeros here. {}; if the id really ends like this, write the manifest as .jsonl or .toml",
            ADVICE.replacen("copy", "Copy", 1)
        )
    })
}

/// Returns whether a text is a number such as `1.8E+18` or `1,8E+18`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = mantissa.split_once(['.', ',']).map_or(digits(mantissa), |(a, b)| digits(a) && digits(b));
    mantissa && exponent.strip_prefix('+').is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::damage;

    #[test]
    fn ids_that_a_spreadsheet_changed_are_recognized_and_others_are_not() {
        for changed in ["1.8E+18", "1,80E+18", "18e+17", "1800000000000000000", "180000000000000000"] {
            assert!(damage(changed, true).is_some(), "{changed}");
        }
        for id in ["1800000000000000001", "1712345678901230", "1800000000000001000", "2e18", "E+1", "abc", ""]
        {
            assert_eq!(damage(id, true), None, "{id}");
        }
        assert_eq!(damage("1800000000000000000", false), None, "only a spreadsheet rounds");
        assert!(damage("1.8E+18", false).is_some());
    }
}
