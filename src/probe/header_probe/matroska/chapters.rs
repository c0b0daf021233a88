//! Counts chapters (RFC 9559, 5.1.7).

use super::super::reason::Reason;
use super::master::Master;

const EDITION: u32 = 0x45b9;
const ATOM: u32 = 0xb6;
const UID: u32 = 0x73c4;
const START: u32 = 0x91;
const END: u32 = 0x92;
const DISPLAY: u32 = 0x80;

/// Returns the number of chapters in the content of `Chapters`. They must follow each other and have a number each: the
/// library leaves others out.
pub(super) fn count(content: &[u8]) -> Result<u32, Reason> {
    let (mut uids, mut last) = (Vec::new(), None);
    for edition in Master::read(content)?.all(EDITION) {
        for atom in Master::read(edition)?.all(ATOM) {
            let atom = Master::read(atom)?;
            let (uid, start) = (atom.number(UID, 0)?, atom.number(START, u64::MAX)?);
            let end = atom.number(END, i64::MAX as u64)?;
            for display in atom.all(DISPLAY) {
                Master::read(display)?;
            }
            let is_usual = uid > 0 && i64::try_from(uid).is_ok() && i64::try_from(end).is_ok();
            if !is_usual || start > end || uids.contains(&uid) || last.is_some_and(|last| start <= last) {
                return Err(Reason::RareElement);
            }
            uids.push(uid);
            last = Some(start);
        }
    }
    u32::try_from(uids.len()).map_err(|_| Reason::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(uid: u8, start: u8, end: u8) -> Vec<u8> {
        [&[0xb6, 0x8a, 0x73, 0xc4, 0x81, uid][..], &[0x91, 0x81, start], &[0x92, 0x81, end]].concat()
    }

    fn counted(atoms: &[Vec<u8>]) -> Option<u32> {
        let atoms = atoms.concat();
        count(&[&[0x45, 0xb9, 0x80 | atoms.len() as u8][..], &atoms].concat()).ok()
    }

    #[test]
    fn chapters_must_follow_each_other() {
        assert_eq!(counted(&[atom(1, 0, 5), atom(2, 5, 9)]), Some(2));
        assert_eq!(counted(&[]), Some(0));
        assert_eq!(counted(&[atom(1, 0, 5), atom(1, 5, 9)]), None, "the same number");
        assert_eq!(counted(&[atom(1, 5, 9), atom(2, 0, 5)]), None, "back in time");
        assert_eq!(counted(&[atom(1, 5, 4)]), None, "an end before the start");
        assert_eq!(counted(&[atom(0, 0, 5)]), None, "no number");
    }
}
