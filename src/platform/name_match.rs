//! What a list says about an effect that has a name.

use super::Sighting;

/// Returns what the entries with the name of an effect say about it; `None` if there are none. One that is ours is the
/// effect; anything else is for a person to decide, from the readings. An entry that is listed twice counts once.
///
/// `was_refused`: the only send was refused because of the name, so that entries which are not ours prove that it had
/// no effect.
pub(super) fn sighting<'a, T: 'a>(
    named: impl Iterator<Item = &'a T>,
    id: impl Fn(&T) -> &str,
    is_ours: impl Fn(&T) -> bool,
    reading: impl Fn(&T) -> String,
    was_refused: bool,
) -> Option<Sighting> {
    let mut matches: Vec<&T> = named.collect();
    matches.sort_by(|a, b| id(a).cmp(id(b)));
    matches.dedup_by(|a, b| id(a) == id(b));
    match matches.as_slice() {
        [] => None,
        [one] if is_ours(one) => Some(Sighting::Done(id(one).to_owned())),
        others if was_refused && !others.iter().any(|entry| is_ours(entry)) => Some(Sighting::NameOfOther),
        several => Some(Sighting::Ambiguous(several.iter().map(|entry| reading(entry)).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(entries: &[(&'static str, bool)], was_refused: bool) -> Option<Sighting> {
        let reading = |entry: &(&str, bool)| format!("{} is there", entry.0);
        sighting(entries.iter(), |entry| entry.0, |entry| entry.1, reading, was_refused)
    }

    #[test]
    fn only_a_single_entry_of_ours_is_the_effect() {
        assert_eq!(seen(&[], false), None);
        assert_eq!(seen(&[("7", true), ("7", true)], false), Some(Sighting::Done("7".into())));
        let readings =
            |ids: &[&str]| Some(Sighting::Ambiguous(ids.iter().map(|id| format!("{id} is there")).collect()));
        assert_eq!(seen(&[("8", true), ("7", true)], true), readings(&["7", "8"]));
        assert_eq!(seen(&[("7", false)], false), readings(&["7"]));
        assert_eq!(seen(&[("7", false)], true), Some(Sighting::NameOfOther));
        assert_eq!(seen(&[("7", false), ("8", true)], true), readings(&["7", "8"]));
    }
}
