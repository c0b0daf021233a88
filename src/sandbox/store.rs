//! The stored state: an append-only journal of JSON lines, and uploaded files named after their ids.
//!
//! A record replaces the earlier one of the same kind and id. Records are synced before they are acknowledged,
//! so they survive a crash; an incomplete last line was never acknowledged and is removed at the next start.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::Millis;
use super::limits::UploadFacts;
use super::options::SandboxError;
use crate::state_folder::{create_inner, open_file, verify_only_files};

/// The outcome of processing a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ProcessingOutcome {
    Ready,
    /// Never listed.
    Failed,
    /// Listed, never displayable.
    NeverReady,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Video {
    pub(super) id: String,
    pub(super) material_id: String,
    pub(super) advertiser_id: String,
    pub(super) file_name: String,
    pub(super) md5: String,
    pub(super) size: u64,
    pub(super) created: Millis,
    pub(super) modified: Millis,
    /// The time from which the video is listed.
    pub(super) visible: Millis,
    /// The time from which the video is displayable, if its outcome is [`ProcessingOutcome::Ready`].
    pub(super) ready: Millis,
    #[serde(rename = "fate")]
    pub(super) outcome: ProcessingOutcome,
    pub(super) facts: UploadFacts,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) material_id: String,
    pub(super) advertiser_id: String,
    pub(super) file_name: String,
    pub(super) md5: String,
    pub(super) size: u64,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) format: String,
    pub(super) created: Millis,
    pub(super) visible: Millis,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ad {
    pub(super) id: String,
    pub(super) advertiser_id: String,
    pub(super) adgroup_id: String,
    pub(super) created: Millis,
    pub(super) visible: Millis,
    pub(super) creative: serde_json::Map<String, Value>,
}

/// A chunked upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ChunkedUpload {
    pub(super) id: String,
    pub(super) advertiser_id: String,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) received: u64,
    /// The id of the resulting file, once the upload is finished.
    pub(super) file_id: Option<String>,
}

/// A temporary file, which expires after 24 hours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TemporaryFile {
    pub(super) id: String,
    pub(super) advertiser_id: String,
    pub(super) name: String,
    pub(super) md5: String,
    pub(super) size: u64,
    pub(super) created: Millis,
}

/// A Smart Fix or pre-review task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) advertiser_id: String,
    pub(super) done: Millis,
    pub(super) video_ids: Vec<String>,
    pub(super) rejected: bool,
}

/// An upload opened for a post, and the resulting post.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Post {
    /// The publish id.
    pub(super) id: String,
    /// The last path segment of the upload URL.
    pub(super) key: String,
    pub(super) direct: bool,
    pub(super) title: String,
    pub(super) privacy: String,
    pub(super) size: u64,
    pub(super) chunk: u64,
    pub(super) count: u64,
    pub(super) received: u64,
    pub(super) created: Millis,
    pub(super) cancelled: bool,
    /// Whether the platform fetched the video itself.
    #[serde(default)]
    pub(super) pulled: bool,
    /// Set once all bytes have arrived.
    #[serde(rename = "whole")]
    pub(super) result: Option<PostResult>,
}

/// The result of a post whose bytes have all arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PostResult {
    pub(super) md5: String,
    /// The time from which the result is visible.
    pub(super) ready: Millis,
    /// Whether the result never becomes visible.
    pub(super) stuck: bool,
    pub(super) fail_reason: Option<String>,
    pub(super) post_id: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Record {
    Start { at: Millis },
    Video(Video),
    Image(Image),
    Ad(Ad),
    Chunked(ChunkedUpload),
    Temporary(TemporaryFile),
    Task(Task),
    Post(Post),
}

/// All objects by id.
#[derive(Debug, Default)]
pub(super) struct SandboxState {
    pub(super) videos: BTreeMap<String, Video>,
    pub(super) images: BTreeMap<String, Image>,
    pub(super) ads: BTreeMap<String, Ad>,
    pub(super) chunked: BTreeMap<String, ChunkedUpload>,
    pub(super) temporary: BTreeMap<String, TemporaryFile>,
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) posts: BTreeMap<String, Post>,
    /// How many times a sandbox was started with this state.
    pub(super) starts: u64,
    /// The number of records, from which the next id is derived.
    pub(super) records: u64,
    /// The latest time in any record.
    pub(super) latest: Millis,
}

impl SandboxState {
    fn apply(&mut self, record: Record) {
        self.records += 1;
        match record {
            Record::Start { at } => {
                self.starts += 1;
                self.latest = self.latest.max(at);
            }
            Record::Video(video) => {
                self.latest = self.latest.max(video.modified);
                self.videos.insert(video.id.clone(), video);
            }
            Record::Image(image) => {
                self.latest = self.latest.max(image.created);
                self.images.insert(image.id.clone(), image);
            }
            Record::Ad(ad) => {
                self.latest = self.latest.max(ad.created);
                self.ads.insert(ad.id.clone(), ad);
            }
            Record::Chunked(upload) => {
                self.chunked.insert(upload.id.clone(), upload);
            }
            Record::Temporary(file) => {
                self.latest = self.latest.max(file.created);
                self.temporary.insert(file.id.clone(), file);
            }
            Record::Task(task) => {
                self.tasks.insert(task.id.clone(), task);
            }
            Record::Post(post) => {
                self.latest = self.latest.max(post.created);
                self.posts.insert(post.id.clone(), post);
            }
        }
    }
}

