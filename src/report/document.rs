//! The report as a document: the JSON contract, field by field.
//!
//! These types mirror the model, so that a change of the model cannot change the JSON by accident.
//! Unknown facts are `null`; `fix` and `delivery` are omitted by commands that do neither.

use serde::Serialize;

use super::forecast::{AudioOutcome, FixForecast};
use crate::ending::Ending;
use crate::job::Similarity;
use crate::model::{
    AudioStream, ColorTags, Completeness, EditList, Flip, FrameLoss, Hdr, MediaFacts, OtherKind, PrivacyTags,
    Rational, Size, SourceDamage, Timing, VideoStream,
};
use crate::plan::{Addition, DroppedStream, StreamType};
use crate::rules::{Finding, RuleId, Verdict};

/// The name and version of the document's schema.
pub const SCHEMA: &str = "greenlit.report/1";

/// The report of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that wrote the report.
    pub tool: Tool,
    /// The requested profiles.
    pub profiles: Vec<String>,
    /// Counts over `files`.
    pub summary: Summary,
    /// One entry for each file and profile, sorted by path, then profile.
    pub files: Vec<FileEntry>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Limits that have not been compared with their source recently.
    pub old_limits: Vec<OldLimit>,
    /// Outputs of earlier fixes whose source is gone.
    pub stale: Vec<StaleEntry>,
    /// Why the run was cut off before everything was done; `None` if it was not.
    pub stopped: Option<String>,
    /// What the run creates from videos.
    #[serde(skip)]
    pub publication: Publication,
    /// The profiles as the command line names them, which the advice repeats.
    #[serde(skip)]
    pub named_profiles: Vec<String>,
}

/// An output of an earlier fix whose source was deleted or renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaleEntry {
    /// The path of the output.
    pub output: String,
    /// The absolute path where its source was.
    pub source: String,
    /// Whether this run removed it (`--prune`).
    pub removed: bool,
}

/// A limit that was last compared with its source long ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OldLimit {
    /// The profile.
    pub profile: String,
    /// The rule.
    pub rule: RuleId,
    /// The day the limit was last compared with its source, `YYYY-MM-DD`.
    pub checked_on: String,
    /// Whole days since then.
    pub age_days: u32,
}

/// The program and its media library.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    /// `greenlit`.
    pub name: &'static str,
    /// The version of greenlit.
    pub version: &'static str,
    /// The version of the FFmpeg libraries; `None` if the run did not use them.
    pub ffmpeg: Option<String>,
    /// The sandboxing of the media workers; `None` if the run read no media.
    pub isolation: Option<Vec<String>>,
    /// What of it the system or an option refused, each with the reason; `None` if the run read no media.
    pub isolation_refused: Option<Vec<String>>,
    /// The version of the kernel's Landlock; `None` if it is not in force.
    pub landlock_abi: Option<u32>,
}

/// Counts of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Number of entries.
    pub files: u64,
    /// Sources that comply.
    pub compliant: u64,
    /// Sources with an error.
    pub noncompliant: u64,
    /// Sources with too few known facts to decide.
    pub indeterminate: u64,
    /// Files that cannot be read as media.
    pub unreadable: u64,
    /// Files that are not media, by content and by extension.
    pub skipped: u64,
    /// Outputs that were written and verified.
    pub fixed: u64,
    /// Files that cannot be fixed with the given options.
    pub refused: u64,
    /// Files on which an operation failed.
    pub failed: u64,
    /// Files that comply but were not delivered, or whose ads or posts were not all created.
    pub undelivered: u64,
    /// Rows that changed since their ads or posts were published; the changes are not sent.
    pub unsent_changes: u64,
    /// The uploads; `None` for commands that upload nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploads: Option<DoneCount>,
    /// The ads; `None` where none are created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ads: Option<DoneCount>,
    /// The posts and drafts; `None` where none are created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posts: Option<DoneCount>,
    /// Wall time of the run in seconds.
    pub elapsed_s: f64,
}

/// How many of the things asked for are done, by this run or before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DoneCount {
    /// On the platform.
    pub done: u64,
    /// Of those, by this run.
    pub by_this_run: u64,
    /// Of those, before this run: by an earlier one, or found on the platform.
    pub before: u64,
    /// Not on the platform, or not known to be.
    pub undone: u64,
}

impl DoneCount {
    /// Returns the count of what was done by this run and before it, out of what was asked for.
    pub fn new(by_this_run: u64, before: u64, asked: u64) -> DoneCount {
        let done = by_this_run + before;
        DoneCount { done, by_this_run, before, undone: asked.saturating_sub(done) }
    }
}

