//! Collects every consent that a file needs, so that the user is asked once.

use super::options::{AudioTrackChoice, Extend, FixOptions};
use super::outcome::FixPlan;
use super::refusal::Refusal;

/// Plans with `plan`; if consents are missing, plans again as if each had been given, and returns a refusal that
/// names all of them. A file that cannot be fixed even with every consent is refused for that reason.
pub(super) fn collect(options: &FixOptions, plan: impl Fn(&FixOptions) -> FixPlan) -> FixPlan {
    let first = plan(options);
    let (mut needs, mut reasons) = (Vec::new(), Vec::new());
    let mut options = options.clone();
    let mut next = first.clone();
    while let Some(refusal) = next.refusal {
        if needs.contains(&refusal) || !give(refusal, &mut options) {
            return next;
        }
        needs.push(refusal);
        reasons.extend(next.reason);
        next = plan(&options);
    }
    match needs.as_slice() {
        [] => first,
        _ => FixPlan { reason: Some(reasons.join("; ")), needs, ..first },
    }
}

/// Gives the consent whose lack is this refusal; returns whether there is one.
fn give(refusal: Refusal, options: &mut FixOptions) -> bool {
    match refusal {
        Refusal::NeedsTrim => options.trim = true,
        Refusal::NeedsExtend => options.extend = Some(Extend::Freeze),
        Refusal::NeedsUpscale => options.upscale = true,
        Refusal::NeedsAddSilence => options.add_silence = true,
        Refusal::NeedsAudioTrack => options.audio_track = AudioTrackChoice::First,
        Refusal::NeedsFromKeyFrame => options.from_key_frame = true,
        Refusal::NeedsConceal => options.conceal = true,
        _ => return false,
    }
    true
}
