//! The record of outputs of earlier runs, so that a second run reuses them.
//!
//! An append-only file of JSON lines beside the outputs. It is bound to content: an output is known by its path
//! below the output folder and its bytes, a source by its bytes and its path relative to that folder, so that copying or
//! moving them, and another spelling of a path, change nothing. Bytes are hashed only where a file's identity (device, inode, size,
//! modification time) is not known yet. A line is on disk before its output gets the final name: if the run is
//! killed in between, the next run does not find the output and produces it. In the other order, it would find
//! an output that it could not recognize as its own.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::{Contents, FileIdentity, content_hash};
use crate::job::FixReport;
use crate::state_folder::{create_folder, open_file};

pub use super::fix_record_lines::FixRecordKey;
use super::fix_record_lines::{Known, OutputClaim, RecordLine, RecordVersion, name_below, real_folder};
use super::recorded_path;

/// The record of outputs.
#[derive(Debug)]
pub struct FixRecord {
    /// Where the record may be written, best place first. Only the first that can be written is used.
    places: Vec<PathBuf>,
    /// The folder that recorded paths of outputs are relative to.
    pub(super) base: PathBuf,
    file: Mutex<Option<File>>,
    known: Mutex<Known>,
    contents: Arc<Contents>,
    /// Sources that changed although their identity is the same.
    changed: Mutex<HashSet<FileIdentity>>,
}

impl FixRecord {
    /// Opens the record at `path`, for outputs below its folder. Unreadable lines, such as one truncated by a
    /// crash, are ignored.
    pub fn open(path: &Path) -> io::Result<FixRecord> {
        FixRecord::open_with(path, Arc::default())
    }

    /// Like [`open`](Self::open), with the hashes of a run, which the record then shares.
    pub fn open_with(path: &Path, contents: Arc<Contents>) -> io::Result<FixRecord> {
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        FixRecord::read(vec![path.to_owned()], base, contents)
    }

    /// Opens the record of the outputs below `base`: every place is read, the first that can be written is
    /// written to. A place is created when the first output is recorded.
    pub fn open_first(places: Vec<PathBuf>, base: PathBuf) -> io::Result<FixRecord> {
        FixRecord::read(places, base, Arc::default())
    }

    fn read(places: Vec<PathBuf>, base: PathBuf, contents: Arc<Contents>) -> io::Result<FixRecord> {
        let mut known = Known { contents: Arc::clone(&contents), ..Known::default() };
        for (index, place) in places.iter().enumerate().rev() {
            let read_to = match open_file(place, File::options().read(true)) {
                Ok(file) => known.read(&file, &base, place)?,
                // Another place may be readable; whether this one can be written shows when it is needed.
                Err(_) => 0,
            };
            if index == 0 {
                known.read_to = read_to;
            }
        }
        Ok(FixRecord {
            places,
            base,
            file: Mutex::new(None),
            known: Mutex::new(known),
            contents,
            changed: Mutex::default(),
        })
    }

    /// Returns the report of the output of this key, if source and output are the same files as then.
    pub fn find(&self, key: &FixRecordKey) -> Option<Option<FixReport>> {
        self.find_by_content(key, None)
    }

    /// Like [`find`](Self::find), but recognizes the source `input` and the output by their bytes, too.
    pub fn find_by_content(&self, key: &FixRecordKey, input: Option<&File>) -> Option<Option<FixReport>> {
        let meta = std::fs::symlink_metadata(&key.output).ok().filter(Metadata::is_file)?;
        self.matching(key, &meta, input).or_else(|| {
            // Another run may have recorded it meanwhile.
            self.refresh();
            self.matching(key, &meta, input)
        })
    }

    /// Forgets the content of a source that is known to have changed, also if its modification time was set back.
    pub fn forget_source(&self, source: &Metadata) {
        let identity = FileIdentity::from(source);
        self.contents.forget(&identity);
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(identity);
    }

