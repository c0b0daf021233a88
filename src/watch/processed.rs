//! The files that were processed, in lines of JSON that survive a kill.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache::FileIdentity;
use crate::ending::Ending;
use crate::state_folder::{create_folder, open_file};

/// A file that was processed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ProcessedFile {
    /// Its identity, which a rename does not change.
    file: FileIdentity,
    /// What was done with it, and with which options.
    action: String,
    /// How it ended: the worst ending of its profiles.
    ending: Ending,
}

/// The processed files of one drop folder.
#[derive(Debug)]
pub struct Processed {
    path: PathBuf,
    action: String,
    known: HashMap<FileIdentity, Ending>,
    /// Lines that could not be written yet.
    unwritten: Vec<u8>,
    file: Option<File>,
}

impl Processed {
    /// Reads the list at `path` of files with which `action` was done. A line that a kill truncated is ignored.
    ///
    /// # Errors
    ///
    /// If there is a list that cannot be read.
    pub fn open(path: &Path, action: &str) -> io::Result<Processed> {
        let mut known = HashMap::new();
        match open_file(path, File::options().read(true)).map_err(io::Error::from) {
            Ok(file) => {
                for line in BufReader::new(file).split(b'\n') {
                    let Ok(line) = serde_json::from_slice::<ProcessedFile>(&line?) else { continue };
                    if line.action == action {
                        known.insert(line.file, line.ending);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (path, action) = (path.to_owned(), action.to_owned());
        Ok(Processed { path, action, known, unwritten: Vec::new(), file: None })
    }

    /// Returns how a file ended that was processed.
    pub fn ending(&self, file: &FileIdentity) -> Option<Ending> {
        self.known.get(file).copied()
    }

    /// Adds a file, and writes it down. What cannot be written now is written with the next file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, file: FileIdentity, ending: Ending) -> io::Result<()> {
        self.known.insert(file, ending);
        let line = ProcessedFile { file, action: self.action.clone(), ending };
        // Begins with a line break, because the last line may be truncated.
        self.unwritten.push(b'\n');
        self.unwritten.extend(serde_json::to_vec(&line)?);
        self.write()
    }

    /// Writes what could not be written before.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            slot => {
                self.path.parent().map_or(Ok(()), create_folder)?;
                slot.insert(open_file(&self.path, File::options().append(true).create(true))?)
            }
        };
        file.write_all(&self.unwritten)?;
        self.unwritten.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_known_under_every_name_and_for_its_action_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (state, video) = (dir.path().join("state/watch.jsonl"), dir.path().join("a.mp4"));
        std::fs::write(&video, "video").unwrap();
        let identity = |path: &Path| FileIdentity::from(&std::fs::metadata(path).unwrap());
        Processed::open(&state, "fix").unwrap().add(identity(&video), Ending::Fixed).unwrap();
        // As a kill leaves it.
        File::options().append(true).open(&state).unwrap().write_all(b"\n{\"file\":{\"dev").unwrap();
        let renamed = dir.path().join("b.mp4");
        std::fs::rename(&video, &renamed).unwrap();
        let mut again = Processed::open(&state, "fix").unwrap();
        assert_eq!(again.ending(&identity(&renamed)), Some(Ending::Fixed));
        assert_eq!(Processed::open(&state, "ship").unwrap().ending(&identity(&renamed)), None);
        std::fs::write(&renamed, "another video").unwrap();
        assert_eq!(again.ending(&identity(&renamed)), None);
        again.add(identity(&renamed), Ending::Compliant).unwrap();
        let last = Processed::open(&state, "fix").unwrap();
        assert_eq!(last.ending(&identity(&renamed)), Some(Ending::Compliant));
    }
}
