//! A folder, connected: copies, reads back and lists files.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::columns::{NOTE, entry_name};
use super::list::{self, Entry, LIST};
use crate::platform::call::not_offered;
use crate::platform::name_match::sighting;
use crate::platform::upload_body::open_and_hash;
use crate::platform::{
    Awaited, Call, CallError, Class, Destination, EffectKind, Failure, FailureMeaning, Mutation,
    NewPublication, OpenedUpload, Platform, Progress, SentEffect, Sighting, UploadObserver,
};
use crate::rules::ValidatedAsset;

const COPY: &str = "copy";
const APPEND: &str = "append";
const READ: &str = "read";
/// Bytes per read.
const BLOCK: usize = 1 << 20;

/// A folder that files are handed over in.
pub(super) struct HandOver {
    platform: &'static dyn Platform,
    root: PathBuf,
    origin: String,
    account: String,
}

/// Returns a call that is done.
fn done<'a, T: Send + 'a>(result: Result<T, CallError>) -> Call<'a, T> {
    Box::pin(std::future::ready(result))
}

fn failed(endpoint: &'static str, class: Class, message: String) -> CallError {
    CallError { endpoint, class, code: None, message, request_id: None }
}

impl HandOver {
    pub(super) fn new(
        platform: &'static dyn Platform,
        root: PathBuf,
        origin: String,
        account: String,
    ) -> HandOver {
        HandOver { platform, root, origin, account }
    }

    /// Returns the error of an operation. Nothing was changed, unless `class` says otherwise.
    fn error(&self, endpoint: &'static str, class: Class, error: &io::Error) -> CallError {
        failed(endpoint, class, format!("{}: {error}", self.root.display()))
    }

    fn list(&self) -> PathBuf {
        self.root.join(LIST)
    }

    fn path_of(&self, name: &str) -> Result<PathBuf, CallError> {
        let message = || format!("{name:?} is not the name of a file in the folder");
        inside(&self.root, name).ok_or_else(|| failed(COPY, Class::Permanent, message()))
    }

    fn access(&self) -> Result<(), CallError> {
        match std::fs::metadata(&self.root) {
            Ok(meta) if meta.is_dir() => Ok(()),
            Ok(_) => {
                let message = format!("{} is not a folder", self.root.display());
                Err(failed(READ, Class::Configuration, message))
            }
            // The first copy creates it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.error(READ, Class::Configuration, &error)),
        }
    }