/// One file under one profile.
#[derive(Clone, Debug, Serialize)]
pub struct FileEntry {
    /// The path as given, joined with `/`; lossy when the name is not UTF-8.
    pub path: String,
    /// The exact bytes of a name that is not UTF-8, percent-encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_raw: Option<String>,
    /// The profile.
    pub profile: String,
    /// How the file ended, apart from its delivery.
    #[serde(skip)]
    pub ending: Ending,
    /// The verdict on the source.
    pub verdict: Verdict,
    /// What `greenlit fix` would do, for the advice of a check; `None` if it was not planned.
    #[serde(skip)]
    pub forecast: Option<FixForecast>,
    /// Why there is no verdict, for `unreadable`, `skipped` and operational failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The media facts; `None` if the file could not be read.
    pub media: Option<Media>,
    /// The findings of the rules, worst first.
    pub findings: Vec<Finding>,
    /// Rules that could not be decided because a fact is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<RuleId>,
    /// Why `--deep` did not decode the file; `None` if it did, or was not asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_decoded: Option<String>,
    /// The result of the fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// The state of the upload and of the ads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// What of the isolation of the media workers the system or an option refused, for readers of single entries;
    /// empty if nothing is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isolation_refused: Vec<String>,
}

/// The result of fixing a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fix {
    /// The kind of change.
    pub action: FixAction,
    /// The path of the output; `None` if there is no output.
    pub output: Option<String>,
    /// Each step with its reason, as text.
    pub steps: Vec<String>,
    /// Streams of the source that the output leaves out.
    pub dropped: Vec<Dropped>,
    /// Content of the output that the source does not have.
    pub added: Vec<Added>,
    /// What becomes of the audio, for the wording of `action`.
    #[serde(skip)]
    pub audio: AudioOutcome,
    /// Why a cheaper change was not enough, or why there is no output.
    pub reason: Option<String>,
    /// The refusal class, from a closed list, if there is no output.
    pub refusal: Option<&'static str>,
    /// The video encoder; `None` if the video was copied or there is no output.
    pub encoder: Option<&'static str>,
    /// The verification of the output; `None` if there is no output.
    pub verified: Option<Verified>,
    /// Whether the output was there already, made by an earlier run or with the same bytes, so that this run only
    /// kept it.
    pub reused: bool,
    /// The source with the same bytes for which the output was made, if this one is a copy of that.
    pub same_as: Option<String>,
}

/// A stream of the source that the output leaves out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dropped {
    /// Index of the stream in the source.
    pub stream: u32,
    /// `video`, `audio`, `data`, `subtitle` or `attachment`.
    pub kind: &'static str,
    /// FFmpeg's codec name, or the four-character code.
    pub codec: Option<String>,
    /// The language that the container declares.
    pub language: Option<String>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
    /// Why it is left out.
    pub reason: String,
}

impl From<&DroppedStream> for Dropped {
    fn from(stream: &DroppedStream) -> Dropped {
        Dropped {
            stream: stream.stream,
            kind: match stream.kind {
                StreamType::Video => "video",
                StreamType::Audio => "audio",
                StreamType::Other(kind) => kind_name(kind),
            },
            codec: stream.codec.clone(),
            language: stream.language.clone(),
            duration_s: stream.duration_s,
            reason: stream.reason.clone(),
        }
    }
}

/// Content of the output that the source does not have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Added {
    /// `silence`, `held-frame`, `repetition` or `borders`.
    pub kind: &'static str,
    /// How long it lasts in seconds; `None` if it is part of every frame, or unknown.
    pub duration_s: Option<f64>,
    /// Why it is added.
    pub reason: String,
}

impl From<&Addition> for Added {
    fn from(addition: &Addition) -> Added {
        let Addition { kind, held: _, duration_s, reason } = addition;
        Added { kind: kind.name(), duration_s: *duration_s, reason: reason.clone() }
    }
}

/// The kind of change, from none to failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixAction {
    /// Nothing to do.
    None,
    /// The compliant file was copied to the output folder.
    Copy,
    /// All streams were copied into a new container.
    Remux,
    /// The audio was re-encoded and the video copied.
    ReencodeAudio,
    /// The video was re-encoded and the audio copied.
    ReencodeVideo,
    /// Video and audio were re-encoded.
    Reencode,
    /// The fix is not possible, or needs consent.
    Refused,
    /// The fix was attempted and failed.
    Failed,
}

