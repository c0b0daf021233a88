//! Reads the fields in the content of a box.

/// Reads the fields of a box in order.
pub(crate) struct FieldReader<'a>(pub(crate) &'a [u8]);

impl<'a> FieldReader<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Option<u64> {
        Some(self.bytes(bytes)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub(crate) fn word(&mut self) -> Option<u32> {
        self.take(4).map(|word| word as u32)
    }

    /// Reads version and flags, the start of a full box.
    pub(crate) fn head(&mut self) -> Option<(u8, u32)> {
        self.word().map(|word| ((word >> 24) as u8, word & 0xff_ffff))
    }

    /// Reads a number of four bytes in version 0 of a box, of eight bytes in later versions.
    pub(crate) fn wide(&mut self, version: u8) -> Option<u64> {
        self.take(if version == 0 { 4 } else { 8 })
    }
}
