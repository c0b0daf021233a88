//! Common encryption (ISO/IEC 23001-7), as far as the library must understand it to read the samples, which it leaves
//! encrypted.

use super::super::cache::Cache;
use super::super::reason::{Reason, Stop};
use super::boxes::{Node, allow, children, only, required};
use crate::probe::bytes::read_range;
use crate::probe::headers::INVALID_DATA;
use crate::probe::isobmff::FieldReader;

/// Bytes of the descriptions of the samples of a fragment that are read.
const MAX_DESCRIPTIONS: usize = 1 << 20;
/// The flag of `senc` for samples that are encrypted in parts.
const IN_PARTS: u32 = 2;

/// How the samples of a track are encrypted.
#[derive(Clone, Debug)]
pub(super) struct Protection {
    /// The four-character code of the sample entry without encryption.
    pub(super) format: [u8; 4],
    scheme: [u8; 4],
    /// Bytes of the initialization vector of each sample; zero if all have the same.
    vector_bytes: usize,
}

impl Protection {
    /// Reads the content of `sinf`.
    pub(super) fn read(sinf: &[u8]) -> Result<Protection, Reason> {
        let nodes = children(sinf)?;
        allow(&nodes, &[b"frma", b"schm", b"schi", b"uuid"])?;
        let schi = children(required(&nodes, b"schi")?)?;
        allow(&schi, &[b"tenc"])?;
        let (frma, schm) = (required(&nodes, b"frma")?, required(&nodes, b"schm")?);
        let format = frma.try_into().map_err(|_| Reason::Encrypted)?;
        let scheme = schm.get(4..8).and_then(|scheme| scheme.try_into().ok()).ok_or(Reason::Encrypted)?;
        let vector_bytes = vector_bytes(required(&schi, b"tenc")?).ok_or(Reason::Encrypted)?;
        Ok(Protection { format, scheme, vector_bytes })
    }

    /// Checks that a fragment, whose offsets count from `base`, describes the encryption of all its samples in a way
    /// that the library reads.
    pub(super) fn check(
        &self,
        cache: &Cache<'_>,
        nodes: &[Node<'_>],
        base: u64,
        samples: u32,
    ) -> Result<(), Stop> {
        let at = |kind: &[u8; 4]| nodes.iter().position(|node| &node.kind == kind);
        let (sizes, offsets) = (only(nodes, b"saiz")?, only(nodes, b"saio")?);
        let described = match (only(nodes, b"senc")?, sizes, offsets) {
            (None, Some(sizes), Some(offsets)) => self.elsewhere(cache, sizes, offsets, base)?,
            (Some(_), Some(sizes), Some(offsets)) if at(b"senc") > at(b"saiz").max(at(b"saio")) => {
                self.elsewhere(cache, sizes, offsets, base)?
            }
            (Some(senc), sizes, offsets)
                if sizes.is_none_or(|_| at(b"senc") < at(b"saiz"))
                    && offsets.is_none_or(|_| at(b"senc") < at(b"saio")) =>
            {
                self.in_place(senc)
            }
            _ => None,
        };
        if described.is_some_and(|described| described >= samples) {
            Ok(())
        } else {
            Err(Reason::Encrypted.into())
        }
    }

    /// Returns the number of samples that the content of `senc` describes.
    fn in_place(&self, senc: &[u8]) -> Option<u32> {
        let mut fields = FieldReader(senc);
        let (_, flags) = fields.head()?;
        let count = fields.word()?;
        (0..count).try_for_each(|_| self.description(&mut fields, flags & IN_PARTS != 0))?;
        Some(count)
    }

    /// Returns the number of samples that are described where `saiz` and `saio` say.
    fn elsewhere(&self, cache: &Cache<'_>, saiz: &[u8], saio: &[u8], base: u64) -> Result<Option<u32>, Stop> {
        let Some((usual, sizes, count)) = self.sizes(saiz) else { return Ok(None) };
        let Some(offset) = self.offset(saio).and_then(|offset| base.checked_add(offset)) else {
            return Ok(None);
        };
        let described = read_range(cache, offset, MAX_DESCRIPTIONS)?;
        let mut fields = FieldReader(&described);
        for number in 0..count as usize {
            let size = if usual > 0 { usual } else { sizes.get(number).copied().unwrap_or(0) };
            if self.description(&mut fields, usize::from(size) > self.vector_bytes).is_none() {
                // The library reads beyond the end of the file, if the descriptions begin in it.
                let is_cut = (1..MAX_DESCRIPTIONS).contains(&described.len());
                return if is_cut && self.is_read(size) {
                    Err(Stop::Refused(INVALID_DATA))
                } else {
                    Ok(None)
                };
            }
        }
        // At the very end of a file, the library may notice that.
        Ok(Some(count).filter(|_| !fields.0.is_empty()))
    }

    /// Returns the usual size of a description, the sizes if they differ, and the number of samples in `saiz`.
    fn sizes<'a>(&self, saiz: &'a [u8]) -> Option<(u8, &'a [u8], u32)> {
        let mut fields = self.typed(saiz)?;
        let (usual, count) = (fields.take(1)? as u8, fields.word()?);
        let sizes = if usual > 0 { &[] } else { fields.bytes(count as usize)? };
        (count > 0).then_some((usual, sizes, count))
    }

