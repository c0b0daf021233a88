//! `greenlit resolve`: both readings shown, one chosen.

use std::fmt::Write as _;

use crate::report::escape;
use crate::ship::{Choice, Question};

use super::args::{ChoiceArg, ResolveArgs};
use super::error::CliError;
use super::run_status::RunStatus;
use super::sandbox::operation;
use super::settings::Settings;
use super::status;

/// Runs the command.
pub fn run(settings: &Settings, args: &ResolveArgs) -> Result<RunStatus, CliError> {
    let Some(journal) = status::open(settings, args.journal.as_deref(), args.to.as_deref())? else {
        eprintln!("greenlit: there is no journal yet: nothing waits for you");
        return Ok(RunStatus::Done);
    };
    let (Some(id), Some(choice)) = (&args.id, args.choice) else {
        let open = journal.pending().map_err(|source| operation("the journal cannot be read", source))?;
        super::packaging::print(list(&open).as_bytes())?;
        return Ok(if open.is_empty() { RunStatus::Done } else { RunStatus::Failed });
    };
    let choice = match (choice, &args.receipt) {
        (ChoiceArg::Done, Some(receipt)) => Choice::Happened(receipt.clone()),
        (ChoiceArg::Done, None) => {
            return Err(CliError::Usage(
                "`done` needs the platform's id of what exists: --receipt ID, as its own pages show it"
                    .into(),
            ));
        }
        (ChoiceArg::NotDone, _) => Choice::DidNotHappen,
        (ChoiceArg::Abandon, _) => Choice::Abandon,
    };
    journal.resolve(id, &choice).map_err(|source| operation("the answer cannot be recorded", source))?;
    eprintln!("greenlit: recorded; run the same ship command again to go on");
    Ok(RunStatus::Done)
}

fn list(open: &[Question]) -> String {
    if open.is_empty() {
        return "nothing waits for you\n".to_owned();
    }
    let mut text = String::new();
    for question in open {
        let _ = writeln!(text, "{}  {}", question.id, escape(&question.what));
        for reading in &question.readings {
            let _ = writeln!(text, "    - {}", escape(reading));
        }
        let _ = writeln!(
            text,
            "    it exists:         greenlit resolve {id} done --receipt ID\n    \
             it does not:       greenlit resolve {id} not-done   (it is sent again)\n    \
             go on without it:  greenlit resolve {id} abandon",
            id = question.id
        );
    }
    text
}
