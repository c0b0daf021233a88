//! Reads the elements inside of another strictly: the media library is lenient in ways of its own.

use super::super::reason::Reason;
use crate::probe::ebml::{element, unsigned};

/// Numbers that only the library reads, which finds longer ones invalid: the flags of a track, its numbers of additions and
/// its rolling start, and what is declared of chroma.
const NUMBERS: [u32; 15] = [
    0x55aa, 0x55ab, 0x55ac, 0x55ad, 0x55ae, 0x55af, 0x55ee, 0x56bb, 0x55b2, 0x55b3, 0x55b4, 0x55b5, 0x55b6,
    0x55b7, 0x55b8,
];
/// Floats that only the library reads, which must have a usual length.
const FLOATS: [u32; 2] = [0x23_314f, 0x23_83e3];
const MASTERING_FLOATS: std::ops::RangeInclusive<u32> = 0x55d1..=0x55da;

/// The elements inside of another.
pub(super) struct Master<'a>(Vec<(u32, &'a [u8])>);

impl<'a> Master<'a> {
    /// Reads elements that fill `content`.
    pub(super) fn read(mut content: &'a [u8]) -> Result<Master<'a>, Reason> {
        let mut found = Vec::new();
        while !content.is_empty() {
            let (id, length, used) = element(content).ok_or(Reason::Malformed)?;
            let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(Reason::Malformed)?;
            let rest = content.get(used..).and_then(|rest| rest.split_at_checked(length));
            let (inside, rest) = rest.ok_or(Reason::Malformed)?;
            let is_float = FLOATS.contains(&id) || MASTERING_FLOATS.contains(&id);
            if is_float && !matches!(length, 0 | 4 | 8) || NUMBERS.contains(&id) && length > 8 {
                return Err(Reason::Malformed);
            }
            found.push((id, inside));
            content = rest;
        }
        Ok(Master(found))
    }

    /// Returns the contents of all elements with an id.
    pub(super) fn all(&self, id: u32) -> impl Iterator<Item = &'a [u8]> + use<'_, 'a> {
        self.0.iter().filter(move |(found, _)| *found == id).map(|(_, content)| *content)
    }

    /// Returns the content of the only element with an id; `None` without one.
    pub(super) fn only(&self, id: u32) -> Result<Option<&'a [u8]>, Reason> {
        let mut found = self.all(id);
        let first = found.next();
        if found.next().is_some() { Err(Reason::Malformed) } else { Ok(first) }
    }

    /// Returns the elements inside of the only element with an id; none without one.
    pub(super) fn inside(&self, id: u32) -> Result<Master<'a>, Reason> {
        Master::read(self.only(id)?.unwrap_or_default())
    }

    /// Returns the unsigned number of the only element with an id, `default` without one.
    pub(super) fn number(&self, id: u32, default: u64) -> Result<u64, Reason> {
        match self.only(id)? {
            Some(content) if content.len() <= 8 => Ok(unsigned(content)),
            Some(_) => Err(Reason::Malformed),
            None => Ok(default),
        }
    }

    /// Returns the float of the only element with an id; `None` without one.
    pub(super) fn float(&self, id: u32) -> Result<Option<f64>, Reason> {
        let Some(content) = self.only(id)? else { return Ok(None) };
        let value = match content.len() {
            0 => Some(0.0),
            4 => content.try_into().ok().map(|bytes| f64::from(f32::from_be_bytes(bytes))),
            8 => content.try_into().ok().map(f64::from_be_bytes),
            _ => None,
        };
        value.filter(|value| value.is_finite()).map(Some).ok_or(Reason::Malformed)
    }

    /// Returns the text of the only element with an id; `None` without one.
    pub(super) fn text(&self, id: u32) -> Result<Option<String>, Reason> {
        let Some(content) = self.only(id)? else { return Ok(None) };
        let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
        let text = std::str::from_utf8(&content[..end]).map_err(|_| Reason::Malformed)?;
        Ok(Some(text.to_owned()))
    }

    /// Returns whether an element is there.
    pub(super) fn has(&self, id: u32) -> bool {
        self.0.iter().any(|(found, _)| *found == id)
    }

    /// Returns ids and contents in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'_, 'a> {
        self.0.iter().copied()
    }
}
