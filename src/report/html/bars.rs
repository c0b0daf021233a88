//! Bars of several parts, as inline SVG.

use maud::{Markup, html};

/// Returns a bar of `total` units, with parts of this length in the colours of this class. Its numbers are written
/// beside it, so that it is hidden from screen readers.
pub(super) fn bar(parts: &[(u64, &'static str)], total: u64) -> Markup {
    let scale = 1000.0 / total.max(1) as f64;
    let starts = parts.iter().scan(0, |end, (length, _)| {
        *end += length;
        Some(*end - length)
    });
    html! {
        svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
            @for (start, (length, class)) in starts.zip(parts).filter(|(_, (length, _))| *length > 0) {
                rect class=(class) x=(format!("{:.1}", start as f64 * scale)) y="0" height="10"
                    width=(format!("{:.1}", *length as f64 * scale)) {}
            }
        }
    }
}