    /// Copies a file, checks that the bytes are those that were assessed, and gives the copy its name.
    async fn copy(
        &self,
        asset: &ValidatedAsset,
        name: &str,
        observer: &dyn UploadObserver,
    ) -> Result<String, CallError> {
        let target = self.path_of(name)?;
        let nothing_changed = |error: io::Error| self.error(COPY, Class::Retry, &error);
        std::fs::create_dir_all(&self.root).map_err(nothing_changed)?;
        let mut source = File::open(asset.path()).map_err(nothing_changed)?;
        let mut staged = tempfile::Builder::new()
            .prefix(".greenlit-")
            .suffix(".part")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.root)
            .map_err(nothing_changed)?;
        let (mut hasher, mut sent) = (blake3::Hasher::new(), 0);
        let mut block = vec![0; BLOCK];
        loop {
            let count = source.read(&mut block).map_err(nothing_changed)?;
            if count == 0 {
                break;
            }
            hasher.update(&block[..count]);
            staged.write_all(&block[..count]).map_err(nothing_changed)?;
            sent += count as u64;
            observer.sent(sent);
            // A cancel is noticed between two blocks.
            tokio::task::yield_now().await;
        }
        if hasher.finalize().to_hex().as_str() != asset.content().blake3 {
            let message = format!("{}: changed since it was checked", asset.path().display());
            return Err(failed(COPY, Class::Permanent, message));
        }
        staged.as_file().sync_all().map_err(nothing_changed)?;
        match renameat_with(CWD, staged.path(), CWD, &target, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => {
                let message = format!("{}: a file has that name", target.display());
                return Err(failed(COPY, Class::NameTaken, message));
            }
            Err(error) => return Err(nothing_changed(error.into())),
        }
        // The name is on the device before the journal says so.
        File::open(&self.root)
            .and_then(|root| root.sync_all())
            .map_err(|error| self.error(COPY, Class::Unknown, &error))?;
        Ok(name.to_owned())
    }

    fn publish(&self, new: &NewPublication<'_>) -> Result<String, CallError> {
        let entry = entry_of(new);
        let path = self.path_of(&entry.file)?;
        let size_bytes = match std::fs::metadata(path) {
            Ok(meta) => meta.len(),
            Err(error) => return Err(self.error(APPEND, Class::ReRead, &error)),
        };
        list::append(&self.list(), &Entry { size_bytes, ..entry })
            .map_err(|error| self.error(APPEND, Class::Unknown, &error))?;
        Ok(new.video_id.to_owned())
    }

    async fn find(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        let unreadable = |error: io::Error| self.error(READ, Class::Retry, &error);
        if sent.kind == EffectKind::Publication {
            let entries = list::read(&self.list()).map_err(unreadable)?;
            let named = entries.iter().filter(|entry| entry.entry == sent.name);
            let is_ours = |entry: &Entry| Some(&entry.file) == sent.video_id.as_ref();
            let reading = |entry: &Entry| format!("the entry {} names the file {}", entry.entry, entry.file);
            let found = sighting(named, |entry| &entry.file, is_ours, reading, false);
            return Ok(found.unwrap_or_else(|| Sighting::NotDone(format!("{LIST} has no such entry"))));
        }
        let path = self.path_of(&sent.name)?;
        if !path.exists() {
            // The name is given last, so that nothing can follow.
            return Ok(Sighting::NotDone("the folder has no such file".to_owned()));
        }
        let (_, digests) = open_and_hash(&path).await.map_err(unreadable)?;
        Ok(match sent.md5.as_ref() == Some(&digests.md5) {
            true => Sighting::Done(sent.name.clone()),
            false if sent.was_refused => Sighting::NameOfOther,
            false => Sighting::Ambiguous(vec![format!("{} has other bytes", path.display())]),
        })
    }

    async fn read_back(&self, video: &Awaited) -> Result<Progress, CallError> {
        let path = self.path_of(&video.id)?;
        let failure = |reason: &str| {
            let reason = format!("{}: {reason}", path.display());
            Progress::Failed(Failure { reason, meaning: FailureMeaning::MayRepeat, advice: "" })
        };
        match open_and_hash(&path).await {
            Ok((_, digests)) if digests.md5 == video.md5 => Ok(Progress::Ready),
            Ok(_) => Ok(failure("the copy has other bytes")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(failure("the copy is gone")),
            Err(error) => Err(self.error(READ, Class::Retry, &error)),
        }
    }
}

/// Returns the entry of a publication, without the size of its file.
fn entry_of(new: &NewPublication<'_>) -> Entry {
    let name = entry_name(new.row);
    let (file, note) = (new.video_id.to_owned(), new.row.text(NOTE).to_owned());
    Entry { entry: name, file, size_bytes: 0, note }
}

impl Destination for HandOver {
    fn platform(&self) -> &'static dyn Platform {
        self.platform
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn account(&self) -> &str {
        &self.account
    }

    fn check_access(&self) -> Call<'_, ()> {
        done(self.access())
    }

    fn send<'a>(
        &'a self,
        mutation: &'a Mutation<'a>,
        name: &'a str,
        _opened: Option<&'a OpenedUpload>,
        observer: &'a dyn UploadObserver,
    ) -> Call<'a, String> {
        match mutation {
            Mutation::Upload { asset, .. } => Box::pin(self.copy(asset, name, observer)),
            Mutation::Publication(new) => done(self.publish(new)),
            Mutation::Cover(_) | Mutation::Creative(_) => not_offered(COPY),
        }
    }

    fn look<'a>(&'a self, sent: &'a SentEffect) -> Call<'a, Sighting> {
        Box::pin(self.find(sent))
    }

    fn look_for_earlier<'a>(&'a self, unsent: &'a SentEffect) -> Call<'a, Sighting> {
        Box::pin(async move {
            if unsent.kind == EffectKind::Upload {
                return Ok(Sighting::Absent { name_is_taken: self.path_of(&unsent.name)?.exists() });
            }
            Ok(match self.find(unsent).await? {
                Sighting::NotDone(_) => Sighting::Absent { name_is_taken: false },
                seen => seen,
            })
        })
    }

    fn progress<'a>(&'a self, videos: &'a [Awaited]) -> Call<'a, Vec<Progress>> {
        Box::pin(async move {
            let mut progress = Vec::with_capacity(videos.len());
            for video in videos {
                progress.push(self.read_back(video).await?);
            }
            Ok(progress)
        })
    }
}

/// Returns the path of a delivered file; `None` for a name that leaves the folder.
pub(super) fn inside(root: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    is_plain.then(|| root.join(name))
}