impl FixAction {
    /// Returns the name used in the report.
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

/// The verification that an output complies and shows the same content as its source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// The verdict on the output.
    pub verdict: Verdict,
    /// Number of copied streams whose packets, read back from the output, are bit-identical to the source.
    pub identical_streams: usize,
    /// Video frames decoded from the output; `None` if decoding was not requested, or the video was
    /// copied and verified by its packets.
    pub decoded_frames: Option<u64>,
    /// Number of errors while decoding the output.
    pub decode_errors: Option<u64>,
    /// Duration of the output minus the planned duration, in seconds.
    pub duration_delta_s: Option<f64>,
    /// The visual similarity of output and source.
    pub similarity: Option<Similarity>,
    /// The rules whose warnings and advice the output still has.
    pub remaining: Vec<RuleId>,
    /// The damage of the source that the decoder concealed, with consent.
    pub concealed: Option<SourceDamage>,
}

/// The state of the upload and of the ads of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delivery {
    /// The state of the asset.
    pub state: String,
    /// The video id on the platform.
    pub video_id: Option<String>,
    /// Number of uploads of this asset so far.
    pub attempts: u32,
    /// The reason for that state, if it needs one.
    pub reason: Option<String>,
    /// The ads that use the video, or its post.
    pub ads: Vec<AdDelivery>,
    /// What `ads` are.
    pub publication: Publication,
    /// Whether the run was cut off before it was done, which is the reason.
    #[serde(skip)]
    pub stopped: bool,
}

/// What is created from a video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publication {
    /// Ads.
    #[default]
    Ad,
    /// A post.
    Post,
    /// A draft in the creator's inbox.
    Draft,
}

impl Publication {
    /// Returns the word for one.
    pub fn name(self) -> &'static str {
        match self {
            Publication::Ad => "ad",
            Publication::Post => "post",
            Publication::Draft => "draft",
        }
    }
}

/// One ad of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AdDelivery {
    /// Row in the manifest, from 1.
    pub row: u64,
    /// The state of the ad.
    pub state: String,
    /// The ad id on the platform.
    pub ad_id: Option<String>,
    /// The reason for that state, if it needs one.
    pub reason: Option<String>,
    /// What a person must settle.
    pub problem: Option<RowProblem>,
    /// Whether it was not reached because of its video, whose reason is its reason.
    #[serde(skip)]
    pub awaits_video: bool,
}

/// What a person must settle about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowProblem {
    /// The row changed since its ad or post was published, which stays as it is.
    RowChanged,
    /// The ad was published with another video.
    VideoReplaced,
    /// The landing page does not answer.
    LandingPage,
    /// The cover changed after it was checked.
    CoverChanged,
}

/// The media facts of a file, as the report shows them.
#[derive(Clone, Debug, Serialize)]
pub struct Media {
    pub(super) container: Option<String>,
    pub(super) size_bytes: u64,
    pub(super) duration_s: Option<f64>,
    pub(super) measured_duration_s: Option<f64>,
    pub(super) contradicted_duration_s: Option<f64>,
    pub(super) second_recording_byte: Option<u64>,
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
    pub(super) clock_jumps_s: Vec<f64>,
    /// Whether the file is a still image.
    pub(super) still: bool,
    /// The positions of the main streams in `video` and `audio`.
    #[serde(skip)]
    pub(super) main: (Option<usize>, Option<usize>),
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
    pub(super) encryption: Option<String>,
    pub(super) empty: bool,
    pub(super) language: Option<String>,
    pub(super) default: Option<bool>,
    pub(super) enabled: Option<bool>,
    pub(super) first_decodable_s: Option<f64>,
    pub(super) undecodable_frames: Option<u64>,
    pub(super) frame_sizes: Vec<Size>,
    pub(super) lost_frames: Vec<FrameLoss>,
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
    pub(super) encryption: Option<String>,
    pub(super) empty: bool,
    pub(super) language: Option<String>,
    pub(super) default: Option<bool>,
    pub(super) enabled: Option<bool>,
    pub(super) title: Option<String>,
    pub(super) same_as: Option<u32>,
    pub(super) lost_frames: Vec<FrameLoss>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Other {
    pub(super) index: u32,
    pub(super) kind: &'static str,
    pub(super) codec: Option<String>,
}

impl From<MediaFacts> for Media {
    fn from(facts: MediaFacts) -> Media {
        let still = facts.still_image().is_some();
        let main_video = facts.main_video().map(|stream| stream.index);
        let main_audio = facts.main_audio().map(|stream| stream.index);
        let main = (
            facts.video.iter().position(|stream| Some(stream.index) == main_video),
            facts.audio.iter().position(|stream| Some(stream.index) == main_audio),
        );
        Media {
            container: facts.container,
            size_bytes: facts.size_bytes,
            duration_s: facts.duration_s,
            measured_duration_s: facts.measured_duration_s,
            contradicted_duration_s: facts.contradicted_duration_s,
            second_recording_byte: facts.second_recording_byte,
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
            clock_jumps_s: facts.clock_jumps_s,
            still,
            main,
        }
    }
}

/// Returns the kind's name in the JSON, which has three kinds: cover art counts as an attachment.
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
            encryption: stream.encryption,
            empty: stream.empty,
            language: stream.language,
            default: stream.default,
            enabled: stream.enabled,
            first_decodable_s: stream.first_decodable_s,
            undecodable_frames: stream.undecodable_frames,
            frame_sizes: stream.frame_sizes,
            lost_frames: stream.lost_frames,
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
            encryption: stream.encryption,
            empty: stream.empty,
            language: stream.language,
            default: stream.default,
            enabled: stream.enabled,
            title: stream.title,
            same_as: stream.same_as,
            lost_frames: stream.lost_frames,
        }
    }
}

