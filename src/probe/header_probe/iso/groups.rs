//! Groups of samples, of which the library reads those of kinds of sync samples.

use super::super::reason::Reason;
use super::boxes::Node;
use crate::probe::isobmff::FieldReader;

/// The kinds of sync samples, by the type of their first unit (ISO/IEC 14496-15, 8.4.6).
const SYNC: &[u8] = b"sync";
/// Random access points: further sync samples.
const RANDOM_ACCESS: &[u8] = b"rap ";

/// Checks that the groups of a track with this number of samples change none of the facts.
pub(super) fn check(nodes: &[Node<'_>], samples: u64) -> Result<(), Reason> {
    let is_random_access = |node: &Node<'_>| node.content.get(4..8) == Some(RANDOM_ACCESS);
    let is_grouped = |node: &Node<'_>| &node.kind == b"sbgp" && is_random_access(node);
    if nodes.iter().any(is_grouped) || check_fragment(nodes)? > samples {
        return Err(Reason::SampleTables);
    }
    Ok(())
}

/// Checks that the groups in a fragment are well-formed: otherwise the library refuses the file, or reads beyond their
/// boxes. Returns the number of samples that are in groups.
pub(super) fn check_fragment(nodes: &[Node<'_>]) -> Result<u64, Reason> {
    let mut grouped = 0;
    for node in nodes.iter().filter(|node| matches!(&node.kind, b"sgpd" | b"sbgp")) {
        let samples = match (&node.kind, node.content.get(4..8)) {
            (b"sgpd", Some(SYNC)) => describe(node.content),
            (b"sbgp", Some(SYNC | RANDOM_ACCESS)) => groups(node.content),
            (_, kind) => kind.map(|_| 0),
        };
        grouped += samples.ok_or(Reason::SampleTables)?;
    }
    Ok(grouped)
}

/// Reads the descriptions of groups, each of which begins with the type of a unit.
fn describe(sgpd: &[u8]) -> Option<u64> {
    let mut fields = FieldReader(sgpd);
    let (version, _) = fields.head().filter(|(version, _)| matches!(version, 1 | 2))?;
    fields.bytes(4)?;
    let usual = fields.word()?;
    if version == 2 {
        fields.word()?;
    }
    for _ in 0..fields.word()? {
        let length = if usual > 0 { usual } else { fields.word()? };
        fields.bytes(length as usize).filter(|description| !description.is_empty())?;
    }
    fields.0.is_empty().then_some(0)
}

/// Returns the number of samples that are in groups.
fn groups(sbgp: &[u8]) -> Option<u64> {
    let mut fields = FieldReader(sbgp);
    let (version, _) = fields.head()?;
    fields.bytes(if version == 1 { 8 } else { 4 })?;
    let (mut samples, count) = (0, fields.word()?);
    for _ in 0..count {
        samples += u64::from(fields.word()?);
        fields.word()?;
    }
    fields.0.is_empty().then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(kind: [u8; 4], content: &[u8]) -> bool {
        check(&[Node { kind, content }], 5).is_ok()
    }

    #[test]
    fn kinds_of_sync_samples_fill_their_boxes_and_no_more_than_the_track() {
        let kinds = b"\x01\0\0\0sync\0\0\0\x01\0\0\0\x01\x15";
        assert!(is_fine(*b"sgpd", kinds));
        assert!(!is_fine(*b"sgpd", &kinds[..16]), "truncated");
        assert!(!is_fine(*b"sgpd", &[&[0], &kinds[1..]].concat()), "a version without lengths");
        let groups = |count: u8| [&b"\0\0\0\0sync\0\0\0\x01\0\0\0"[..], &[count, 0, 0, 0, 1]].concat();
        assert!(is_fine(*b"sbgp", &groups(5)));
        assert!(!is_fine(*b"sbgp", &groups(6)), "more samples than the track has");
        assert!(!is_fine(*b"sbgp", &groups(5)[..19]), "truncated");
    }

    #[test]
    fn only_groups_of_sync_samples_matter() {
        assert!(is_fine(*b"sbgp", b"\0\0\0\0roll"));
        let points = Node { kind: *b"sbgp", content: b"\0\0\0\0rap \0\0\0\0" };
        assert!(check(&[points], 5).is_err(), "in tables they change the key frames");
        assert_eq!(check_fragment(&[points]).ok(), Some(0));
        assert!(!is_fine(*b"sgpd", b"\0\0\0\0"));
    }
}
