//! The ladder: nothing, copy, remux, one stream, both, refuse.

use crate::model::{Completeness, EditListKind, HdrKind, MediaFacts, Size, VideoStream};
use crate::profile::{Profile, Severity};
use crate::rules::{Assessment, Finding, Remedy};

use super::fit::{Geometry, binding, geometry};
use super::options::{Extend, Fit, FixOptions, Machine};
use super::outcome::{Action, Applicability, FixPlan, Step};
use super::refusal::{Refusal, Refused};
use super::spec::{
    AudioPlan, Canvas, ExtendKind, Extension, Fill, OutputContainer, OutputSpec, ToneMap, VideoEncode,
    VideoPlan, VideoTags, X264Profile,
};
use super::{rates, sound};

/// Video codecs an MP4 carries everywhere.
const IN_MP4: &[&str] = &["h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video"];
/// Containers, by FFmpeg's names, that hold pictures and no times.
const WITHOUT_TIMES: &[&str] = &[
    "avs2",
    "avs3",
    "cavsvideo",
    "dirac",
    "dnxhd",
    "h261",
    "h263",
    "h264",
    "hevc",
    "m4v",
    "mjpeg",
    "mpegvideo",
    "obu",
    "vc1",
    "vvc",
];
/// The longest last picture, in seconds, of a file that is whole by all it declares: makers of short
/// animations let it stand for a few seconds.
const WHOLE_HOLD_S: f64 = 5.0;
/// As [`WHOLE_HOLD_S`], where a cut could have passed unseen: clocks of broadcast and streaming
/// containers are off by less than this.
const UNPROVEN_HOLD_S: f64 = 1.0;
/// The longer side of recipe 2 and 3, in pixels.
const CORE_SIDE: f64 = 1920.0;
const CONSERVATIVE_SIDE: f64 = 1280.0;

/// Plans the least-loss remedy that makes the file comply.
pub fn plan(
    facts: &MediaFacts,
    assessment: &Assessment,
    profile: &Profile,
    options: &FixOptions,
    machine: &Machine,
) -> FixPlan {
    if assessment.is_picture() {
        return for_picture(assessment, profile);
    }
    match Planner::new(facts, assessment, profile, options, machine).plan() {
        Ok(plan) => plan,
        Err(refused) => FixPlan::refused(refused),
    }
}

/// Pictures are copied or refused: how a picture shall look in another size or kind is for a person.
fn for_picture(assessment: &Assessment, profile: &Profile) -> FixPlan {
    let name = |finding: &&Finding| finding.rule == "file-name";
    let mut errors = assessment.findings().iter().filter(|finding| finding.severity == Severity::Error);
    if let Some(finding) = errors.find(|finding| !name(finding)) {
        let reason = format!("{}: export the picture again", finding.message);
        return FixPlan::refused(Refusal::StillPicture.because(reason));
    }
    if let Some(rule) = assessment.unknown().first() {
        let reason = format!("too little is known about the picture: rule `{rule}` cannot be decided");
        return FixPlan::refused(Refusal::Undecided.because(reason));
    }
    let max_name_chars = profile.limits("file-name").and_then(|limits| limits.number("max_chars"));
    FixPlan { max_name_chars: max_name_chars.map(|max| max as usize), ..FixPlan::copy() }
}

struct Planner<'a> {
    facts: &'a MediaFacts,
    assessment: &'a Assessment,
    profile: &'a Profile,
    options: &'a FixOptions,
    machine: &'a Machine,
    steps: Vec<Step>,
}

/// The length of the output.
#[derive(Clone, Copy, Default)]
struct Length {
    trim_to_s: Option<f64>,
    extend: Option<Extension>,
    expected_s: Option<f64>,
}

