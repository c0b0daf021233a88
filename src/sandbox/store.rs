//! The state: an append-only journal of JSON lines, and uploaded bytes in files named after their id.
//!
//! A record replaces the earlier one of the same kind and id. What is acknowledged was synced first, so
//! it survives any death; a torn last line was never acknowledged and is cut off at the next start.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::Millis;
use super::limits::UploadFacts;
use super::options::SandboxError;

/// What becomes of a video once its processing time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fate {
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
    /// From when on it is listed.
    pub(super) visible: Millis,
    /// From when on it is displayable, if its fate allows.
    pub(super) ready: Millis,
    pub(super) fate: Fate,
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

/// A chunked upload under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Chunked {
    pub(super) id: String,
    pub(super) advertiser_id: String,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) received: u64,
    /// The file it became, once finished.
    pub(super) file_id: Option<String>,
}

/// A temporary file, which lives 24 hours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Temporary {
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

/// An upload that was opened for a post, and the post it became.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Post {
    /// The id to ask by.
    pub(super) id: String,
    /// The last part of the address for the bytes.
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
    /// Fetched by the platform and not sent to it.
    #[serde(default)]
    pub(super) pulled: bool,
    /// Once every byte is there.
    pub(super) whole: Option<Whole>,
}

/// What becomes of a post whose bytes are all there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Whole {
    pub(super) md5: String,
    /// From when on its end shows.
    pub(super) ready: Millis,
    /// Its end never shows.
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
    Chunked(Chunked),
    Temporary(Temporary),
    Task(Task),
    Post(Post),
}

/// Everything that exists, by id.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) videos: BTreeMap<String, Video>,
    pub(super) images: BTreeMap<String, Image>,
    pub(super) ads: BTreeMap<String, Ad>,
    pub(super) chunked: BTreeMap<String, Chunked>,
    pub(super) temporary: BTreeMap<String, Temporary>,
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) posts: BTreeMap<String, Post>,
    /// How often a sandbox was started on this state.
    pub(super) starts: u64,
    /// How many records there are; the next id is made from it.
    pub(super) records: u64,
    /// The latest time any record was written.
    pub(super) latest: Millis,
}

impl World {
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

/// The world with its journal.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) world: World,
    journal: File,
    /// Held for the lock on it, which the kernel lets go at any death.
    lock: File,
    dir: PathBuf,
}

impl Store {
    /// Opens or makes the state in `dir`.
    pub(super) fn open(dir: &Path) -> Result<Self, SandboxError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| SandboxError::State { path, source }
        };
        for folder in [dir, &dir.join("files"), &dir.join("tmp"), &dir.join("uploads")] {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        let lock_path = dir.join("lock");
        let lock = OpenOptions::new().create(true).append(true).open(&lock_path).map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(SandboxError::Locked { path: dir.to_owned() }),
            Err(fs::TryLockError::Error(source)) => {
                return Err(SandboxError::State { path: lock_path, source });
            }
        }
        let path = dir.join("journal.jsonl");
        let journal =
            OpenOptions::new().create(true).append(true).read(true).open(&path).map_err(at(&path))?;
        let world = replay(&path, &journal)?;
        let store = Self { world, journal, lock, dir: dir.to_owned() };
        store.clear_leftovers().map_err(at(dir))?;
        Ok(store)
    }

    /// Removes half-received uploads of an earlier run, and bytes of a chunk never acknowledged.
    fn clear_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.dir.join("tmp"))? {
            fs::remove_file(entry?.path())?;
        }
        for upload in self.world.chunked.values().filter(|upload| upload.file_id.is_none()) {
            let file = OpenOptions::new().create(true).append(true).open(self.chunk_path(&upload.id))?;
            file.set_len(upload.received)?;
        }
        Ok(())
    }

    /// Writes records down, synced, then makes them true. All or nothing, short of a torn write.
    pub(super) fn put(&mut self, records: Vec<Record>) -> io::Result<()> {
        let mut text = String::new();
        for record in &records {
            text.push_str(&serde_json::to_string(record)?);
            text.push('\n');
        }
        let before = self.journal.metadata()?.len();
        let written = self.journal.write_all(text.as_bytes()).and_then(|()| self.journal.sync_data());
        if let Err(error) = written {
            // A half-written line must not swallow the next one.
            self.journal.set_len(before)?;
            return Err(error);
        }
        for record in records {
            self.world.apply(record);
        }
        Ok(())
    }

    /// Where the bytes of a video, image or temporary file lie.
    pub(super) fn file_path(&self, id: &str) -> PathBuf {
        self.dir.join("files").join(id.replace('/', "_"))
    }

    /// Where the bytes of a chunked upload gather.
    pub(super) fn chunk_path(&self, id: &str) -> PathBuf {
        self.dir.join("uploads").join(id)
    }

    /// Moves received, synced bytes to their lasting place.
    pub(super) fn keep(&self, from: &Path, id: &str) -> io::Result<()> {
        fs::rename(from, self.file_path(id))?;
        File::open(self.dir.join("files"))?.sync_all()
    }

    /// Gives an object of its own the bytes of another: a link, so that neither can take the other's away.
    pub(super) fn share(&self, from: &str, id: &str) -> io::Result<()> {
        let (from, to) = (self.file_path(from), self.file_path(id));
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to)?;
        }
        File::open(self.dir.join("files"))?.sync_all()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Said outright: a child process just being started elsewhere may hold a copy of the descriptor
        // for a moment, and closing ours alone would leave the lock with it.
        let _ = self.lock.unlock();
    }
}

fn replay(path: &Path, journal: &File) -> Result<World, SandboxError> {
    let state = |source| SandboxError::State { path: path.to_owned(), source };
    let text = fs::read(path).map_err(state)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        journal.set_len(whole as u64).map_err(state)?;
    }
    let mut world = World::default();
    for (index, line) in text[..whole].split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let record = serde_json::from_slice(line).map_err(|source| SandboxError::Journal {
            path: path.to_owned(),
            line: index + 1,
            source,
        })?;
        world.apply(record);
    }
    Ok(world)
}
