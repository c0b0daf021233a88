//! The page around the entries.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::super::advice::what_to_do;
use super::super::outcome::Outcome;
use super::super::{Report, text, totals, units};
use super::card;
use super::order::worst_first;
use super::overview::overview;
use super::plain::{Plain, with_code};
use super::tools::tools;

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("report.js");

/// At most this many entries that need attention are unfolded at the start.
const UNFOLDED: usize = 20;

/// The files of an advice are shown from the start if there are no more than this many.
const SHOWN_FILES: usize = 3;

/// Writes the page, entry by entry.
pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    // The page is written in parts, so that a long one is not in memory as a whole.
    let mut write = |part: Markup| out.write_all(part.0.as_bytes());
    let raw = PreEscaped::<&str>;
    write(
        html! { (DOCTYPE) (raw("<html lang=\"en\">")) (head(report)) (raw("<body><div class=\"wrap\">")) },
    )?;
    write(
        html! { (top(report)) (overview(report)) (to_do(report)) (tools(report)) (raw("<main id=\"files\">")) },
    )?;
    for (number, entry) in worst_first(report).into_iter().enumerate() {
        let is_open = number < UNFOLDED && Outcome::of(entry).needs_attention();
        write(card::card(report, entry, is_open))?;
    }
    write(
        html! { (raw("</main>")) (foot(report)) (raw("</div>")) script { (raw(SCRIPT)) } (raw("</body></html>\n")) },
    )
}

fn head(report: &Report) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { "greenlit report: " (title(report)) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// Returns the policy: only this script and this style, images only within the page, and no request.
fn policy() -> String {
    let hash = |text: &str| BASE64.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

fn top(report: &Report) -> Markup {
    html! {
        header {
            h1 { (title(report)) }
            p.soft {
                "Checked against "
                @for (number, profile) in report.profiles.iter().enumerate() {
                    @if number > 0 { ", " }
                    code { (Plain(profile)) }
                }
                @if report.profiles.is_empty() { "no profile" }
                " in " (units::seconds(report.summary.elapsed_s)) "."
            }
            @if let Some(reason) = totals::cut_off(report) { p.banner.warn { (Plain(&reason)) } }
        }
    }
}

fn title(report: &Report) -> String {
    let attention = text::attention_count(report);
    let files = units::count(text::file_count(report), "file", "files");
    match attention {
        _ if totals::cut_off(report).is_some() => {
            format!("{files}: the run was cut off, {} attention", units::count(attention, "needs", "need"))
        }
        _ if report.files.is_empty() => "No files".to_owned(),
        0 => format!("{files}: nothing needs attention"),
        _ => format!("{files}, {} attention", units::count(attention, "needs", "need")),
    }
}

fn to_do(report: &Report) -> Markup {
    let all = what_to_do(report);
    html! {
        @if !all.is_empty() {
            section.panel aria-labelledby="todo" {
                h2 #todo { "What to do" }
                @for advice in &all {
                    p { (with_code(&advice.text)) }
                    @if !advice.files.is_empty() {
                        details.small.soft open[advice.files.len() <= SHOWN_FILES] {
                            summary { "Files" }
                            ul { @for file in &advice.files { li { (Plain(file)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn foot(report: &Report) -> Markup {
    let tool = &report.tool;
    let mut parts = vec![format!("{} {}", tool.name, tool.version)];
    parts.extend(tool.ffmpeg.iter().map(|version| format!("FFmpeg libraries {version}")));
    parts.extend(text::isolation(tool));
    parts.extend(text::isolation_refused(tool));
    html! { footer { (Plain(&parts.join(" · "))) } }
}
