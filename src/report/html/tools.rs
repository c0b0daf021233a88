//! The search, the filters and the order of the entries. The script shows them, because they need it.

use maud::{Markup, html};

use super::super::Report;
use super::overview::findings_by_rule;
use super::plain::Plain;

/// The orders of the entries: the value for the script, and the label.
const ORDERS: [(&str, &str); 5] = [
    ("worst", "Worst first"),
    ("path", "Path"),
    ("findings", "Most findings"),
    ("size", "Largest"),
    ("duration", "Longest"),
];

/// Returns the tools; nothing for a report without entries.
pub(super) fn tools(report: &Report) -> Markup {
    let rules = findings_by_rule(report);
    html! {
        @if !report.files.is_empty() {
            form.tools #tools role="search" aria-label="Files" hidden {
                label.search { "Search" input #search type="search" autocomplete="off" spellcheck="false" aria-keyshortcuts="/"; }
                @if !rules.is_empty() {
                    label { "Rule" select #rule {
                        option value="" { "All rules" }
                        @for (rule, _) in &rules { option value=(rule.as_str()) { (rule.as_str()) } }
                    } }
                }
                @if report.profiles.len() > 1 {
                    label { "Profile" select #profile {
                        option value="" { "All profiles" }
                        @for profile in &report.profiles { option value=(Plain(profile)) { (Plain(profile)) } }
                    } }
                }
                label { "Order" select #order {
                    @for (value, label) in ORDERS { option value=(value) { (label) } }
                } }
                button type="button" #unfold { "Unfold all" }
                button type="reset" { "Reset" }
                p.small.soft {
                    span #shown role="status" {} " "
                    span.keys { kbd { "/" } " search, " kbd { "j" } " and " kbd { "k" } " next and previous file, "
                        kbd { "Esc" } " reset" }
                }
            }
            p #none.panel hidden { "No file matches." }
        }
    }
}
