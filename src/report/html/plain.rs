//! Text for the page, escaped by its type.

use maud::{Markup, Render, html};

use super::super::escape;

/// Text from files, platforms or the user. It never becomes markup, and characters that hide or reorder others are
/// written as escapes.
pub(super) struct Plain<'a>(pub(super) &'a str);

impl Render for Plain<'_> {
    fn render_to(&self, buffer: &mut String) {
        escape(self.0).render_to(buffer);
    }
}

/// Returns a message that was written to follow a rule's id, capitalized to stand alone.
pub(super) fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Returns text in which the parts between backticks are code.
pub(super) fn with_code(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 1 { code { (Plain(part)) } } @else { (Plain(part)) }
        }
    }
}

/// Returns a source; `http` and `https` addresses are links, and anything else, such as `javascript:`, stays text.
pub(super) fn link(source: &str) -> Markup {
    let is_web = source.starts_with("https://") || source.starts_with("http://");
    html! {
        @if is_web { a href=(Plain(source)) rel="noreferrer" { (Plain(source)) } } @else { (Plain(source)) }
    }
}