/// The folders in the state folder: content, files being received, and parts of chunked uploads.
const FOLDERS: [&str; 3] = ["files", "tmp", "uploads"];

/// The state with its journal.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) state: SandboxState,
    journal: File,
    /// The locked file; the kernel releases the lock when the process dies.
    lock: File,
    dir: PathBuf,
}

impl Store {
    /// Opens or creates the state in `dir`.
    pub(super) fn open(dir: &Path) -> Result<Self, SandboxError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| SandboxError::State { path, source }
        };
        let inner = FOLDERS.map(|name| dir.join(name));
        for folder in std::iter::once(dir).chain(inner.iter().map(PathBuf::as_path)) {
            create_inner(folder).map_err(SandboxError::from)?;
        }
        for folder in &inner {
            verify_only_files(folder).map_err(SandboxError::from)?;
        }
        let append = || OpenOptions::new().create(true).append(true).read(true).to_owned();
        let lock_path = dir.join("lock");
        let lock = open_file(&lock_path, &append()).map_err(SandboxError::from)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(SandboxError::Locked { path: dir.to_owned() }),
            Err(fs::TryLockError::Error(source)) => {
                return Err(SandboxError::State { path: lock_path, source });
            }
        }
        let path = dir.join("journal.jsonl");
        let journal = open_file(&path, &append()).map_err(SandboxError::from)?;
        let is_used = journal.metadata().map_err(at(&path))?.len() > 0;
        let state = replay(&path, &journal)?;
        let store = Self { state, journal, lock, dir: dir.to_owned() };
        // Only a folder that was a sandbox's before has leftovers of one.
        if is_used {
            store.clear_leftovers().map_err(at(dir))?;
        }
        Ok(store)
    }

    /// Removes partially received uploads of an earlier run and chunks that were never acknowledged.
    fn clear_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.dir.join("tmp"))? {
            fs::remove_file(entry?.path())?;
        }
        for upload in self.state.chunked.values().filter(|upload| upload.file_id.is_none()) {
            let file = OpenOptions::new().create(true).append(true).open(self.chunk_path(&upload.id))?;
            file.set_len(upload.received)?;
        }
        Ok(())
    }

    /// Appends and syncs records, then applies them. Atomic except for an incomplete write.
    pub(super) fn put(&mut self, records: Vec<Record>) -> io::Result<()> {
        let mut text = String::new();
        for record in &records {
            text.push_str(&serde_json::to_string(record)?);
            text.push('\n');
        }
        let before = self.journal.metadata()?.len();
        let written = self.journal.write_all(text.as_bytes()).and_then(|()| self.journal.sync_data());
        if let Err(error) = written {
            // The next record must not be appended to an incomplete line.
            self.journal.set_len(before)?;
            return Err(error);
        }
        for record in records {
            self.state.apply(record);
        }
        Ok(())
    }

    /// Returns the path of a video, image or temporary file.
    pub(super) fn file_path(&self, id: &str) -> PathBuf {
        self.dir.join("files").join(id.replace('/', "_"))
    }

    /// Returns the path of the bytes of a chunked upload.
    pub(super) fn chunk_path(&self, id: &str) -> PathBuf {
        self.dir.join("uploads").join(id)
    }

    /// Moves a received and synced file to its permanent path.
    pub(super) fn move_in(&self, from: &Path, id: &str) -> io::Result<()> {
        fs::rename(from, self.file_path(id))?;
        File::open(self.dir.join("files"))?.sync_all()
    }

    /// Gives an object the bytes of another through a hard link, so that each can be removed independently.
    pub(super) fn link(&self, from: &str, id: &str) -> io::Result<()> {
        let (from, to) = (self.file_path(from), self.file_path(id));
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to)?;
        }
        File::open(self.dir.join("files"))?.sync_all()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Unlocked explicitly: a child process that is just being started may briefly hold a copy of the
        // descriptor, and closing only ours would keep the lock.
        let _ = self.lock.unlock();
    }
}

fn replay(path: &Path, journal: &File) -> Result<SandboxState, SandboxError> {
    let io_error = |source| SandboxError::State { path: path.to_owned(), source };
    let text = fs::read(path).map_err(io_error)?;
    let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if complete < text.len() {
        journal.set_len(complete as u64).map_err(io_error)?;
    }
    let mut state = SandboxState::default();
    for (index, line) in text[..complete].split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let record = serde_json::from_slice(line).map_err(|source| SandboxError::Journal {
            path: path.to_owned(),
            line: index + 1,
            source: Box::new(source),
        })?;
        state.apply(record);
    }
    Ok(state)
}
