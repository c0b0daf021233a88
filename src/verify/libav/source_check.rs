//! Checks the source for lost frames, which the constant frame rate of the output would hide.

use std::sync::Arc;

use ffmpeg_next::ffi;

use super::decode_progress::decode_progress;
use super::output_checks::check_reading;
use crate::job::{FailureCause, JobError, Progress, VerifyReport};
use crate::libav::decoder::{Decoder, hides_errors};
use crate::libav::file::share;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::libav::source_reading::{SourceReading, VideoReading};
use crate::libav::start_cut::StartCut;
use crate::libav::time::NOPTS;
use crate::libav::timestamp_gaps::{DecodeAction, DecodeSpans, Gap};
use crate::libav::verify_tap::WrittenOutput;
use crate::model::{Codec, SourceDamage, count};
use crate::plan::{OutputSpec, VideoPlan};
use crate::verify::thresholds::{GAP_FRAMES, LOST_FRAMES};

/// Reports read and decode errors of the source, and runs a strict decoder over gaps between frames.
pub(super) fn check_source(
    output: WrittenOutput<'_>,
    progress: &mut dyn FnMut(Progress),
    report: &mut VerifyReport,
) -> Result<(), JobError> {
    let WrittenOutput { spec, reading, .. } = output;
    let SourceReading { mut damage, video, read_errors, .. } = reading;
    let (Some(VideoPlan::Encode(plan)), Some(video)) = (&spec.video, video) else {
        check_reading(read_errors, report);
        report.add_source_damage(damage, spec.conceal);
        return Ok(());
    };
    let countable = video.codec.as_ref().is_none_or(Codec::has_frame_per_packet);
    let missing = video.lost_packets.filter(|&missing| countable && missing > LOST_FRAMES).unwrap_or(0);
    let mut strict = |spans| {
        let mut source = Input::open(share(output.input)?, output.name, Arc::clone(output.cancel))?;
        strict_decode_errors(&mut source, spec, plan.stream, spans, &mut *progress)
    };
    if spec.conceal {
        if missing > damage.error_count {
            damage.error_count = missing;
            damage.errors.extend(video.without_frame);
        }
        damage.error_count += read_errors;
        damage.errors.extend(reading.unread);
        if hides_errors(video.codec.as_ref()) {
            let strict = strict(None)?;
            if strict.error_count > damage.error_count {
                damage.error_count = strict.error_count;
                damage.errors.retain(|error| error.stream != plan.stream);
                damage.errors.extend(strict.errors);
            }
        }
        report.add_source_damage(damage, true);
        return Ok(());
    }
    check_reading(read_errors, report);
    report.add_source_damage(damage, false);
    if video.error_count > 0 {
        return Ok(());
    }
    if missing > 0 {
        report.fail_because(
            FailureCause::Source,
            format!("{missing} video packets of the source gave no frame, at most {LOST_FRAMES} allowed"),
        );
    }
    let (misplaced, first_s) = video.misplaced;
    if misplaced > LOST_FRAMES {
        report.fail(format!(
            "{misplaced} frames are shown at other times than the source states, the first at {:.3} s",
            first_s.unwrap_or_default()
        ));
    }
    check_gaps(&video, &mut strict, report)
}

/// Runs a strict decoder over gaps between frames, and over all frames if it finds an error there.
fn check_gaps(
    video: &VideoReading,
    strict: &mut dyn FnMut(Option<DecodeSpans>) -> Result<SourceDamage, JobError>,
    report: &mut VerifyReport,
) -> Result<(), JobError> {
    let (frame_s, gaps) = (video.frame_s, &video.gaps);
    let widest = gaps.widest();
    let widest_s = widest.map_or(0.0, |gap| gap.length_s);
    // A video cut out of a longer one may begin with frames whose references are missing.
    let leading_limit_s = (LOST_FRAMES as f64 + GAP_FRAMES) * frame_s;
    let leading = gaps.leading().filter(|gap| gap.length_s > leading_limit_s.max(widest_s));
    let gap = leading.or(widest).filter(|gap| gap.length_s > GAP_FRAMES * frame_s);
    if gap.is_none() && !gaps.has_joints() {
        return Ok(());
    }
    let spans = gaps.spans_around(GAP_FRAMES * frame_s);
    if spans.is_some() && strict(spans)?.is_none() {
        return Ok(());
    }
    // A decoder that starts within the stream may report false errors, so only a full decode counts.
    let lost = strict(None)?;
    if !lost.is_none() {
        let errors = count(lost.error_count, "error", "errors");
        let place = match gap {
            Some(Gap { length_s, at_s, .. }) => {
                format!("its video has a gap of {length_s:.2} s at {at_s:.2} s")
            }
            None => "its clock jumps, as where recordings are joined".to_owned(),
        };
        report.fail_because(FailureCause::Source, format!(
            "frames are missing from the source: {place}, and a strict decoder reported {errors}, expected none"
        ));
    }
    Ok(())
}

/// Returns the errors of a strict decoder over `spans` of a stream, or over all of it.
fn strict_decode_errors(
    input: &mut Input,
    spec: &OutputSpec,
    stream: u32,
    mut spans: Option<DecodeSpans>,
    progress: &mut dyn FnMut(Progress),
) -> Result<SourceDamage, JobError> {
    let mut packets = 0;
    let total_s = input.duration_s();
    let mut decoder = Decoder::for_error_check(input, stream, spec.threads)?;
    let untimed = input.lacks_timestamps();
    let cut = || StartCut::new(spec.start_s, decoder.base(), untimed);
    let mut start_cut = spec.cut_before_start.then(cut);
    let mut packet = Packet::new()?;
    while input.read(&mut packet)? {
        let raw = packet.get();
        let cut = |cut: &mut StartCut| cut.cuts(&packet);
        if raw.stream_index != stream as i32 || start_cut.as_mut().is_some_and(cut) {
            continue;
        }
        packets += 1;
        let key = raw.flags & ffi::AV_PKT_FLAG_KEY != 0;
        let action = match &mut spans {
            Some(spans) if raw.pts != NOPTS => spans.action(key, raw.pts),
            _ => DecodeAction::Continue,
        };
        if action == DecodeAction::AfterFlush {
            decoder.feed(None, &mut |_| Ok(()))?;
            decoder.flush();
        }
        if action != DecodeAction::Skip {
            decoder.feed(Some(&packet), &mut |_| Ok(()))?;
        }
        progress(decode_progress(&decoder, &packet, total_s));
    }
    decoder.feed(None, &mut |_| Ok(()))?;
    let (error_count, errors) = (decoder.damage_count, decoder.damage);
    Ok(SourceDamage { packets, error_count, errors, at_least: false, heavy: false })
}
