//! Opens sources without side effects, and decides by name and first bytes whether a worker should see them.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::probe::sniff;

use super::discover::SourceFile;
use super::failure::{Failure, NoFacts, plain};
use super::store::Store;

/// Number of bytes at the start of a file that decide whether it is media.
const HEAD_BYTES: usize = 4096;

/// Returns the file name, lossily decoded, for messages and for the extension.
pub(crate) fn display_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Opens a regular file for reading. Does not block: opening a FIFO without `NONBLOCK` would wait for a writer.
pub(crate) fn open_regular(path: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| {
        Failure::operation(format!("{} cannot be opened: {}", path.display(), open_error(&error)))
    };
    let not_regular = || {
        let message = format!(
            "{} is not a regular file (a FIFO, device or folder): name a regular file",
            path.display()
        );
        Failure::input(message)
    };
    // Opening a FIFO, even without waiting, has an effect on the program at its other end. The check after
    // opening is for a file that is replaced in between.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(not_regular());
    }
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let open =
        |flags: rustix::fs::OFlags| File::options().read(true).custom_flags(flags.bits() as i32).open(path);
    let file = open_unnoticed(flags, &open).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_file() { Ok(file) } else { Err(not_regular()) }
}

/// Opens without changing when the file was last read, where its owner or root asks for it.
#[cfg(target_os = "linux")]
fn open_unnoticed(
    flags: rustix::fs::OFlags,
    open: &dyn Fn(rustix::fs::OFlags) -> io::Result<File>,
) -> io::Result<File> {
    match open(flags | rustix::fs::OFlags::NOATIME) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) => open(flags),
        result => result,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_unnoticed(
    flags: rustix::fs::OFlags,
    open: &dyn Fn(rustix::fs::OFlags) -> io::Result<File>,
) -> io::Result<File> {
    open(flags)
}

/// Returns whether the first bytes of a file, or its `name`, identify it as media or as an image; `false` if it cannot
/// be read.
pub(crate) fn is_media_or_image(path: &Path, name: &str) -> bool {
    let mut head = [0; HEAD_BYTES];
    let read = File::open(path).and_then(|file| file.read_at(&mut head, 0)).unwrap_or(0);
    sniff::looks_like_media(name, &head[..read]) || sniff::looks_like_an_image(name, &head[..read])
}

fn open_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "permission denied; give this user read access, or exclude the file".to_owned()
        }
        io::ErrorKind::NotFound => "the file was removed after the folder was listed".to_owned(),
        _ => plain(error),
    }
}

/// Returns whether name or content identify a file as media; `false` if only a worker can tell. Fails if the file
/// is known not to be media. Still images count if the file was named.
pub(super) fn worth_probing(
    store: &dyn Store,
    input: &File,
    source: &SourceFile,
    name: &str,
) -> Result<bool, NoFacts> {
    let named = source.named;
    let mut head = [0; HEAD_BYTES];
    let read = store.read_at(input, &mut head, 0).map_err(|error| {
        let message = format!("{name} cannot be read: {}", plain(&error));
        NoFacts::failed(Failure::operation(message))
    })?;
    let head = &head[..read];
    if sniff::is_system_file(&source.path, head) {
        let message = "file of an operating system (attributes or index of a folder), not media";
        return Err(NoFacts::skipped(Failure::input(message)));
    }
    if !named && sniff::looks_like_an_image(name, head) && !sniff::looks_like_media(name, head) {
        return Err(NoFacts::skipped(Failure::input("still image; name it to check it".to_owned())));
    }
    if !(sniff::looks_like_media(name, head) || (named && sniff::looks_like_an_image(name, head))) {
        let may_be_media = read > 0 && !sniff::is_known_not_to_be_media(head);
        return if may_be_media { Ok(false) } else { Err(not_media()) };
    }
    if read == 0 {
        return Err(NoFacts::unreadable(Failure::input("the file is empty (0 bytes)".to_owned())));
    }
    Ok(true)
}

/// Returns the verdict on a file that is not media.
pub(super) fn not_media() -> NoFacts {
    NoFacts::skipped(Failure::input("not a media file"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ending::FailureKind;

    #[test]
    fn refuses_a_device_without_blocking() {
        let failure = open_regular(Path::new("/dev/null")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Input);
        assert!(failure.message.contains("not a regular file"), "{}", failure.message);
    }
}
