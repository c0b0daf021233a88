//! `greenlit manifest`: writes a template, and checks a manifest without sending anything.

use std::path::Path;

use crate::facade::check_covers;
use crate::pipeline::{CheckOptions, Pipeline};
use crate::platform::{COVER, Platform, VIDEO, registry};
use crate::ship::Manifest;

use super::args::{CommonArgs, ManifestArgs, ManifestCheckArgs, ManifestCommand};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::manifest_problems::ManifestProblems;
use super::recipient::Recipient;
use super::sandbox::operation;
use super::settings::Settings;
use super::ship::refuse_outside;
use super::workers_on_demand::WorkersOnDemand;
use super::{interrupt, notices, packaging};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &ManifestArgs) -> Result<RunStatus, CliError> {
    match &args.command {
        ManifestCommand::Template(args) => {
            let recipient = Recipient::of(settings, args.destination.as_deref())?;
            packaging::print(template(recipient.platform).as_bytes())
        }
        ManifestCommand::Check(args) => check(settings, common, args),
    }
}

/// Returns a header with the columns of a platform, and a row as an example.
fn template(platform: &dyn Platform) -> String {
    let row = platform.example_row();
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let texts = platform.columns().iter().map(|column| (*column, row.text(column).to_owned()));
    let cover = platform.cover().map(|_| (COVER, row.cover.as_deref().map(path).unwrap_or_default()));
    let (names, values): (Vec<&str>, Vec<String>) =
        [(VIDEO, path(&row.video))].into_iter().chain(texts).chain(cover).unzip();
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(&names).and_then(|()| writer.write_record(&values));
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn check(settings: &Settings, common: &CommonArgs, args: &ManifestCheckArgs) -> Result<RunStatus, CliError> {
    let recipient = Recipient::of(settings, args.destination.as_deref())?;
    let profile = match common.profile.as_slice() {
        [] => settings.profile(&recipient.profile)?,
        [one] => settings.profile(one)?,
        _ => return Err(CliError::Usage("manifest check takes only one --profile".into())),
    };
    let (manifest, unreadable) = Manifest::read_with_problems(&args.file, &registry::columns())
        .map_err(|source| operation("cannot read the manifest", source))?;
    let rows = &manifest.rows;
    let mut problems = recipient.platform.check_rows(rows, recipient.mode, &profile, registry::PLATFORMS);
    let cancel = interrupt::flag();
    let runner = WorkersOnDemand::new(settings, settings.workers());
    let options = CheckOptions::default();
    let pipeline = Pipeline::over_local_files(std::slice::from_ref(&profile), &options, &runner, &cancel);
    problems.extend(check_covers(recipient.platform, rows, &profile, pipeline).1);
    runner.require_isolated()?;
    let mut found = ManifestProblems::of(&unreadable, problems, &manifest.columns);
    if let Err(outside) = refuse_outside(&args.file, rows) {
        found.errors.push(outside.to_string());
    }
    print(&manifest, &found, settings, args)
}

fn print(
    manifest: &Manifest,
    found: &ManifestProblems,
    settings: &Settings,
    args: &ManifestCheckArgs,
) -> Result<RunStatus, CliError> {
    let path = args.file.display();
    if let Some(notice) = &manifest.notice {
        notices::say(&format!("{path}: {notice}"));
    }
    let mut lines: Vec<String> = found.errors.iter().map(|error| format!("{path}: {error}")).collect();
    if !settings.human.quiet {
        lines.extend(found.warnings.iter().map(|warning| format!("{path}: warning: {warning}")));
        let rows = manifest.rows.len();
        let rows = format!("{rows} row{}", if rows == 1 { "" } else { "s" });
        lines.push(match found.errors.is_empty() {
            true => format!("{path}: {rows}, no problems"),
            false => format!("{path}: {rows}; {}", found.count()),
        });
    }
    let page: String = lines.iter().map(|line| format!("{}\n", line.replace('\n', " "))).collect();
    packaging::print_page(&page)?;
    Ok(if found.errors.is_empty() { RunStatus::Done } else { RunStatus::Refused })
}
