//! Streamed reports: entries arrive in any order and are written in the order of the input.
//!
//! Only entries that arrive early are buffered: in memory up to a limit, then in an unnamed temporary
//! file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::json::{self, Envelope};
use super::{FileEntry, Format, Summary, ndjson_line};

/// Bytes of buffered text held in memory; the rest goes to a temporary file.
const MAX_IN_MEMORY: usize = 4 << 20;

/// Number of buffers kept for reuse: about as many as threads produce entries at once.
const MAX_SPARE_BUFFERS: usize = 16;

/// A report that is written while its entries arrive.
pub struct StreamedReport<'a> {
    is_ndjson: bool,
    state: Mutex<WriterState<'a>>,
}

struct WriterState<'a> {
    summary: Summary,
    /// The index to be written next.
    next: usize,
    /// Texts that arrived before their turn, by index.
    pending: BTreeMap<usize, PendingText>,
    /// Bytes of the pending texts in memory.
    bytes_in_memory: usize,
    /// The temporary file with the other pending texts.
    file: Option<File>,
    /// Buffers for reuse: allocating one for each entry would cost as much as filling it.
    spare: Vec<Vec<u8>>,
    out: &'a mut (dyn Write + Send),
    result: io::Result<()>,
}

/// A text that arrived before its turn.
#[derive(Debug)]
enum PendingText {
    InMemory(Vec<u8>),
    InFile { offset: u64, length: usize },
}

impl<'a> StreamedReport<'a> {
    /// Returns whether a report in `format` can be streamed.
    pub fn supports(format: Format) -> bool {
        matches!(format, Format::Json | Format::Ndjson)
    }

    /// Begins a report to `out`. [`StreamedReport::finish`] returns its write errors. A format that is
    /// not [supported](StreamedReport::supports) is written as [`Format::Ndjson`].
    pub fn begin(format: Format, out: &'a mut (dyn Write + Send)) -> StreamedReport<'a> {
        let is_ndjson = format != Format::Json;
        let result = if is_ndjson { Ok(()) } else { json::begin().and_then(|text| out.write_all(&text)) };
        let state = WriterState {
            summary: Summary::default(),
            next: 0,
            pending: BTreeMap::new(),
            bytes_in_memory: 0,
            file: None,
            spare: Vec::new(),
            out,
            result,
        };
        StreamedReport { is_ndjson, state: Mutex::new(state) }
    }

    /// Adds the entries of the file at `index`, one for each profile. Indices count from 0; each is added
    /// once.
    pub fn put(&self, index: usize, entries: &[FileEntry]) {
        let mut text = self.state().spare.pop().unwrap_or_default();
        let written = entries.iter().enumerate().try_for_each(|(number, entry)| {
            if self.is_ndjson {
                text.extend_from_slice(ndjson_line(entry).as_bytes());
                text.push(b'\n');
                return Ok(());
            }
            json::entry(entry, index == 0 && number == 0, &mut text)
        });
        let mut state = self.state();
        entries.iter().for_each(|entry| state.summary.count(entry));
        let added = written.and_then(|()| state.add(index, text));
        // A reader of lines gets each line at once.
        let added = added.and_then(|()| if self.is_ndjson { state.out.flush() } else { Ok(()) });
        if state.result.is_ok() {
            state.result = added;
        }
    }

    fn state(&self) -> MutexGuard<'_, WriterState<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether writing has failed, so that the run should stop.
    pub fn has_failed(&self) -> bool {
        self.state().result.is_err()
    }

    /// Writes the part after the entries and returns the counts.
    ///
    /// # Errors
    ///
    /// Returns the first error of `out` or of the temporary file since the beginning.
    pub fn finish(self, envelope: &Envelope) -> io::Result<Summary> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.result?;
        let summary = Summary { elapsed_s: envelope.elapsed_s, ..state.summary };
        if !self.is_ndjson {
            state.out.write_all(&json::end(envelope, &summary, None)?)?;
        }
        Ok(summary)
    }
}

impl WriterState<'_> {
    fn add(&mut self, index: usize, text: Vec<u8>) -> io::Result<()> {
        if index != self.next {
            let pending = self.store(text)?;
            self.pending.insert(index, pending);
            return Ok(());
        }
        self.write(text)?;
        while let Some(pending) = self.pending.remove(&self.next) {
            let text = self.load(pending)?;
            self.write(text)?;
        }
        Ok(())
    }

    fn store(&mut self, text: Vec<u8>) -> io::Result<PendingText> {
        if self.bytes_in_memory + text.len() <= MAX_IN_MEMORY {
            self.bytes_in_memory += text.len();
            return Ok(PendingText::InMemory(text));
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let offset = file.seek(SeekFrom::End(0))?;
        file.write_all(&text)?;
        self.file = Some(file);
        let length = text.len();
        self.recycle(text);
        Ok(PendingText::InFile { offset, length })
    }

    fn load(&mut self, pending: PendingText) -> io::Result<Vec<u8>> {
        match pending {
            PendingText::InMemory(text) => {
                self.bytes_in_memory -= text.len();
                Ok(text)
            }
            PendingText::InFile { offset, length } => {
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
        self.recycle(text);
        Ok(())
    }

    fn recycle(&mut self, mut text: Vec<u8>) {
        if self.spare.len() < MAX_SPARE_BUFFERS {
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
            stale: Vec::new(),
        }
    }

    #[test]
    fn entry_order_does_not_change_the_report() {
        let report = samples::everything();
        for format in [Format::Json, Format::Ndjson] {
            for shift in [0, 1, 3] {
                let mut text = Vec::new();
                let streamed = StreamedReport::begin(format, &mut text);
                let mut indices: Vec<usize> = (0..report.files.len()).collect();
                indices.rotate_left(shift);
                for index in indices {
                    streamed.put(index, std::slice::from_ref(&report.files[index]));
                }
                streamed.finish(&envelope(&report)).unwrap();
                assert_eq!(String::from_utf8(text).unwrap(), samples::rendered(&report, format), "{shift}");
            }
        }
    }

    #[test]
    fn limits_the_memory_of_entries_that_wait_for_a_slow_file() {
        let report = samples::everything();
        let mut text = Vec::new();
        let streamed = StreamedReport::begin(Format::Ndjson, &mut text);
        let entry = std::slice::from_ref(&report.files[0]);
        let length = ndjson_line(&entry[0]).len() + 1;
        let many = 3 * MAX_IN_MEMORY / length;
        for index in (1..many).rev() {
            streamed.put(index, entry);
        }
        {
            let state = streamed.state();
            let in_memory = |pending: &&PendingText| matches!(pending, PendingText::InMemory(_));
            let held = state.pending.values().filter(in_memory).count();
            assert!(held * length <= MAX_IN_MEMORY, "{held} texts of {length} bytes");
            assert_eq!(state.pending.len(), many - 1);
        }
        streamed.put(0, entry);
        streamed.finish(&envelope(&report)).unwrap();
        assert_eq!(text.len(), many * length);
        assert!(text.chunks(length).all(|line| line == &text[..length]));
    }

    /// A writer that accepts this many bytes, then fails with `StorageFull`.
    struct FullDisk(usize);

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn finish_returns_an_earlier_write_error() {
        let report = samples::everything();
        let mut out = FullDisk(100);
        let streamed = StreamedReport::begin(Format::Json, &mut out);
        assert!(!streamed.has_failed());
        report
            .files
            .iter()
            .enumerate()
            .for_each(|(index, file)| streamed.put(index, std::slice::from_ref(file)));
        assert!(streamed.has_failed());
        let error = streamed.finish(&envelope(&report)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
