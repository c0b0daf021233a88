//! The plan of a dry run as text.

use std::fmt::Write as _;

use crate::report::{Publication, escape};
use crate::ship::{RowNotice, RowProblem};

use super::ship_plan::{PlannedAsset, ShipPlan, is_shippable};

/// Formats the plan as text.
pub(super) fn summary(plan: &ShipPlan) -> String {
    let mut text = String::new();
    let what = plan.publication;
    for asset in &plan.assets {
        let line = asset_line(asset, what, &waiting_rows(asset, &plan.row_problems));
        let _ = writeln!(text, "{line}");
        if let Some(reason) = asset.reason.as_ref().filter(|_| !is_shippable(asset)) {
            let _ = writeln!(text, "    {}", escape(reason));
        }
    }
    let total = &plan.total;
    let share = match (total.quota.share_of_day, &total.quota.tier) {
        (Some(share), Some(tier)) => format!(" ({:.2} % of a day's limit, tier {tier})", share * 100.0),
        _ => String::new(),
    };
    let size = match total.uploads {
        0 => String::new(),
        _ => format!(" of {}", format_size(total.upload_bytes)),
    };
    let _ = writeln!(
        text,
        "\nnothing was sent. In total: {}{size}, {}, about {}{share}, about {}",
        uploads(total.uploads, what),
        number(total.ads, what),
        crate::model::count(total.all_calls, "call", "calls"),
        format_time(total.expected.overall_s)
    );
    let assumptions = &total.assumptions;
    let _ = writeln!(
        text,
        "the times assume {} rate of {}/s ({}) and {} of processing ({})",
        if what == Publication::Entry { "a copying" } else { "an upload" },
        format_size(assumptions.upload_bytes_per_s as u64),
        assumptions.upload_from,
        format_time(assumptions.processing_s),
        assumptions.processing_from
    );
    text
}

fn number(count: u64, what: Publication) -> String {
    crate::model::count(count, what.name(), what.plural())
}

fn uploads(count: u64, what: Publication) -> String {
    let (one, many) = if what == Publication::Entry { ("copy", "copies") } else { ("upload", "uploads") };
    crate::model::count(count, one, many)
}

/// Returns what a person must correct about the rows of a file, with the lines of each problem.
fn waiting_rows(asset: &PlannedAsset, problems: &[RowNotice]) -> Vec<String> {
    let own: Vec<&RowNotice> =
        problems.iter().filter(|notice| asset.stopped_rows.contains(&notice.row)).collect();
    let text = |(problem, words): (RowProblem, &str)| {
        let same = own.iter().filter(|notice| notice.problem == problem);
        let places: Vec<String> = same.map(|notice| notice.place()).collect();
        (!places.is_empty()).then(|| format!("{words} ({})", places.join(", ")))
    };
    let problems = [
        (RowProblem::LandingPage, "blocked: landing page"),
        (RowProblem::VideoReplaced, "blocked: published with another video"),
        (RowProblem::CoverChanged, "blocked: cover"),
        (RowProblem::RowChanged, "change not sent"),
    ];
    problems.into_iter().filter_map(text).collect()
}

/// Formats the next step of a file.
fn asset_line(asset: &PlannedAsset, what: Publication, waiting: &[String]) -> String {
    let send = if what == Publication::Entry { "copy" } else { "upload" };
    let name = escape(&asset.path.display().to_string());
    let about = if asset.estimated { "about " } else { "" };
    let mut line = match (is_shippable(asset), asset.next.as_str()) {
        (false, _) => format!("{name}: {}", asset.action),
        (true, "upload") if asset.action == "none" => {
            format!("{name}: {send} {}", format_size(asset.upload_bytes))
        }
        (true, "upload") => {
            format!("{name}: {}, then {send} {about}{}", asset.action, format_size(asset.upload_bytes))
        }
        (true, "ask") => format!("{name}: ask the platform whether the upload is complete"),
        (true, "wait") => format!("{name}: uploaded; wait until it is ready"),
        (true, "ads") => format!("{name}: ready"),
        (true, "given-up") => format!("{name}: given up; `--retry {name}` uploads it again"),
        (true, _) if !waiting.is_empty() => return format!("{name}: {}", waiting.join("; ")),
        (true, _) => format!("{name}: nothing to do"),
    };
    if !asset.ads.is_empty() {
        let _ = write!(line, ", {}", number(asset.ads.len() as u64, what));
    }
    if asset.expected.overall_s > 0.0 {
        let _ = write!(line, ", about {}", format_time(asset.expected.overall_s));
    }
    waiting.iter().for_each(|problem| line.push_str(&format!("; {problem}")));
    line
}

fn format_size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        format!("{:.0} kB", bytes as f64 / 1e3)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

fn format_time(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_sizes_and_times_in_suitable_units() {
        assert_eq!(
            [format_size(900), format_size(999_999), format_size(1_250_000)],
            ["1 kB", "1000 kB", "1.2 MB"]
        );
        assert_eq!([format_time(89.0), format_time(90.0), format_time(7200.0)], ["89 s", "2 min", "2.0 h"]);
    }
}
