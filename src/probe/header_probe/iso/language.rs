//! The language codes of media headers and metadata (ISO/IEC 14496-12, 8.4.2.3; QuickTime File Format).

use super::super::reason::Reason;
use crate::probe::tags::language_of;

/// Languages by the numbers of Macintosh; most files that use them are in English.
const MAC_LANGUAGES: [&str; 9] = ["eng", "fra", "ger", "ita", "dut", "sve", "spa", "dan", "por"];
/// The lowest number of a packed language of three letters.
const PACKED_LANGUAGE: u16 = 0x400;
const NO_LANGUAGE: u16 = 0x7fff;
/// Returns the language with a code; `None` if it is undetermined.
pub(super) fn language(code: u16) -> Result<Option<String>, Reason> {
    match code {
        NO_LANGUAGE => Ok(None),
        PACKED_LANGUAGE.. => {
            let letter = |shift: u16| char::from(0x60 + (code >> shift & 0x1f) as u8);
            Ok(language_of(&String::from_iter([10, 5, 0].map(letter))))
        }
        number => match MAC_LANGUAGES.get(usize::from(number)) {
            Some(name) => Ok(Some((*name).to_owned())),
            None => Err(Reason::RareElement),
        },
    }
}
