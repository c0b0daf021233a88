//! Reports that are written while their entries come, in any order, and stand in their own.
//!
//! However many files there are, only what comes before its turn is held: in memory while it is
//! little, then in a file without a name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::json::{self, Envelope};
use super::{FileEntry, Format, Summary, ndjson_line};

/// More text than this that waits for an earlier entry waits in a file.
const IN_MEMORY: usize = 4 << 20;

/// More buffers than this are not kept: no more threads make entries at once on a common machine.
const MOST_SPARE: usize = 16;

/// A report in the making.
pub struct StreamedReport<'a> {
    lines: bool,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    summary: Summary,
    /// The place that comes next.
    next: usize,
    /// Texts whose turn has not come.
    early: BTreeMap<usize, Early>,
    /// Bytes of those in memory.
    waiting: usize,
    /// Where the rest of them wait.
    file: Option<File>,
    /// Buffers to be used again: allocating one an entry would cost as much as filling it.
    spare: Vec<Vec<u8>>,
    out: &'a mut (dyn Write + Send),
    result: io::Result<()>,
}

/// A text before its turn.
#[derive(Debug)]
enum Early {
    Here(Vec<u8>),
    InFile { offset: u64, length: usize },
}

impl<'a> StreamedReport<'a> {
    /// Whether a report in `format` can be written before its last entry is known.
    pub fn suits(format: Format) -> bool {
        matches!(format, Format::Json | Format::Ndjson)
    }

    /// Begins a report into `out`. Trouble is reported by [`StreamedReport::finish`]. In a format that
    /// does not [suit](StreamedReport::suits), it is a line an entry all the same.
    pub fn begin(format: Format, out: &'a mut (dyn Write + Send)) -> StreamedReport<'a> {
        let lines = format != Format::Json;
        let result = if lines { Ok(()) } else { json::begin().and_then(|text| out.write_all(&text)) };
        let state = State {
            summary: Summary::default(),
            next: 0,
            early: BTreeMap::new(),
            waiting: 0,
            file: None,
            spare: Vec::new(),
            out,
            result,
        };
        StreamedReport { lines, state: Mutex::new(state) }
    }

    /// Adds the entries that belong at `place`, one for each profile. Places count from 0, and each
    /// is given once.
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
        entries.iter().for_each(|entry| state.summary.count(entry));
        let added = written.and_then(|()| state.add(place, text));
        // Whoever reads lines wants each when it is there.
        let added = added.and_then(|()| if self.lines { state.out.flush() } else { Ok(()) });
        if state.result.is_ok() {
            state.result = added;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether writing has failed, so that there is no sense in going on.
    pub fn has_failed(&self) -> bool {
        self.state().result.is_err()
    }

    /// Writes what comes after the entries.
    ///
    /// # Errors
    ///
    /// Those of `out`, and those of the file in which text had to wait, at any time since the beginning.
    pub fn finish(self, envelope: &Envelope) -> io::Result<()> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.result?;
        if self.lines {
            return Ok(());
        }
        let summary = Summary { elapsed_s: envelope.elapsed_s, ..state.summary };
        state.out.write_all(&json::end(envelope, &summary)?)
    }
}

impl State<'_> {
    fn add(&mut self, place: usize, text: Vec<u8>) -> io::Result<()> {
        if place != self.next {
            let early = self.keep(text)?;
            self.early.insert(place, early);
            return Ok(());
        }
        self.write(text)?;
        while let Some(early) = self.early.remove(&self.next) {
            let text = self.fetch(early)?;
            self.write(text)?;
        }
        Ok(())
    }

    fn keep(&mut self, text: Vec<u8>) -> io::Result<Early> {
        if self.waiting + text.len() <= IN_MEMORY {
            self.waiting += text.len();
            return Ok(Early::Here(text));
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let offset = file.seek(SeekFrom::End(0))?;
        file.write_all(&text)?;
        self.file = Some(file);
        let length = text.len();
        self.give_back(text);
        Ok(Early::InFile { offset, length })
    }

    fn fetch(&mut self, early: Early) -> io::Result<Vec<u8>> {
        match early {
            Early::Here(text) => {
                self.waiting -= text.len();
                Ok(text)
            }
            Early::InFile { offset, length } => {
                let mut text = self.spare.pop().unwrap_or_default();
                text.resize(length, 0);
                if let Some(file) = &self.file {
                    file.read_exact_at(&mut text, offset)?;
                }
                Ok(text)
            }
        }
    }

    fn write(&mut self, text: Vec<u8>) -> io::Result<()> {
        self.next += 1;
        self.out.write_all(&text)?;
        self.give_back(text);
        Ok(())
    }

    fn give_back(&mut self, mut text: Vec<u8>) {
        if self.spare.len() < MOST_SPARE {
            text.clear();
            self.spare.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Report, samples};
    use super::*;

    fn envelope(report: &Report) -> Envelope {
        Envelope {
            tool: report.tool.clone(),
            profiles: report.profiles.clone(),
            elapsed_s: report.summary.elapsed_s,
            interrupted: report.interrupted,
            old_limits: Vec::new(),
        }
    }

    #[test]
    fn entries_in_any_order_make_the_same_report_as_all_at_once() {
        let report = samples::everything();
        for format in [Format::Json, Format::Ndjson] {
            for turn in [0, 1, 3] {
                let mut text = Vec::new();
                let streamed = StreamedReport::begin(format, &mut text);
                let mut places: Vec<usize> = (0..report.files.len()).collect();
                places.rotate_left(turn);
                for place in places {
                    streamed.put(place, std::slice::from_ref(&report.files[place]));
                }
                streamed.finish(&envelope(&report)).unwrap();
                assert_eq!(String::from_utf8(text).unwrap(), samples::rendered(&report, format), "{turn}");
            }
        }
    }

    #[test]
    fn what_waits_for_a_slow_file_does_not_fill_the_memory() {
        let report = samples::everything();
        let mut text = Vec::new();
        let streamed = StreamedReport::begin(Format::Ndjson, &mut text);
        let entry = std::slice::from_ref(&report.files[0]);
        let length = ndjson_line(&entry[0]).len() + 1;
        let many = 3 * IN_MEMORY / length;
        for place in (1..many).rev() {
            streamed.put(place, entry);
        }
        {
            let state = streamed.state();
            let held = state.early.values().filter(|early| matches!(early, Early::Here(_))).count();
            assert!(held * length <= IN_MEMORY, "{held} texts of {length} bytes");
            assert_eq!(state.early.len(), many - 1);
        }
        streamed.put(0, entry);
        streamed.finish(&envelope(&report)).unwrap();
        assert_eq!(text.len(), many * length);
        assert!(text.chunks(length).all(|line| line == &text[..length]));
    }

    /// Takes so many bytes and no more.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failure_on_the_way_is_told_at_the_end() {
        let report = samples::everything();
        let mut out = Full(100);
        let streamed = StreamedReport::begin(Format::Json, &mut out);
        assert!(!streamed.has_failed());
        report
            .files
            .iter()
            .enumerate()
            .for_each(|(place, file)| streamed.put(place, std::slice::from_ref(file)));
        assert!(streamed.has_failed());
        let error = streamed.finish(&envelope(&report)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
