//! A bit reader with bounds checks.

use std::borrow::Cow;

/// Reads bits, most significant first. A read past the end gives `None`.
#[derive(Clone, Debug)]
pub struct Bits<'a> {
    bytes: Cow<'a, [u8]>,
    at: usize,
}

impl<'a> Bits<'a> {
    /// Creates a reader of plain bytes.
    pub fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes: Cow::Borrowed(bytes), at: 0 }
    }

    /// Creates a reader of the payload of a NAL unit, without its emulation prevention bytes (00 00 **03**;
    /// ITU-T H.264, 7.4.1).
    pub fn of_nal(nal: &'a [u8]) -> Bits<'a> {
        let (mut payload, mut copied) = (Vec::new(), 0);
        for (at, _) in reserved_codes(nal).filter(|(_, last)| *last == 3) {
            payload.extend_from_slice(&nal[copied..at]);
            copied = at + 1;
        }
        if copied == 0 {
            return Bits::new(nal);
        }
        payload.extend_from_slice(&nal[copied..]);
        Bits { bytes: Cow::Owned(payload), at: 0 }
    }

    /// Reads one bit.
    pub fn flag(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// Reads `count` bits, at most 32, as a number.
    pub fn take(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        let mut value: u32 = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Skips `count` bits.
    pub fn skip(&mut self, count: usize) -> Option<()> {
        let to = self.at.checked_add(count)?;
        if to > self.bytes.len() * 8 {
            return None;
        }
        self.at = to;
        Some(())
    }

    /// Returns the number of bits left.
    pub fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// Checks that only the stop bit of a NAL unit and its padding are left.
    pub(super) fn at_end(&self) -> Option<()> {
        let mut bits = self.clone();
        bits.flag()?.then_some(())?;
        let padding = u32::try_from(bits.left()).ok().filter(|padding| *padding < 8)?;
        (bits.take(padding)? == 0).then_some(())
    }

    /// Reads an unsigned Exp-Golomb number (ITU-T H.264, 9.1).
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        Some((1_u32 << zeros) - 1 + rest)
    }

    /// Reads a signed Exp-Golomb number.
    pub fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 };
        i32::try_from(value).ok()
    }
}

/// Returns where the codes 00 00 **00** to 00 00 **03**, which no payload contains, have their last bytes, and those.
pub(crate) fn reserved_codes(nal: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let mut next = 2;
    std::iter::from_fn(move || {
        while let Some(&last) = nal.get(next) {
            let at = next;
            // The two bytes behind another than zero cannot end such a code.
            next += if last == 0 { 1 } else { 3 };
            if last <= 3 && nal[at - 2..at] == [0, 0] {
                return Some((at, last));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exp_golomb_numbers() {
        // 1 | 010 | 011 | 00100 | padding
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0000]);
        assert_eq!([bits.ue(), bits.ue(), bits.ue(), bits.ue()], [Some(0), Some(1), Some(2), Some(3)]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0000]);
        assert_eq!([bits.se(), bits.se(), bits.se(), bits.se()], [Some(0), Some(1), Some(-1), Some(2)]);
    }

    #[test]
    fn removes_every_emulation_prevention_byte() {
        let naive = |nal: &[u8]| {
            let (mut payload, mut zeros) = (Vec::new(), 0);
            for &byte in nal {
                let prevents = zeros >= 2 && byte == 3;
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                payload.extend((!prevents).then_some(byte));
            }
            payload
        };
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let nal: Vec<u8> =
                (0..random.usize(..12)).map(|_| *random.choice([0, 0, 3, 5].iter()).unwrap_or(&0)).collect();
            assert_eq!(Bits::of_nal(&nal).bytes, naive(&nal), "{nal:?}");
        }
    }

    #[test]
    fn removes_emulation_prevention_and_stops_at_the_end() {
        let mut bits = Bits::of_nal(&[0, 0, 3, 1]);
        assert_eq!(bits.take(24), Some(1));
        assert_eq!(bits.flag(), None);
        assert_eq!(Bits::new(&[]).ue(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0]).ue(), None);
    }
}
