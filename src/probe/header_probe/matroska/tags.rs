//! Reads tags: the durations of streams, and the names of those that reveal private data.

use super::super::reason::Reason;
use super::ids;
use super::master::Master;
use super::tracks::{Track, TrackContent};
use crate::model::PrivacyTags;
use crate::probe::tags::add_private;

/// A tag of a stream that replaces what its track declares.
const REPLACING: &str = "title";
/// A tag that repeats whether transparency is beside the frames.
const ALPHA_MODE: &str = "alpha_mode";
const DURATION: &str = "DURATION";
const LANGUAGE: &str = "LANGUAGE";

/// What the tags of a file say.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// Names of tags of the whole file.
    global: Vec<String>,
    /// The uid of a track, and the name and the text of one of its tags.
    of_tracks: Vec<(u64, String, String)>,
}

impl Tags {
    /// Reads the contents of the elements with tags.
    pub(super) fn read(contents: &[Vec<u8>]) -> Result<Tags, Reason> {
        let mut tags = Tags::default();
        for content in contents {
            for tag in Master::read(content)?.all(ids::TAG) {
                tags.add(&Master::read(tag)?)?;
            }
        }
        Ok(tags)
    }

    fn add(&mut self, tag: &Master<'_>) -> Result<(), Reason> {
        let targets = tag.inside(ids::TARGETS)?;
        let track = targets.number(ids::TAG_TRACK_UID, 0)?;
        let elsewhere = [ids::TAG_EDITION_UID, ids::TAG_CHAPTER_UID, ids::TAG_ATTACHMENT_UID];
        for id in elsewhere {
            if targets.number(id, 0)? != 0 {
                return Err(Reason::Metadata);
            }
        }
        let kind = targets.text(ids::TARGET_TYPE)?.filter(|_| track == 0);
        for simple in tag.all(ids::SIMPLE_TAG) {
            let simple = Master::read(simple)?;
            if simple.has(ids::SIMPLE_TAG) {
                return Err(Reason::Metadata);
            }
            let name = simple.text(ids::TAG_NAME)?.ok_or(Reason::Metadata)?;
            let Some(text) = simple.text(ids::TAG_STRING)? else { return Err(Reason::Metadata) };
            let language = simple.text(ids::TAG_LANGUAGE)?.filter(|language| language != "und");
            if language.is_some() && simple.has(ids::TAG_DEFAULT) {
                return Err(Reason::Metadata);
            }
            let name = match kind.as_deref() {
                Some(kind) => format!("{kind}/{name}"),
                None => name,
            };
            let named = language.map(|language| format!("{name}-{language}"));
            for name in std::iter::once(name).chain(named) {
                match track {
                    0 => self.global.push(name),
                    uid => self.of_tracks.push((uid, name, text.clone())),
                }
            }
        }
        Ok(())
    }

    /// Returns the names of private tags, first those of the whole file.
    pub(super) fn private(&self, tracks: &[Track]) -> Result<PrivacyTags, Reason> {
        let mut found = PrivacyTags::default();
        check_repeats(&self.global)?;
        self.global.iter().for_each(|name| add_private(name.clone(), &mut found));
        for track in tracks {
            let names: Vec<String> = self.of_track(track).map(|(name, _)| name.to_owned()).collect();
            check_repeats(&names)?;
            let replaces = |name: &String| name.eq_ignore_ascii_case(REPLACING);
            let declares_alpha = matches!(&track.content, TrackContent::Video(video) if video.has_alpha);
            let alpha = self.text(track, ALPHA_MODE);
            if names.iter().any(replaces) || alpha.is_some_and(|mode| mode != "1" || !declares_alpha) {
                return Err(Reason::Metadata);
            }
            names.into_iter().for_each(|name| add_private(name, &mut found));
        }
        Ok(found)
    }

    fn of_track(&self, track: &Track) -> impl Iterator<Item = (&str, &str)> {
        let tags = self.of_tracks.iter().filter(|(uid, ..)| *uid == track.uid);
        tags.map(|(_, name, text)| (name.as_str(), text.as_str()))
    }

    /// Returns the text of the tag with the duration of a track.
    pub(super) fn duration(&self, track: &Track) -> Option<&str> {
        self.text(track, DURATION)
    }

    /// Returns the text of the tag with the language of a track, which replaces what the track declares.
    pub(super) fn language(&self, track: &Track) -> Option<&str> {
        self.text(track, LANGUAGE)
    }

    fn text(&self, track: &Track, wanted: &str) -> Option<&str> {
        self.of_track(track).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, text)| text)
    }
}

/// Checks that no name repeats: the library keeps the last of them, at a place of its own.
fn check_repeats(names: &[String]) -> Result<(), Reason> {
    let mut lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    lower.sort_unstable();
    if lower.windows(2).any(|pair| pair[0] == pair[1]) { Err(Reason::Metadata) } else { Ok(()) }
}
