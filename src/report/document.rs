//! The report as a document: the JSON contract, field by field.
//!
//! Serialisable twins of the model live here, so that the wire shape can only change on purpose.
//! Absent facts are `null`; `fix` and `delivery` are left out where the command does neither.

use serde::Serialize;

use crate::job::Similarity;
use crate::model::{
    AudioStream, ColorTags, Completeness, EditList, Flip, Hdr, MediaFacts, OtherKind, PrivacyTags, Rational,
    Timing, VideoStream,
};
use crate::rules::{Finding, Verdict};

/// The name and version of the document's schema.
pub const SCHEMA: &str = "greenlit.report/1";

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// The profiles that were asked for.
    pub profiles: Vec<String>,
    /// Counts over `files`.
    pub summary: Summary,
    /// One entry for each file and profile, sorted by path, then profile.
    pub files: Vec<FileEntry>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// Limits that nobody has compared with their source for long.
    pub old_limits: Vec<OldLimit>,
}

/// A limit that was last compared with its source long ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OldLimit {
    /// The profile.
    pub profile: String,
    /// The rule.
    pub rule: String,
    /// When its source was last looked at, `YYYY-MM-DD`.
    pub checked_on: String,
    /// Whole days since then.
    pub age_days: u32,
}

/// The program and its media library.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    /// `greenlit`.
    pub name: &'static str,
    /// Our version.
    pub version: &'static str,
    /// The version of the FFmpeg libraries; `None` when the run needed none.
    pub ffmpeg: Option<String>,
    /// The isolation in force while media was read; `None` when the run read none.
    pub isolation: Option<Vec<String>>,
}

/// Counts of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Entries in all.
    pub files: u64,
    /// Sources that comply.
    pub compliant: u64,
    /// Sources with an error.
    pub noncompliant: u64,
    /// Sources of which too little is known.
    pub indeterminate: u64,
    /// Files that are no readable media.
    pub unreadable: u64,
    /// Files that are not media and not named like it.
    pub skipped: u64,
    /// Outputs that were made and proven.
    pub fixed: u64,
    /// Files that cannot be fixed as asked.
    pub refused: u64,
    /// Files on which an operation failed.
    pub failed: u64,
    /// Wall time of the run in seconds.
    pub elapsed_s: f64,
}

/// One file under one profile.
#[derive(Clone, Debug, Serialize)]
pub struct FileEntry {
    /// The path as given, joined with `/`; lossy when the name is not UTF-8.
    pub path: String,
    /// The exact bytes of such a name, percent-encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_raw: Option<String>,
    /// The profile.
    pub profile: String,
    /// The judgement over the source.
    pub verdict: Verdict,
    /// Why there is no judgement, for `unreadable`, `skipped` and operational failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The facts; `None` where there are none.
    pub media: Option<Media>,
    /// What the rules say, worst first.
    pub findings: Vec<Finding>,
    /// Rules that could not be decided because a fact is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<String>,
    /// What was done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// Where it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// What was done to a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fix {
    /// The kind of change.
    pub action: FixAction,
    /// The output, as a path; `None` where there is none.
    pub output: Option<String>,
    /// Each step with its reason, for a person.
    pub steps: Vec<String>,
    /// Why nothing cheaper would do, or why nothing was done.
    pub reason: Option<String>,
    /// The class of that reason, out of a closed list, where nothing was made.
    pub refusal: Option<&'static str>,
    /// Who encoded the picture; `None` where it was copied or nothing was made.
    pub encoder: Option<&'static str>,
    /// The proof; `None` where there is no output.
    pub verified: Option<Verified>,
}

/// The kinds of change, from none to failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixAction {
    /// Nothing to do.
    None,
    /// The compliant file was copied to the output folder.
    Copy,
    /// Packets copied into a new container.
    Remux,
    /// The audio encoded again, the picture copied.
    ReencodeAudio,
    /// The picture encoded again, the audio copied.
    ReencodeVideo,
    /// Both encoded again.
    Reencode,
    /// Not possible, or not without consent.
    Refused,
    /// Possible, but it went wrong.
    Failed,
}

impl FixAction {
    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            FixAction::None => "none",
            FixAction::Copy => "copy",
            FixAction::Remux => "remux",
            FixAction::ReencodeAudio => "reencode-audio",
            FixAction::ReencodeVideo => "reencode-video",
            FixAction::Reencode => "reencode",
            FixAction::Refused => "refused",
            FixAction::Failed => "failed",
        }
    }
}

