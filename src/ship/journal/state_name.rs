//! The names of states in the journal.

use crate::ship::DeliveryState;

/// Returns the name of a state in the journal: the same as in the report.
pub(super) fn state_name(state: &DeliveryState) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Parses the name of a state. An unknown name counts as the first state: the effects decide what may be sent.
pub(super) fn parse_state(text: String) -> DeliveryState {
    serde_json::from_value(text.into()).unwrap_or(DeliveryState::Validated)
}
