//! Reads the fields in the content of a box.

/// Reads the fields of a box in order.
pub(super) struct FieldReader<'a>(pub(super) &'a [u8]);

impl FieldReader<'_> {
    pub(super) fn take(&mut self, bytes: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub(super) fn word(&mut self) -> Option<u32> {
        self.take(4).map(|word| word as u32)
    }

    /// Reads version and flags, the start of a full box.
    pub(super) fn head(&mut self) -> Option<(u8, u32)> {
        self.word().map(|word| ((word >> 24) as u8, word & 0xff_ffff))
    }

    /// Reads a number of four bytes in version 0 of a box, of eight bytes in later versions.
    pub(super) fn wide(&mut self, version: u8) -> Option<u64> {
        self.take(if version == 0 { 4 } else { 8 })
    }
}