/// The proof that an output complies and is the same video.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// The judgement over the output.
    pub verdict: Verdict,
    /// Copied streams whose packets were read back and are the source's, bit for bit.
    pub identical_streams: usize,
    /// Video frames decoded from the output; `None` when none were: decoding was not asked for, or the
    /// picture is a copy that was proven by its packets.
    pub decoded_frames: Option<u64>,
    /// Complaints while decoding it.
    pub decode_errors: Option<u64>,
    /// Its duration minus the planned one, in seconds.
    pub duration_delta_s: Option<f64>,
    /// How alike output and source look.
    pub similarity: Option<Similarity>,
}

/// Where a file went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delivery {
    /// The state of the asset.
    pub state: String,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Uploads of this asset so far.
    pub attempts: u32,
    /// Why it is in that state, where that needs saying.
    pub reason: Option<String>,
    /// The ads that use it.
    pub ads: Vec<AdDelivery>,
}

/// One ad of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AdDelivery {
    /// Row in the manifest, from 1.
    pub row: u64,
    /// The state of the ad.
    pub state: String,
    /// The platform's id.
    pub ad_id: Option<String>,
    /// Why it is in that state, where that needs saying.
    pub reason: Option<String>,
}

/// The facts of a file, in the shape of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Media {
    pub(super) container: Option<String>,
    pub(super) size_bytes: u64,
    pub(super) duration_s: Option<f64>,
    pub(super) measured_duration_s: Option<f64>,
    pub(super) bit_rate: Option<u64>,
    pub(super) fast_start: Option<bool>,
    pub(super) fragmented: Option<bool>,
    pub(super) video: Vec<Video>,
    pub(super) audio: Vec<Audio>,
    pub(super) other: Vec<Other>,
    pub(super) major_brand: Option<String>,
    pub(super) completeness: Completeness,
    pub(super) chapters: u32,
    pub(super) privacy: PrivacyTags,
    /// Whether the file is one still picture.
    pub(super) still: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Video {
    pub(super) index: u32,
    pub(super) codec: Option<String>,
    pub(super) codec_tag: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) level: Option<i32>,
    pub(super) pixel_format: Option<String>,
    pub(super) bit_depth: Option<u8>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) sample_aspect_ratio: Option<String>,
    pub(super) rotation: u16,
    pub(super) flip: Option<Flip>,
    pub(super) display_width: Option<u32>,
    pub(super) display_height: Option<u32>,
    pub(super) display_aspect_ratio: Option<String>,
    pub(super) frame_rate: Option<Rational>,
    pub(super) variable_frame_rate: Option<bool>,
    pub(super) field_order: Option<String>,
    pub(super) color: ColorTags,
    pub(super) hdr: Option<Hdr>,
    pub(super) bit_rate: Option<u64>,
    pub(super) duration_s: Option<f64>,
    pub(super) start_s: Option<f64>,
    pub(super) frames: Option<u64>,
    pub(super) closed_gop: Option<bool>,
    pub(super) max_gop_frames: Option<u64>,
    pub(super) parameter_changes: Option<u32>,
    pub(super) chroma: Option<String>,
    pub(super) alpha: Option<bool>,
    pub(super) modal_frame_rate: Option<Rational>,
    pub(super) bitstream_sample_aspect_ratio: Option<String>,
    pub(super) edit_list: Option<EditList>,
    pub(super) timing: Option<Timing>,
    pub(super) decodable: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Audio {
    pub(super) index: u32,
    pub(super) codec: Option<String>,
    pub(super) codec_tag: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) sample_rate: Option<u32>,
    pub(super) channels: Option<u32>,
    pub(super) channel_layout: Option<String>,
    pub(super) bit_rate: Option<u64>,
    pub(super) duration_s: Option<f64>,
    pub(super) start_s: Option<f64>,
    pub(super) edit_list: Option<EditList>,
    pub(super) decodable: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Other {
    pub(super) index: u32,
    pub(super) kind: &'static str,
    pub(super) codec: Option<String>,
}

impl From<MediaFacts> for Media {
    fn from(facts: MediaFacts) -> Media {
        let still = facts.still().is_some();
        Media {
            container: facts.container,
            size_bytes: facts.size_bytes,
            duration_s: facts.duration_s,
            measured_duration_s: facts.measured_duration_s,
            bit_rate: facts.bit_rate,
            fast_start: facts.fast_start,
            fragmented: facts.fragmented,
            video: facts.video.into_iter().map(Video::from).collect(),
            audio: facts.audio.into_iter().map(Audio::from).collect(),
            other: facts
                .other
                .into_iter()
                .map(|stream| Other {
                    index: stream.index,
                    kind: kind_name(stream.kind),
                    codec: stream.codec,
                })
                .collect(),
            major_brand: facts.major_brand,
            completeness: facts.completeness,
            chapters: facts.chapters,
            privacy: facts.privacy,
            still,
        }
    }
}

