//! Looks for what the source lost before it came here, which an even frame rate would hide.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::step;
use super::stream_copies::gives_a_picture_each;
use crate::job::{JobError, Progress, VerifyReport};
use crate::plan::{OutputSpec, VideoPlan};
use crate::transcode::gaps::{Spans, Take};
use crate::transcode::libav::av::{NOPTS, Packet};
use crate::transcode::libav::decode::Decoder;
use crate::transcode::libav::input::Input;
use crate::transcode::libav::share;
use crate::transcode::libav::transcoder::Transcoder;
use crate::verify::thresholds::{HOLE_FRAMES, LOST_FRAMES};

/// Notes packets that could not be read.
pub(super) fn check_reading(errors: u64, report: &mut VerifyReport) {
    if errors > 0 {
        report.source_failure(format!("{errors} packets of the source could not be read"));
    }
}

/// Notes whatever the source has lost, as far as reading and decoding it showed, and looks closer where
/// pictures lie too far apart.
pub(super) fn check_source(
    input: &File,
    name: &str,
    transcoder: &mut Transcoder,
    spec: &OutputSpec,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
    report: &mut VerifyReport,
) -> Result<(), JobError> {
    check_reading(transcoder.input.read_errors, report);
    let damage = transcoder.audio_damage();
    if damage > 0 {
        report.source_failure(format!("the decoder reported {damage} errors in the audio of the source"));
    }
    let Some(VideoPlan::Encode(plan)) = &spec.video else { return Ok(()) };
    let countable = gives_a_picture_each(&mut transcoder.input, plan.stream);
    let lost = transcoder.lost_packets;
    let Some(chain) = transcoder.chain() else { return Ok(()) };
    let (count, first) = chain.damage();
    if count > 0 {
        let at = first.first().and_then(|damage| damage.at_s);
        let at = at.map_or(String::new(), |at| format!(", the first at {at:.2} s"));
        report
            .source_failure(format!("the decoder reported {count} errors in the picture of the source{at}"));
        return Ok(());
    }
    if let Some(lost) = lost.filter(|&lost| countable && lost > LOST_FRAMES) {
        report.source_failure(format!("{lost} packets of the source gave no picture"));
    }
    let usual_s = chain.usual_s();
    let widest = chain.gaps.widest();
    let widest_s = widest.map_or(0.0, |gap| gap.length_s);
    // A video that was cut out of a longer one may begin with pictures that lean on what is gone.
    let leaning_s = (LOST_FRAMES as f64 + HOLE_FRAMES) * usual_s;
    let leading = chain.gaps.leading().filter(|gap| gap.length_s > leaning_s.max(widest_s));
    let Some(gap) = leading.or(widest).filter(|gap| gap.length_s > HOLE_FRAMES * usual_s) else {
        return Ok(());
    };
    let open = || Input::open(share(input)?, name, Arc::clone(&cancel));
    let mut strict =
        |input: &mut Input, spans| strict_complaints(input, plan.stream, spec.threads, spans, &mut *progress);
    let mut complaints = 0;
    let parts = chain.gaps.around(HOLE_FRAMES * usual_s);
    if parts.is_none() || strict(&mut open()?, parts)? > 0 {
        // A decoder that begins in the middle may miss what was never lost, so that only the whole convicts.
        complaints = strict(&mut open()?, None)?;
    }
    if complaints > 0 {
        let (length_s, at_s) = (gap.length_s, gap.at_s);
        report.source_failure(format!(
            "the source has a hole of {length_s:.2} s at {at_s:.2} s, and its decoder misses frames there"
        ));
    }
    Ok(())
}

/// Complaints of a decoder that lets nothing pass, over these parts of a stream or over all of it.
fn strict_complaints(
    input: &mut Input,
    stream: u32,
    threads: u32,
    mut spans: Option<Spans>,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, JobError> {
    let total_s = input.duration_s();
    let mut decoder = Decoder::of_complaints(input.stream(stream)?, threads)?;
    let mut packet = Packet::new()?;
    while input.read(&mut packet)? {
        let raw = packet.get();
        if raw.stream_index != stream as i32 {
            continue;
        }
        let key = raw.flags & ffi::AV_PKT_FLAG_KEY != 0;
        let take = match &mut spans {
            Some(spans) if raw.pts != NOPTS => spans.take(key, raw.pts),
            _ => Take::Next,
        };
        if take == Take::Afresh {
            decoder.feed(None, &mut |_| Ok(()))?;
            decoder.flush();
        }
        if take != Take::Pass {
            decoder.feed(Some(&packet), &mut |_| Ok(()))?;
        }
        progress(step(&decoder, &packet, total_s));
    }
    decoder.feed(None, &mut |_| Ok(()))?;
    Ok(decoder.damage_count)
}