    /// Returns the only offset in `saio`.
    fn offset(&self, saio: &[u8]) -> Option<u64> {
        let mut fields = self.typed(saio)?;
        (fields.word()? == 1).then_some(())?;
        fields.wide(*saio.first()?)
    }

    /// Reads the head of `saiz` or `saio`; `None` if they are about something else.
    fn typed<'a>(&self, content: &'a [u8]) -> Option<FieldReader<'a>> {
        let mut fields = FieldReader(content);
        let (_, flags) = fields.head()?;
        let is_typed = flags & 1 != 0;
        let is_same = !is_typed || fields.bytes(4)? == self.scheme && fields.word()? == 0;
        is_same.then_some(fields)
    }

    /// Returns whether the library reads anything of a description of this size.
    fn is_read(&self, size: u8) -> bool {
        self.vector_bytes > 0 || usize::from(size) > self.vector_bytes
    }

    /// Reads the description of a sample.
    fn description(&self, fields: &mut FieldReader<'_>, in_parts: bool) -> Option<()> {
        fields.bytes(self.vector_bytes)?;
        if in_parts {
            let parts = fields.take(2)? as usize;
            fields.bytes(parts * 6)?;
        }
        (self.vector_bytes > 0 || in_parts).then_some(())
    }
}

/// Returns the bytes of the initialization vector of each sample by the content of `tenc`.
fn vector_bytes(tenc: &[u8]) -> Option<usize> {
    let mut fields = FieldReader(tenc);
    fields.head()?;
    fields.bytes(2)?;
    let (is_protected, bytes) = (fields.take(1)? != 0, fields.take(1)? as usize);
    fields.bytes(16)?;
    if is_protected && bytes == 0 {
        let constant = fields.take(1)? as usize;
        fields.bytes(constant).filter(|_| matches!(constant, 8 | 16))?;
    }
    matches!(bytes, 0 | 8 | 16).then_some(bytes)
}

/// Checks that the library reads the content of `pssh`, which changes none of the facts.
pub(super) fn check_pssh(content: &[u8]) -> Result<(), Reason> {
    let parse = || {
        let mut fields = FieldReader(content);
        let (version, _) = fields.head()?;
        fields.bytes(16)?;
        if version > 0 {
            let keys = fields.word()? as usize;
            fields.bytes(keys.checked_mul(16)?)?;
        }
        let length = fields.word()? as usize;
        fields.bytes(length)?;
        fields.0.is_empty().then_some(())
    };
    parse().ok_or(Reason::Encrypted)
}
