//! `html`: one self-contained page, for people who do not use a terminal.
//!
//! `maud` writes the elements, and text from files goes through `Plain`. The page's own style and script are the only
//! ones that its policy allows, and it requests nothing. Without the script, as in the preview of a mail program, it
//! shows everything, and only the filters are missing.

mod bars;
mod card;
mod order;
mod overview;
mod page;
mod pictures;
mod plain;
#[cfg(test)]
mod tests;
mod timeline;
mod tone;
mod tools;

use std::io;

use super::Report;

pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    page::write(report, out)
}
