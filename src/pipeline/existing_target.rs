//! Files that already have the name of an output: what may be replaced, and what is kept.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::job::FixReport;

use super::failure::{Failure, operation, unrecorded};
use super::fix_record::{FixRecord, is_identical};
use super::open_source::{is_media_or_image, open_regular};
use super::produce_context::{ProduceContext, RecordOutput, check_unchanged};
use super::replace_file::{Replacement, rename_new};
use super::staging::Staging;
use super::store::{Existing, Publication};

/// Returns what exists at `target`. Fails if the output would replace the source, or a file that cannot be equal
/// to the output.
pub(super) fn check_target(
    target: &Path,
    source: &Metadata,
    fix_record: Option<&FixRecord>,
) -> Result<Existing, Failure> {
    let existing = match std::fs::symlink_metadata(target) {
        Ok(existing) => existing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::Nothing),
        Err(error) => return Err(operation(target, &error)),
    };
    if (existing.dev(), existing.ino()) == (source.dev(), source.ino()) {
        let message =
            format!("{} is the source file itself: choose another folder with --out", target.display());
        return Err(Failure::operation(message));
    }
    if fix_record.is_some_and(|fix_record| fix_record.is_ours(target, &existing)) {
        return Ok(Existing::Ours);
    }
    // An encode only to find out that a text file is not its result would be wasted.
    if existing.is_file() && is_media_or_image(target, "") {
        return Ok(Existing::Unknown);
    }
    Err(not_ours(target))
}

/// Gives a file that has the name of an output, but is not an unchanged output of an earlier run, another name, so
/// that it is neither sent nor lost. Only for the folder of greenlit's own state, where users choose no names.
pub(super) fn put_changed_aside(
    target: &Path,
    source: &Metadata,
    fix_record: Option<&FixRecord>,
) -> Result<(), Failure> {
    let Ok(existing) = std::fs::symlink_metadata(target) else { return Ok(()) };
    let is_source = (existing.dev(), existing.ino()) == (source.dev(), source.ino());
    if is_source || fix_record.is_some_and(|fix_record| fix_record.is_ours(target, &existing)) {
        return Ok(());
    }
    let mut aside = target.as_os_str().to_owned();
    aside.push(format!(".changed-{:08x}", fastrand::u32(..)));
    rename_new(target, Path::new(&aside)).map_err(|error| operation(target, &error))
}

