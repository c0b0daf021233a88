//! The plan of a dry run as text.

use std::fmt::Write as _;

use crate::report::{Publication, escape};

use super::ship_plan::{PlannedAsset, ShipPlan, is_shippable};

/// Formats the plan as text.
pub(super) fn summary(plan: &ShipPlan) -> String {
    let mut text = String::new();
    let what = plan.publication;
    for asset in &plan.assets {
        let line = asset_line(asset, what);
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
    let _ = writeln!(
        text,
        "\nnothing was sent. In total: {} upload{} of {}, {}, about {} calls{share}, about {}",
        total.uploads,
        if total.uploads == 1 { "" } else { "s" },
        format_size(total.upload_bytes),
        number(total.ads, what),
        total.all_calls,
        format_time(total.expected.overall_s)
    );
    let assumptions = &total.assumptions;
    let _ = writeln!(
        text,
        "the times assume an upload rate of {}/s ({}) and {} of processing ({})",
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

/// Formats the next step of a file.
fn asset_line(asset: &PlannedAsset, what: Publication) -> String {
    let name = escape(&asset.path.display().to_string());
    let about = if asset.estimated { "about " } else { "" };
    let mut line = match (is_shippable(asset), asset.next.as_str()) {
        (false, _) => format!("{name}: {}", asset.action),
        (true, "upload") if asset.action == "none" => {
            format!("{name}: upload {}", format_size(asset.upload_bytes))
        }
        (true, "upload") => {
            format!("{name}: {}, then upload {about}{}", asset.action, format_size(asset.upload_bytes))
        }
        (true, "ask") => format!("{name}: ask the platform whether the upload is complete"),
        (true, "wait") => format!("{name}: uploaded; wait until it is ready"),
        (true, "ads") => format!("{name}: ready"),
        (true, "given-up") => format!("{name}: given up; `--retry {name}` uploads it again"),
        (true, _) => format!("{name}: nothing to do"),
    };
    if !asset.ads.is_empty() {
        let _ = write!(line, ", {}", number(asset.ads.len() as u64, what));
    }
    if asset.expected.overall_s > 0.0 {
        let _ = write!(line, ", about {}", format_time(asset.expected.overall_s));
    }
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