impl<'a> Planner<'a> {
    fn new(
        facts: &'a MediaFacts,
        assessment: &'a Assessment,
        profile: &'a Profile,
        options: &'a FixOptions,
        machine: &'a Machine,
    ) -> Planner<'a> {
        Planner { facts, assessment, profile, options, machine, steps: Vec::new() }
    }

    fn plan(mut self) -> Result<FixPlan, Refused> {
        let video = self.worth_fixing()?;
        let length = self.length()?;
        let why_video = self.why_encode_video(video, &length);
        let trouble = self.trouble_beyond_copying(video, &length);
        if why_video.is_none()
            && trouble.is_none()
            && !self.wants_remux()
            && let Some(plan) = self.without_remux()?
        {
            return Ok(plan);
        }
        let encodes_video = why_video.is_some() || trouble.is_some();
        let sound = sound::plan(
            self.facts,
            self.assessment,
            self.profile,
            self.options,
            trouble.as_deref(),
            encodes_video,
        )?;
        let geometry = if encodes_video { Some(self.geometry(video)?) } else { None };
        let plan_video = match &geometry {
            None => VideoPlan::Copy { stream: video.index, tags: self.copy_tags(video) },
            Some(geometry) => VideoPlan::Encode(Box::new(self.encode(video, geometry, &length, &sound)?)),
        };
        let why = why_video.or(trouble).or_else(|| sound.why.clone()).or_else(|| self.why_remux());
        self.explain(&plan_video, why.clone(), &sound);
        let container = self.container()?;
        let extension = container.extension();
        let threads = match &plan_video {
            VideoPlan::Encode(encode) => {
                let size = encode.canvas.as_ref().map_or(encode.scale, |canvas| canvas.size);
                rates::threads(size, encode.frame_rate, self.facts, self.machine)
            }
            VideoPlan::Copy { .. } => 1,
        };
        let spec = OutputSpec {
            container,
            video: Some(plan_video),
            audio: sound.plan,
            trim_to_s: length.trim_to_s,
            extend: length.extend,
            strip_metadata: self.has("metadata-privacy", Severity::Advice),
            drop_edit_list: false,
            start_s: self.start_s(video),
            expected_duration_s: length.expected_s.or_else(|| self.whole_length(video, encodes_video)),
            max_hold_s: if encodes_video { self.max_hold_s() } else { 0.0 },
            expected_frames: None,
            threads,
            max_size_bytes: rates::max_bytes(self.profile),
        };
        Ok(self.finish(spec, extension, why))
    }

    /// Where the film begins on the source's clock: transport streams rarely begin at zero. What both
    /// streams share is taken off; what lies between them stays.
    fn start_s(&self, video: &VideoStream) -> f64 {
        let sound = self.facts.main_audio().and_then(|audio| audio.start_s);
        let first = [video.start_s, sound].into_iter().flatten().reduce(f64::min);
        first.unwrap_or(0.0).max(0.0)
    }

    /// The length an encode must reach, so that a long last picture or a longer sound is not lost: what
    /// the container declares for the streams that stay. Fragments are timed from the start of a longer
    /// film, and so is the end that their container declares.
    fn whole_length(&self, video: &VideoStream, encodes_video: bool) -> Option<f64> {
        let start = self.start_s(video);
        let within_a_longer_film = self.facts.fragmented == Some(true) && start > 0.0;
        if self.is_without_times() || !(encodes_video || within_a_longer_film) {
            return None;
        }
        let sound = self.facts.main_audio().and_then(|audio| audio.duration_s);
        let kept = video.duration_s.map(|seconds| sound.map_or(seconds, |sound| seconds.max(sound)));
        let declared = kept.or_else(|| self.facts.effective_duration_s())?;
        Some(if within_a_longer_film && declared > start { declared - start } else { declared })
    }

    /// Whether the container holds pictures and no times; its duration is then a guess.
    fn is_without_times(&self) -> bool {
        self.facts.container.as_deref().is_some_and(|container| WITHOUT_TIMES.contains(&container))
    }

    /// How long the last picture may be held to reach the length that the container declares. Where
    /// each picture has its own length in the container, that is what counts; elsewhere the last one
    /// lasts until the end of the file, unless that is a cut file's.
    fn max_hold_s(&self) -> f64 {
        let own_lengths = matches!(self.facts.container.as_deref(), Some("mp4" | "mov" | "3gp"));
        match (own_lengths, &self.facts.completeness) {
            (true, _) => 0.0,
            (false, Completeness::Whole) => WHOLE_HOLD_S,
            (false, _) => UNPROVEN_HOLD_S,
        }
    }

    fn finish(self, spec: OutputSpec, extension: &str, reason: Option<String>) -> FixPlan {
        let action = match (&spec.video, &spec.audio) {
            (Some(VideoPlan::Encode(_)), Some(AudioPlan::Copy { .. }) | None) => Action::ReencodeVideo,
            (Some(VideoPlan::Encode(_)), _) => Action::Reencode,
            (_, Some(AudioPlan::Encode(_) | AudioPlan::Silence { .. })) => Action::ReencodeAudio,
            _ => Action::Remux,
        };
        let max_name_chars = self.name_limit();
        FixPlan {
            action,
            spec: Some(Box::new(spec)),
            steps: self.steps,
            reason,
            refusal: None,
            output_extension: Some(extension.to_owned()),
            max_name_chars,
        }
    }

    fn has(&self, rule: &str, severity: Severity) -> bool {
        self.assessment.has(rule, severity)
    }

    fn findings(&self, severity: Severity) -> impl Iterator<Item = &'a Finding> {
        let assessment = self.assessment;
        assessment.findings().iter().filter(move |finding| finding.severity >= severity)
    }

    /// What nobody can mend.
    fn worth_fixing(&self) -> Result<&'a VideoStream, Refused> {
        if let Completeness::Missing { .. } = self.facts.completeness {
            let finding = self.findings(Severity::Error).find(|finding| finding.rule == "integrity");
            let what = finding.map_or("data is missing".to_owned(), |finding| finding.message.clone());
            return Err(Refusal::MissingData.because(format!("{what}: export or copy the original again")));
        }
        let nothing = "the file has no moving picture: there is nothing to show";
        let video = self.facts.main_video().ok_or_else(|| Refusal::NoPicture.because(nothing))?;
        if let Some(still) = self.facts.still() {
            let reason = format!("the file is a still picture ({}): no film is made of it", still.format);
            return Err(Refusal::StillPicture.because(reason));
        }
        if !video.decodable {
            let codec = video.codec.as_deref().or(video.codec_tag.as_deref()).unwrap_or("unknown");
            let reason = format!("no decoder is known for the picture ({codec}): export it in another codec");
            return Err(Refusal::NoDecoder.because(reason));
        }
        if video.coded_size().is_none() {
            return Err(Refusal::UnknownSize.because(
                "the size of the picture is not known: the file is damaged or only part of a film",
            ));
        }
        let no_base =
            video.hdr.and_then(|hdr| hdr.dolby_vision).is_some_and(|vision| vision.compatibility == 0);
        if no_base {
            return Err(Refusal::NoTrueColours.because(
                "Dolby Vision without a compatible base layer cannot be read in true colours: \
                 export it as HDR10, HLG or standard range",
            ));
        }
        Ok(video)
    }

    /// The length of the output, by the limits and the consents.
    fn length(&mut self) -> Result<Length, Refused> {
        let Some(duration) = self.facts.effective_duration_s() else { return Ok(Length::default()) };
        let limit = |key| binding(self.profile, "duration").and_then(|limits| limits.number(key));
        if let Some(max) = limit("max_s").filter(|max| duration > max + 0.05) {
            if !self.options.trim {
                let reason = format!("the film lasts {duration:.1} s and may last {max} s: --trim cuts it");
                return Err(Refusal::NeedsTrim.because(reason));
            }
            // A frame below the limit, so that rounding in the container stays within it.
            let to = max - 0.05;
            self.step(
                format!("cut to {max} s, as agreed: it lasts {duration:.1} s"),
                Applicability::Consented,
            );
            return Ok(Length { trim_to_s: Some(to), extend: None, expected_s: Some(to) });
        }
        if let Some(min) = limit("min_s").filter(|min| duration < min - 0.05) {
            let Some(kind) = self.options.extend else {
                return Err(Refusal::NeedsExtend.because(format!(
                    "the film lasts {duration:.1} s and must last {min} s: --extend loop or --extend freeze makes it longer"
                )));
            };
            let (kind, word) = match kind {
                Extend::Loop => (ExtendKind::Loop, "played again"),
                Extend::Freeze => (ExtendKind::Freeze, "held on its last frame"),
            };
            let to_s = min + 0.1;
            self.step(
                format!("{word} up to {to_s} s, as agreed: it lasts {duration:.1} s"),
                Applicability::Consented,
            );
            return Ok(Length {
                trim_to_s: None,
                extend: Some(Extension { to_s, kind }),
                expected_s: Some(to_s),
            });
        }
        Ok(Length { expected_s: None, ..Length::default() })
    }

    /// The finding, or the circumstance, that makes an encode of the picture necessary.
    fn why_encode_video(&self, video: &VideoStream, length: &Length) -> Option<String> {
        if self.options.recipe >= 2 {
            return Some(
                "the platform failed to process the last version: everything is encoded anew".into(),
            );
        }
        let mut errors = self.findings(Severity::Error);
        if let Some(finding) = errors.find(|finding| finding.remedy == Remedy::ReencodeVideo) {
            return Some(finding.message.clone());
        }
        if length.extend.is_some() {
            return Some("a longer film needs new pictures".into());
        }
        let codec = video.codec.as_deref().unwrap_or("unknown");
        let remuxed = self.wants_remux() || self.wants_audio();
        if remuxed && self.is_without_times() {
            let container = self.facts.container.as_deref().unwrap_or_default();
            return Some(format!("a bare {container} stream does not say when its pictures are shown"));
        }
        (remuxed && !IN_MP4.contains(&codec)).then(|| format!("{codec} does not go into an MP4"))
    }

    /// Edits that a copy of packets cannot carry over: they are played out instead.
    fn trouble_beyond_copying(&self, video: &VideoStream, length: &Length) -> Option<String> {
        let lists =
            [Some(video.edit_list.as_ref()), self.facts.main_audio().map(|audio| audio.edit_list.as_ref())];
        let editing = lists.into_iter().flatten().flatten().find(|list| list.kind == EditListKind::Editing);
        let rewritten = self.must_remux() || self.wants_audio() || length.trim_to_s.is_some();
        if let Some(list) = editing.filter(|_| rewritten || self.options.recipe >= 2) {
            return Some(format!("an edit list changes the film ({}) and is played out", list.reason));
        }
        match (length.extend, self.options.recipe) {
            (Some(_), _) => Some("picture and sound are made longer together".into()),
            (None, 2..) => Some("everything is encoded anew".into()),
            (None, _) => None,
        }
    }

    /// The worst complaint that a new container clears.
    fn why_remux(&self) -> Option<String> {
        let lossless = |finding: &&Finding| {
            matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter | Remedy::Trim)
        };
        self.findings(Severity::Warning).find(lossless).map(|finding| finding.message.clone())
    }

    fn wants_audio(&self) -> bool {
        self.findings(Severity::Error).any(|finding| finding.remedy == Remedy::ReencodeAudio)
    }

    /// An error that only a new container clears.
    fn must_remux(&self) -> bool {
        self.findings(Severity::Error).any(|finding| {
            matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter) && !is_about_the_name(finding)
        }) || self.findings(Severity::Error).any(|finding| finding.remedy == Remedy::Trim)
    }

    /// An error or warning that a new container clears without loss. A film whose edit list must be
    /// played out is left alone for a warning: that would cost a generation.
    fn wants_remux(&self) -> bool {
        let editing = self.has("edit-list", Severity::Advice);
        let warned = self.findings(Severity::Warning).any(|finding| {
            matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter) && !is_about_the_name(finding)
        });
        self.must_remux() || (warned && !editing && self.copyable())
    }

    /// Whether every stream that stays can go into an MP4 as it is.
    fn copyable(&self) -> bool {
        let video = self.facts.main_video().and_then(|video| video.codec.as_deref());
        let audio = self.facts.main_audio().map(|audio| audio.codec.as_deref());
        let audio_fits =
            audio.is_none_or(|codec| matches!(codec, Some("aac" | "mp3" | "ac3" | "eac3" | "opus" | "alac")));
        video.is_some_and(|codec| IN_MP4.contains(&codec)) && audio_fits
    }

    /// A plain copy, under another name where the name is at fault.
    fn without_remux(&mut self) -> Result<Option<FixPlan>, Refused> {
        if self.findings(Severity::Error).any(|finding| !is_about_the_name(finding)) {
            let unsolved = self.findings(Severity::Error).find(|finding| !is_about_the_name(finding));
            let refuse = unsolved.filter(|finding| matches!(finding.remedy, Remedy::Refuse | Remedy::None));
            return match refuse {
                Some(finding) if finding.rule.starts_with("audio") => Ok(None),
                Some(finding) => {
                    Err(Refusal::NoRemedy.because(format!("{}: nothing here can mend that", finding.message)))
                }
                None => Ok(None),
            };
        }
        if let Some(rule) = self.assessment.unknown().first() {
            let reason = format!("too little is known about the file: rule `{rule}` cannot be decided");
            return Err(Refusal::Undecided.because(reason));
        }
        let mut plan = FixPlan::copy();
        let named =
            self.findings(Severity::Warning).filter(|finding| finding.rule == "extension").count() > 0;
        if named {
            let container = self.facts.container.as_deref().unwrap_or_default();
            let allowed =
                self.profile.limits("extension").map(|limits| limits.words("allow")).unwrap_or_default();
            let natural = crate::rules::words::extensions_of(container);
            let Some(right) =
                natural.iter().find(|ext| allowed.is_empty() || allowed.iter().any(|a| a == *ext))
            else {
                return Ok(None);
            };
            plan.output_extension = Some((*right).to_owned());
            plan.steps.push(lossless(format!("named .{right}, which is what the file is")));
        }
        plan.max_name_chars = self.name_limit();
        if self.has("file-name", Severity::Error) {
            plan.steps.push(lossless("given a shorter name".to_owned()));
        }
        plan.reason = plan.steps.first().map(|step| step.text.clone()).or_else(|| self.why_left_alone());
        Ok(Some(plan))
    }

    /// Why a film with complaints stays as it is.
    fn why_left_alone(&self) -> Option<String> {
        let finding = self.findings(Severity::Warning).find(|finding| finding.remedy != Remedy::None)?;
        let cost = if matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter) {
            "clearing that here means encoding again"
        } else {
            "clearing that costs quality"
        };
        Some(format!("left as it is: {}, but the platform accepts it and {cost}", finding.message))
    }

    /// The limit on names: a new extension may carry a name over it that kept it before.
    fn name_limit(&self) -> Option<usize> {
        self.profile.limits("file-name")?.number("max_chars").map(|max| max as usize)
    }

    fn container(&self) -> Result<OutputContainer, Refused> {
        let allowed =
            self.profile.limits("container").map(|limits| limits.words("allow")).unwrap_or_default();
        let takes = |name: &str| allowed.is_empty() || allowed.iter().any(|container| container == name);
        if takes("mp4") {
            Ok(OutputContainer::Mp4)
        } else if takes("mov") {
            Ok(OutputContainer::Mov)
        } else {
            Err(Refusal::Container.because(format!(
                "the profile allows only {}, and none of them can be written",
                allowed.join(", ")
            )))
        }
    }

    fn geometry(&mut self, video: &VideoStream) -> Result<Geometry, Refused> {
        let shown = video
            .display_size()
            .ok_or_else(|| Refusal::UnknownSize.because("the size of the picture is not known"))?;
        let cap = match self.options.recipe {
            2 => Some(CORE_SIDE),
            3.. => Some(CONSERVATIVE_SIDE),
            _ => None,
        };
        let found = geometry(shown, self.profile, self.options.fit, cap).ok_or_else(|| {
            let reason = format!("no size within the limits keeps the shape of the picture ({shown})");
            Refusal::NoSize.because(reason)
        })?;
        if found.enlarged > 1.0 + 1e-6 {
            let result = found.canvas.unwrap_or(found.picture);
            if !self.options.upscale {
                return Err(Refusal::NeedsUpscale.because(format!(
                    "the picture is {shown} and must be enlarged to {result}: --upscale allows it"
                )));
            }
            self.step(
                format!("enlarged from {shown} to {}, as agreed", found.picture),
                Applicability::Consented,
            );
        }
        Ok(found)
    }

    fn encode(
        &mut self,
        video: &VideoStream,
        geometry: &Geometry,
        length: &Length,
        sound: &sound::Sound,
    ) -> Result<VideoEncode, Refused> {
        let conservative = self.options.recipe >= 3;
        let cap = if self.options.recipe >= 2 { 30.0 } else { 60.0 };
        let (frame_rate, own_rate) = rates::frame_rate(video, self.profile, cap);
        let audio_bits = match &sound.plan {
            Some(AudioPlan::Encode(encode)) => encode.bit_rate,
            Some(AudioPlan::Silence { bit_rate, .. }) => *bit_rate,
            Some(AudioPlan::Copy { .. }) => {
                self.facts.main_audio().and_then(|audio| audio.bit_rate).unwrap_or(320_000)
            }
            None => 0,
        };
        let duration = length.expected_s.or(self.facts.effective_duration_s());
        let rate = rates::rate_control(self.options.crf, self.profile, duration, audio_bits)?;
        let profile = self.x264_profile(conservative);
        let b_frames = if conservative || self.main_only() { 0 } else { 2 };
        if !own_rate {
            self.step(
                format!(
                    "constant {} frames a second",
                    crate::rules::words::rate(frame_rate).trim_end_matches(" fps")
                ),
                Applicability::Lossy,
            );
        }
        if let Some(reason) = &self.options.encoder_fallback {
            self.step(format!("encoder x264, because {reason}"), Applicability::Lossy);
        }
        let fill = match self.options.fit {
            Fit::Blur => Fill::Blur,
            Fit::Pad | Fit::Crop => Fill::Color(self.options.background.clone()),
        };
        Ok(VideoEncode {
            stream: video.index,
            deinterlace: self.has("interlaced", Severity::Advice),
            tone_map: tone_map(video),
            flip: video.flip,
            rotate: video.rotation,
            crop: geometry.crop,
            scale: geometry.picture,
            canvas: geometry.canvas.map(|size| Canvas { size, fill }),
            alpha_background: (video.alpha == Some(true)).then(|| self.options.background.clone()),
            frame_rate,
            rate,
            encoder: self.options.encoder,
            preset: self.options.preset,
            profile,
            level: None,
            gop_frames: ((frame_rate.as_f64() * 2.0).round() as u32).max(1),
            b_frames,
        })
    }

    /// HEVC under the tag that Apple's players know; colour declared where its absence counts.
    fn copy_tags(&self, video: &VideoStream) -> VideoTags {
        let codec = video.codec.as_deref();
        let rewritable = matches!(codec, Some("h264" | "hevc")) && video.hdr.is_none();
        let limited = video.color.range.as_deref() != Some("pc");
        VideoTags {
            codec_tag: (codec == Some("hevc")).then(|| "hvc1".to_owned()),
            declare_bt709: rewritable && limited && self.has("color", Severity::Warning),
            ..VideoTags::default()
        }
    }

    fn main_only(&self) -> bool {
        let allowed =
            self.profile.limits("video-profile").map(|limits| limits.words("allow")).unwrap_or_default();
        !allowed.is_empty() && !allowed.iter().any(|profile| profile == "High")
    }

    fn x264_profile(&self, conservative: bool) -> X264Profile {
        if conservative || self.main_only() { X264Profile::Main } else { X264Profile::High }
    }

    fn step(&mut self, text: String, applicability: Applicability) {
        self.steps.push(Step { text, applicability });
    }

    /// Says what is done to each stream, with the finding that asks for it.
    fn explain(&mut self, video: &VideoPlan, why_video: Option<String>, sound: &sound::Sound) {
        match video {
            VideoPlan::Encode(encode) => {
                let why = why_video.unwrap_or_default();
                self.step(format!("picture encoded again as H.264: {why}"), Applicability::Lossy);
                for text in describe(encode, self.facts) {
                    self.step(text, Applicability::Lossy);
                }
            }
            VideoPlan::Copy { .. } => self.step("picture copied bit for bit".into(), Applicability::Lossless),
        }
        match (&sound.plan, &sound.why) {
            (Some(AudioPlan::Copy { .. }), _) => {
                self.step("sound copied bit for bit".into(), Applicability::Lossless)
            }
            (Some(AudioPlan::Encode(_)), Some(why)) => {
                self.step(format!("sound encoded again as AAC stereo, 48 kHz: {why}"), Applicability::Lossy);
            }
            (Some(AudioPlan::Silence { .. }), Some(why)) => self.step(why.clone(), Applicability::Consented),
            _ => {}
        }
        let remuxes: Vec<String> = self
            .findings(Severity::Warning)
            .filter(|finding| matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter))
            .map(|finding| format!("new container: {}", finding.message))
            .collect();
        for text in remuxes {
            self.step(text, Applicability::Lossless);
        }
    }
}