/// Gives an output its final name, without replacing anything but an output of greenlit. A file with the same
/// bytes, which another run may have made meanwhile, is kept.
pub(super) fn publish(
    staging: Staging,
    existing: Existing,
    fix_record: Option<&FixRecord>,
) -> Result<Publication, Failure> {
    let target = &staging.target().to_owned();
    let failed = |error: io::Error| operation(target, &error);
    let output = staging.descriptor().map_err(failed)?;
    if existing == Existing::Ours {
        // Another file may have taken the place of our output since it was checked.
        let is_ours =
            |now: &Path, meta: &Metadata| fix_record.is_some_and(|known| known.is_ours_at(target, now, meta));
        return match staging.publish_over(&is_ours).map_err(failed)? {
            Replacement::Done => Ok(Publication::New),
            Replacement::Kept => kept_if_same(target, &output),
            Replacement::PutAside(aside) => Err(put_aside(target, &aside)),
        };
    }
    match staging.publish_new() {
        Ok(()) => Ok(Publication::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => kept_if_same(target, &output),
        Err(error) => Err(failed(error)),
    }
}

/// Returns the outcome for a file that has the name of the output and stays.
fn kept_if_same(target: &Path, output: &File) -> Result<Publication, Failure> {
    let is_file = std::fs::symlink_metadata(target).is_ok_and(|meta| meta.is_file());
    let same =
        is_file && open_regular(target).is_ok_and(|there| is_identical(&there, output).unwrap_or(false));
    if same { Ok(Publication::Kept) } else { Err(not_ours(target)) }
}

fn put_aside(target: &Path, aside: &Path) -> Failure {
    let message = format!(
        "other programs put files at {} while the output got its name; a file that was there is now {}: \
         move both away, or choose another folder with --out",
        target.display(),
        aside.display()
    );
    Failure::operation(message)
}

/// Opens a file without a record that has the name of a copy. Fails if it has other bytes than the source.
pub(super) fn open_same(target: &Path, input: &File) -> Result<File, Failure> {
    let failed = |error: io::Error| operation(target, &error);
    let same = open_regular(target)?;
    if is_identical(input, &same).map_err(failed)? { Ok(same) } else { Err(not_ours(target)) }
}

/// Records a file that has the bytes of the source already, instead of a copy.
pub(super) fn keep(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    target: &Path,
    same: &File,
    report: Option<&FixReport>,
    record: RecordOutput<'_>,
) -> Result<Publication, Failure> {
    check_unchanged(source, input, context.before)?;
    record(same, report).map_err(|error| unrecorded(target, &error))?;
    Ok(Publication::Kept)
}

fn not_ours(target: &Path) -> Failure {
    let message = format!(
        "{} already exists and is not an unchanged output of an earlier run: \
         move it away, or choose another folder with --out",
        target.display()
    );
    Failure::operation(message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fix_record::FixRecordKey;
    use super::*;
    use std::io::Write;

    /// An output folder with a recorded output, and the next version of this output in staging.
    struct Folder {
        dir: tempfile::TempDir,
        target: std::path::PathBuf,
        source: Metadata,
        fix_record: FixRecord,
    }

    impl Folder {
        fn new() -> Folder {
            let dir = tempfile::tempdir().unwrap();
            let (target, source) = (dir.path().join("out.mp4"), dir.path().join("in.mov"));
            std::fs::write(&source, b"source").unwrap();
            std::fs::write(&target, b"earlier output").unwrap();
            let source = std::fs::metadata(&source).unwrap();
            let fix_record = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
            let key = FixRecordKey::new(&source, "plan", &target);
            fix_record.record(key, &std::fs::metadata(&target).unwrap(), None).unwrap();
            Folder { dir, target, source, fix_record }
        }

        fn staging(&self) -> Staging {
            let staging = Staging::new(&self.target).unwrap();
            staging.descriptor().unwrap().write_all(b"next output").unwrap();
            staging
        }

        fn check(&self) -> Existing {
            check_target(&self.target, &self.source, Some(&self.fix_record)).unwrap()
        }

        fn publish(&self, existing: Existing) -> Result<Publication, Failure> {
            publish(self.staging(), existing, Some(&self.fix_record))
        }

        fn text(&self) -> String {
            std::fs::read_to_string(&self.target).unwrap()
        }

        fn leftovers(&self) -> usize {
            let entries = std::fs::read_dir(self.dir.path()).unwrap();
            entries
                .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count()
        }
    }

    #[test]
    fn an_earlier_output_is_replaced() {
        let folder = Folder::new();
        assert_eq!(folder.check(), Existing::Ours);
        assert_eq!(folder.publish(Existing::Ours).unwrap(), Publication::New);
        assert_eq!((folder.text().as_str(), folder.leftovers()), ("next output", 0));
    }

    #[test]
    fn a_file_that_takes_the_place_of_an_output_after_the_check_is_not_lost() {
        let folder = Folder::new();
        let existing = folder.check();
        let other = folder.dir.path().join("other");
        std::fs::write(&other, b"work of years!").unwrap();
        std::fs::rename(&other, &folder.target).unwrap();
        let failure = folder.publish(existing).unwrap_err();
        assert!(failure.message.contains("not an unchanged output"), "{}", failure.message);
        assert_eq!((folder.text().as_str(), folder.leftovers()), ("work of years!", 0));
    }

    #[test]
    fn an_output_that_is_overwritten_in_place_after_the_check_is_not_lost() {
        let folder = Folder::new();
        let existing = folder.check();
        std::fs::write(&folder.target, b"another program's file").unwrap();
        folder.publish(existing).unwrap_err();
        assert_eq!((folder.text().as_str(), folder.leftovers()), ("another program's file", 0));
    }

    #[test]
    fn the_same_output_by_another_run_is_kept_and_a_missing_one_is_made() {
        let folder = Folder::new();
        let existing = folder.check();
        std::fs::remove_file(&folder.target).unwrap();
        std::fs::write(&folder.target, b"next output").unwrap();
        assert_eq!(folder.publish(existing).unwrap(), Publication::Kept);
        std::fs::remove_file(&folder.target).unwrap();
        assert_eq!(folder.publish(existing).unwrap(), Publication::New);
        assert_eq!((folder.text().as_str(), folder.leftovers()), ("next output", 0));
    }
}
