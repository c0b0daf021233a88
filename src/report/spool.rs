//! Reports whose entries come one by one, in any order, and are written in their own.
//!
//! The summary stands before the entries and is known after the last of them, so their text has to
//! wait somewhere: in memory while there is little of it, then in a file without a name.

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{SpooledData, SpooledTempFile};

use super::json::{self, Envelope};
use super::{FileEntry, Format, Summary, ndjson_line};

/// More text than this waits in a file.
const IN_MEMORY: usize = 64 << 20;

/// More buffers than this are not kept: no more threads make entries at once on a common machine.
const MOST_SPARE: usize = 16;

/// A report in the making.
#[derive(Debug)]
pub struct Spool {
    lines: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    summary: Summary,
    /// The place that comes next.
    next: usize,
    /// Texts whose turn has not come.
    early: BTreeMap<usize, Vec<u8>>,
    /// Buffers to be used again: allocating one an entry would cost as much as filling it.
    spare: Vec<Vec<u8>>,
    text: SpooledTempFile,
    result: io::Result<()>,
}

impl Spool {
    /// A report in `format`; `None` for formats that need all entries at once.
    pub fn new(format: Format) -> Option<Spool> {
        let lines = match format {
            Format::Json => false,
            Format::Ndjson => true,
            Format::Human | Format::Sarif | Format::Junit | Format::Github | Format::Html => return None,
        };
        let state = State {
            summary: Summary::default(),
            next: 0,
            early: BTreeMap::new(),
            spare: Vec::new(),
            text: SpooledTempFile::new(IN_MEMORY),
            result: Ok(()),
        };
        Some(Spool { lines, state: Mutex::new(state) })
    }

    /// Adds the entries that belong at `place`, one for each profile. Places count from 0, and each
    /// is given once. Trouble is reported by [`Spool::finish`].
    pub fn put(&self, place: usize, entries: &[FileEntry]) {
        let mut text = self.state().spare.pop().unwrap_or_default();
        let written = entries.iter().enumerate().try_for_each(|(index, entry)| {
            if self.lines {
                text.extend_from_slice(ndjson_line(entry).as_bytes());
                text.push(b'\n');
                return Ok(());
            }
            json::entry(entry, place == 0 && index == 0, &mut text)
        });
        let mut state = self.state();
        let state = &mut *state;
        entries.iter().for_each(|entry| state.summary.count(entry));
        if let Err(error) = written {
            state.fail(error);
        }
        if place != state.next {
            state.early.insert(place, text);
            return;
        }
        state.write(text);
        while let Some(text) = state.early.remove(&state.next) {
            state.write(text);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the report.
    ///
    /// # Errors
    ///
    /// Those of `out`, and those of the file in which the text had to wait.
    pub fn finish(self, envelope: &Envelope, out: &mut dyn Write) -> io::Result<()> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let State { summary, next: _, early: _, spare: _, mut text, result } = state;
        result?;
        let Envelope { tool, profiles, elapsed_s, interrupted, old_limits } = envelope;
        if !self.lines {
            let summary = Summary { elapsed_s: *elapsed_s, ..summary };
            out.write_all(&json::begin(tool, profiles, &summary)?)?;
        }
        text.rewind()?;
        match text.into_inner() {
            SpooledData::InMemory(text) => out.write_all(text.get_ref())?,
            SpooledData::OnDisk(mut file) => {
                io::copy(&mut file, out)?;
            }
        }
        if self.lines { Ok(()) } else { out.write_all(&json::end(*interrupted, old_limits)?) }
    }
}

impl State {
    fn write(&mut self, mut text: Vec<u8>) {
        self.next += 1;
        if let Err(error) = self.text.write_all(&text) {
            self.fail(error);
        }
        if self.spare.len() < MOST_SPARE {
            text.clear();
            self.spare.push(text);
        }
    }

    fn fail(&mut self, error: io::Error) {
        if self.result.is_ok() {
            self.result = Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;
    use super::*;

    #[test]
    fn entries_in_any_order_make_the_same_report_as_all_at_once() {
        let report = samples::everything();
        let envelope = Envelope {
            tool: report.tool.clone(),
            profiles: report.profiles.clone(),
            elapsed_s: report.summary.elapsed_s,
            interrupted: report.interrupted,
            old_limits: Vec::new(),
        };
        for format in [Format::Json, Format::Ndjson] {
            for turn in [0, 1, 3] {
                let spool = Spool::new(format).unwrap();
                let mut places: Vec<usize> = (0..report.files.len()).collect();
                places.rotate_left(turn);
                for place in places {
                    spool.put(place, std::slice::from_ref(&report.files[place]));
                }
                let mut text = Vec::new();
                spool.finish(&envelope, &mut text).unwrap();
                assert_eq!(String::from_utf8(text).unwrap(), samples::rendered(&report, format), "{turn}");
            }
        }
    }

    #[test]
    fn a_format_that_needs_everything_at_once_is_not_spooled() {
        assert!(Spool::new(Format::Human).is_none());
    }
}