fn lossless(text: String) -> Step {
    Step { text, applicability: Applicability::Lossless }
}

fn is_about_the_name(finding: &Finding) -> bool {
    matches!(finding.rule.as_str(), "extension" | "file-name")
}

fn tone_map(video: &VideoStream) -> Option<ToneMap> {
    let hdr = video.hdr?;
    let from = match (hdr.kind, hdr.dolby_vision.map(|vision| vision.compatibility)) {
        (HdrKind::DolbyVision, Some(4)) => HdrKind::Hlg,
        // Compatible with standard range: nothing to map.
        (HdrKind::DolbyVision, Some(2)) => return None,
        (HdrKind::DolbyVision, _) => HdrKind::Hdr10,
        (kind, _) => kind,
    };
    Some(ToneMap { from })
}

/// What the encode changes about the picture, in words.
fn describe(encode: &VideoEncode, facts: &MediaFacts) -> Vec<String> {
    let mut texts = Vec::new();
    if encode.rotate.degrees() != 0 || encode.flip.is_some() {
        texts.push("turned upright".to_owned());
    }
    if encode.deinterlace {
        texts.push("deinterlaced".to_owned());
    }
    if encode.tone_map.is_some() {
        texts.push("tone-mapped to standard range, BT.709".to_owned());
    }
    if encode.crop.is_some() {
        texts.push(format!("cropped to {}", encode.scale));
    }
    if let Some(canvas) = &encode.canvas {
        let how = if canvas.fill == Fill::Blur { "over its own blurred picture" } else { "with borders" };
        texts.push(format!("fitted into {} {how}", canvas.size));
    }
    let shown = facts.main_video().and_then(|video| video.display_size()).unwrap_or(Size::new(0, 0));
    if encode.scale.width < shown.width && encode.crop.is_none() {
        texts.push(format!("scaled from {shown} to {}", encode.scale));
    }
    texts
}
