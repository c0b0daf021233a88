//! What a list of the platform says about an effect that has a name.

use super::upload::Reconciled;

/// Returns what the entries with the name of an effect say about it; `None` if there are none. One that is ours is the
/// effect; anything else is for a person to decide, from the readings. An entry that is listed twice counts once.
pub(super) fn reconcile<'a, T: 'a>(
    named: impl Iterator<Item = &'a T>,
    id: impl Fn(&T) -> &str,
    is_ours: impl Fn(&T) -> bool,
    reading: impl Fn(&T) -> String,
) -> Option<Reconciled> {
    let mut matches: Vec<&T> = named.collect();
    matches.sort_by(|a, b| id(a).cmp(id(b)));
    matches.dedup_by(|a, b| id(a) == id(b));
    match matches.as_slice() {
        [] => None,
        [one] if is_ours(one) => Some(Reconciled::Done(id(one).to_owned())),
        several => Some(Reconciled::Ambiguous(several.iter().map(|entry| reading(entry)).collect())),
    }
}
