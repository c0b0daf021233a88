//! `greenlit resolve`: lists questions about unknown outcomes and records the answers.

use std::fmt::Write as _;

use crate::report::escape;
use crate::ship::{Answered, Choice, Journal, Question};

use super::args::{ChoiceArg, ResolveArgs};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::journal_file;
use super::notices;
use super::sandbox::operation;
use super::settings::Settings;
use super::status;

/// Runs the command.
pub fn run(settings: &Settings, args: &ResolveArgs) -> Result<RunStatus, CliError> {
    let (path, typed) = status::journal_path(settings, args.journal.as_deref(), args.to.as_deref())?;
    let Some(journal) = journal_file::snapshot(settings, &path, typed)? else {
        notices::say("no journal yet; nothing to resolve");
        return Ok(RunStatus::Done);
    };
    let (Some(id), Some(choice)) = (&args.id, args.choice) else {
        let open = journal.open_questions().map_err(|source| operation("cannot read the journal", source))?;
        super::packaging::print(notices::safe_text(&list(&open)).as_bytes())?;
        return Ok(if open.is_empty() { RunStatus::Done } else { RunStatus::Failed });
    };
    let choice = match (choice, &args.receipt) {
        (ChoiceArg::Done, Some(receipt)) => Choice::Happened(receipt.clone()),
        (ChoiceArg::Done, None) => {
            return Err(CliError::Usage(
                "`done` needs the id of the video or ad: give --receipt ID, as shown on the platform's pages"
                    .into(),
            ));
        }
        (ChoiceArg::NotDone, _) => Choice::DidNotHappen,
        (ChoiceArg::Abandon, _) => Choice::Abandon,
    };
    let answered = Journal::answer(&path, id, &choice);
    notices::say(match answered.map_err(|source| operation("cannot record the answer", source))? {
        Answered::Recorded => "the answer is recorded; run the same ship command again to continue",
        Answered::LeftForRun => "the answer is recorded; the running ship takes it at its next step",
    });
    Ok(RunStatus::Done)
}

fn list(open: &[Question]) -> String {
    if open.is_empty() {
        return "nothing to resolve\n".to_owned();
    }
    let mut text = String::new();
    for question in open {
        let _ = writeln!(text, "{}  {}", question.id, escape(&question.what));
        for reading in &question.readings {
            let _ = writeln!(text, "    - {}", escape(reading));
        }
        let _ = writeln!(
            text,
            "    it is on the platform:      greenlit resolve {id} done --receipt PLATFORM-ID\n    \
             it is not on the platform:  greenlit resolve {id} not-done   (greenlit sends it again)\n    \
             give it up:                 greenlit resolve {id} abandon    (the rest continues)",
            id = question.id
        );
    }
    text
}