/// The contract knows three kinds; cover art is an attachment there.
fn kind_name(kind: OtherKind) -> &'static str {
    match kind {
        OtherKind::Data => "data",
        OtherKind::Subtitle => "subtitle",
        OtherKind::Attachment | OtherKind::CoverArt => "attachment",
    }
}

impl From<VideoStream> for Video {
    fn from(stream: VideoStream) -> Video {
        let display = stream.display_size();
        let display_aspect_ratio = stream.display_aspect_ratio().map(Rational::with_colon);
        Video {
            index: stream.index,
            codec: stream.codec,
            codec_tag: stream.codec_tag,
            profile: stream.profile,
            level: stream.level,
            pixel_format: stream.pixel_format,
            bit_depth: stream.bit_depth,
            width: stream.width,
            height: stream.height,
            sample_aspect_ratio: stream.sample_aspect_ratio.map(Rational::with_colon),
            rotation: stream.rotation.degrees(),
            flip: stream.flip,
            display_width: display.map(|size| size.width),
            display_height: display.map(|size| size.height),
            display_aspect_ratio,
            frame_rate: stream.frame_rate,
            variable_frame_rate: stream.variable_frame_rate,
            field_order: stream.field_order,
            color: stream.color,
            hdr: stream.hdr,
            bit_rate: stream.bit_rate,
            duration_s: stream.duration_s,
            start_s: stream.start_s,
            frames: stream.frames,
            closed_gop: stream.closed_gop,
            max_gop_frames: stream.max_gop_frames,
            parameter_changes: stream.parameter_changes,
            chroma: stream.chroma,
            alpha: stream.alpha,
            modal_frame_rate: stream.modal_frame_rate,
            bitstream_sample_aspect_ratio: stream.bitstream_sample_aspect_ratio.map(Rational::with_colon),
            edit_list: stream.edit_list,
            timing: stream.timing,
            decodable: stream.decodable,
        }
    }
}

impl From<AudioStream> for Audio {
    fn from(stream: AudioStream) -> Audio {
        Audio {
            index: stream.index,
            codec: stream.codec,
            codec_tag: stream.codec_tag,
            profile: stream.profile,
            sample_rate: stream.sample_rate,
            channels: stream.channels,
            channel_layout: stream.channel_layout,
            bit_rate: stream.bit_rate,
            duration_s: stream.duration_s,
            start_s: stream.start_s,
            edit_list: stream.edit_list,
            decodable: stream.decodable,
        }
    }
}

impl Report {
    /// A report over `files`, which are sorted and counted here.
    pub fn new(
        tool: Tool,
        profiles: Vec<String>,
        mut files: Vec<FileEntry>,
        elapsed_s: f64,
        interrupted: bool,
    ) -> Report {
        files.sort_by(|a, b| (&a.path, &a.path_raw, &a.profile).cmp(&(&b.path, &b.path_raw, &b.profile)));
        let summary = Summary { elapsed_s, ..Summary::of(&files) };
        let old_limits = Vec::new();
        Report { schema: SCHEMA, tool, profiles, summary, files, interrupted, old_limits }
    }

    /// The same, noting limits that were last looked at long ago.
    #[must_use]
    pub fn noting(mut self, old_limits: Vec<OldLimit>) -> Report {
        self.old_limits = old_limits;
        self
    }
}

impl Summary {
    /// Counts `files`; the elapsed time stays zero.
    pub fn of(files: &[FileEntry]) -> Summary {
        let mut summary = Summary::default();
        files.iter().for_each(|file| summary.count(file));
        summary
    }

    /// Counts one more.
    pub fn count(&mut self, file: &FileEntry) {
        self.files += 1;
        *match file.verdict {
            Verdict::Compliant => &mut self.compliant,
            Verdict::Noncompliant => &mut self.noncompliant,
            Verdict::Indeterminate => &mut self.indeterminate,
            Verdict::Unreadable => &mut self.unreadable,
            Verdict::Skipped => &mut self.skipped,
        } += 1;
        let made = file.fix.as_ref().is_some_and(|fix| fix.output.is_some());
        match file.fix.as_ref().map(|fix| fix.action) {
            Some(FixAction::Refused) => self.refused += 1,
            Some(FixAction::Failed) => self.failed += 1,
            Some(FixAction::None | FixAction::Copy) | None => {}
            // A plan that was only looked at has no output.
            Some(_) => self.fixed += u64::from(made),
        }
    }
}