impl Report {
    /// Builds a report from `files`, sorting and counting them.
    pub fn new(
        tool: Tool,
        profiles: Vec<String>,
        mut files: Vec<FileEntry>,
        elapsed_s: f64,
        interrupted: bool,
    ) -> Report {
        if let Some(refused) = &tool.isolation_refused {
            files.iter_mut().for_each(|entry| entry.isolation_refused.clone_from(refused));
        }
        files.sort_by(|a, b| (&a.path, &a.path_raw, &a.profile).cmp(&(&b.path, &b.path_raw, &b.profile)));
        let summary = Summary { elapsed_s, ..Summary::of(&files) };
        let old_limits = Vec::new();
        let (stale, stopped, named_profiles) = (Vec::new(), None, Vec::new());
        let publication = Publication::default();
        Report {
            schema: SCHEMA,
            tool,
            profiles,
            summary,
            files,
            interrupted,
            old_limits,
            stale,
            stopped,
            publication,
            named_profiles,
        }
    }

    /// Returns the report with outputs whose source is gone.
    #[must_use]
    pub fn with_stale(mut self, stale: Vec<StaleEntry>) -> Report {
        self.stale = stale;
        self
    }

    /// Returns the report with the counts of a delivery, and why it was cut off, if it was.
    #[must_use]
    pub fn with_delivery(
        mut self,
        uploads: DoneCount,
        (publication, publications): (Publication, DoneCount),
        stopped: Option<String>,
    ) -> Report {
        self.summary.uploads = Some(uploads);
        match publication {
            Publication::Ad => self.summary.ads = Some(publications),
            Publication::Post | Publication::Draft => self.summary.posts = Some(publications),
        }
        self.publication = publication;
        self.stopped = stopped;
        self
    }

    /// Returns the report with the profiles as the command line names them.
    #[must_use]
    pub fn with_named_profiles(mut self, named_profiles: Vec<String>) -> Report {
        self.named_profiles = named_profiles;
        self
    }

    /// Returns the report with limits that have not been compared with their source recently.
    #[must_use]
    pub fn with_old_limits(mut self, old_limits: Vec<OldLimit>) -> Report {
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

    /// Adds one file to the counts.
    pub fn count(&mut self, file: &FileEntry) {
        self.files += 1;
        *match file.verdict {
            Verdict::Compliant => &mut self.compliant,
            Verdict::Noncompliant => &mut self.noncompliant,
            Verdict::Indeterminate => &mut self.indeterminate,
            Verdict::Unreadable => &mut self.unreadable,
            Verdict::Skipped => &mut self.skipped,
        } += 1;
        self.undelivered += u64::from(file.is_undelivered());
        let ads = file.delivery.iter().flat_map(|delivery| &delivery.ads);
        self.unsent_changes += ads.filter(|ad| ad.is_unsent_change()).count() as u64;
        let made = file.fix.as_ref().is_some_and(|fix| fix.output.is_some());
        match file.fix.as_ref().map(|fix| fix.action) {
            Some(FixAction::Refused) => self.refused += 1,
            Some(FixAction::Failed) if file.ending == Ending::Interrupted => {}
            Some(FixAction::Failed) => self.failed += 1,
            Some(FixAction::Copy) if file.verdict == Verdict::Noncompliant => self.fixed += u64::from(made),
            Some(FixAction::None | FixAction::Copy) | None => {}
            // A dry run has no output.
            Some(_) => self.fixed += u64::from(made),
        }
    }
}