    fn matching(
        &self,
        key: &FixRecordKey,
        meta: &Metadata,
        input: Option<&File>,
    ) -> Option<Option<FixReport>> {
        let name = name_below(&self.base, &key.output);
        let lines: Vec<RecordLine> = self.known().outputs.get(&name)?.lines.clone();
        let planned = lines.into_iter().rev().filter(|line| key.has_plan(&line.key.plan));
        let is_changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner).contains(&key.source);
        let is_source = |line: &RecordLine| {
            (line.key.source == key.source && !is_changed)
                || line.key.content.as_ref().zip(input).is_some_and(|(content, input)| {
                    self.content_of(input).is_ok_and(|of_input| of_input == *content)
                })
        };
        let mut found = planned.filter(is_source);
        let line =
            found.find(|line| self.is_unchanged(&key.output, meta, &line.fingerprint, &line.made_content))?;
        let is_moved = key.source_path.is_some() && line.source_path != key.source_path;
        if line.fingerprint != FileIdentity::from(meta) || line.key.source != key.source || is_moved {
            // The next run finds it without reading the files again, and knows where the source is.
            let made = line.made_content.clone();
            let key = FixRecordKey { content: line.key.content.clone(), ..key.clone() };
            let _ = self.append(key, FileIdentity::from(meta), made, line.report.clone());
        }
        Some(line.report)
    }

    /// Returns whether the file at `output` is an unchanged output of greenlit, which may be replaced.
    pub fn is_ours(&self, output: &Path, meta: &Metadata) -> bool {
        self.is_ours_at(output, output, meta)
    }

    /// Like [`is_ours`](Self::is_ours), for a file that had the name `output` and is at `now`.
    pub fn is_ours_at(&self, output: &Path, now: &Path, meta: &Metadata) -> bool {
        let name = name_below(&self.base, output);
        let claims = self.known().outputs.get(&name).map_or(Vec::new(), |lines| lines.claims.clone());
        meta.is_file()
            && claims
                .iter()
                .any(|claim| self.is_unchanged(now, meta, &claim.fingerprint, &claim.made_content))
    }

    /// Returns the absolute path of the source whose unchanged output is at `output`, if it is recorded.
    pub fn source_of(&self, output: &Path) -> Option<PathBuf> {
        let meta = std::fs::symlink_metadata(output).ok().filter(Metadata::is_file)?;
        let name = name_below(&self.base, output);
        let claims = self.known().outputs.get(&name)?.claims.clone();
        let is_last =
            |claim: &OutputClaim| self.is_unchanged(output, &meta, &claim.fingerprint, &claim.made_content);
        claims.into_iter().rev().find(is_last)?.source_path
    }

    /// Returns the BLAKE3 of the output that was recorded last under this name, as it was when it was verified.
    pub fn content_of_output(&self, output: &Path) -> Option<String> {
        let name = name_below(&self.base, output);
        self.known().outputs.get(&name)?.claims.last()?.made_content.clone()
    }

    /// Returns whether the file at `path` is the one that was recorded, by identity or by content.
    fn is_unchanged(
        &self,
        path: &Path,
        meta: &Metadata,
        was: &FileIdentity,
        content: &Option<String>,
    ) -> bool {
        FileIdentity::from(meta) == *was
            || content.as_ref().filter(|_| meta.len() == was.size()).is_some_and(|content| {
                File::open(path).and_then(|file| self.content_of(&file)).is_ok_and(|now| now == *content)
            })
    }

    /// Records that the complete file with the metadata `output` is the output of `key`. Renaming the file does
    /// not change its fingerprint.
    pub fn record(&self, key: FixRecordKey, output: &Metadata, report: Option<&FixReport>) -> io::Result<()> {
        self.append(key, FileIdentity::from(output), None, report.cloned())
    }

    /// Like [`record`](Self::record), with the content of the source and of the output.
    pub fn record_content(
        &self,
        key: FixRecordKey,
        input: &File,
        output: &File,
        report: Option<&FixReport>,
    ) -> io::Result<()> {
        let content = Some(self.content_of(input)?);
        let made = Some(self.content_of(output)?);
        let fingerprint = FileIdentity::from(&output.metadata()?);
        self.append(FixRecordKey { content, ..key }, fingerprint, made, report.cloned())
    }

    fn append(
        &self,
        key: FixRecordKey,
        fingerprint: FileIdentity,
        made_content: Option<String>,
        report: Option<FixReport>,
    ) -> io::Result<()> {
        let name = name_below(&self.base, &key.output);
        let key = FixRecordKey { output: name.clone(), ..key };
        let source_path = key.source_path.clone();
        let below = source_path.as_ref().map(|path| recorded_path::relative(&real_folder(&self.base), path));
        let line = RecordLine { key, fingerprint, made_content, report, source_path: below };
        let mut text = serde_json::to_vec(&line).map_err(io::Error::other)?;
        let line = RecordLine { source_path, ..line };
        text.push(b'\n');
        {
            let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match &mut *slot {
                Some(file) => file,
                None => slot.insert(create_first(&self.places)?),
            };
            // One write, so that lines of runs at the same time do not mix.
            file.write_all(&text)?;
            file.sync_data()?;
        }
        self.known().add(name, line);
        Ok(())
    }

    /// Reads the lines that another run appended.
    fn refresh(&self) {
        let Some(place) = self.places.first() else { return };
        let mut known = self.known();
        let Ok(mut file) = open_file(place, File::options().read(true)) else { return };
        let from = known.read_to;
        if file.seek(SeekFrom::Start(from)).is_ok()
            && let Ok(read) = known.read(&file, &self.base, place)
        {
            known.read_to = from + read;
        }
    }

    /// Returns the BLAKE3 of a file, read once for each identity.
    pub(super) fn content_of(&self, file: &File) -> io::Result<String> {
        self.contents.blake3(file)
    }

    /// Returns the hashes of files that this record knows or has read.
    pub fn contents(&self) -> &Arc<Contents> {
        &self.contents
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the first place that can be written.
fn create_first(places: &[PathBuf]) -> io::Result<File> {
    let mut failure = io::Error::other("no place for the record");
    for place in places {
        let folder = place.parent().map_or(Ok(()), create_folder);
        let opened = folder.and_then(|()| open_file(place, File::options().append(true).create(true)));
        match opened.map_err(io::Error::from).and_then(|mut file| begin(&mut file).map(|()| file)) {
            Ok(file) => return Ok(file),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Writes the version at the start of a new record, and separates the next line from a truncated last one.
fn begin(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() > 0 {
        return file.write_all(b"\n");
    }
    let mut line = serde_json::to_vec(&RecordVersion::CURRENT).map_err(io::Error::other)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Returns whether two files have the same bytes.
pub(super) fn is_identical(one: &File, other: &File) -> io::Result<bool> {
    Ok(one.metadata()?.len() == other.metadata()?.len() && content_hash(one)? == content_hash(other)?)
}

#[cfg(test)]
mod tests;
