//! The text of a plan, whose hash is in the record of fixes.

use crate::job::VerifyLevel;
use crate::plan::FixPlan;

/// Parts of the text of a plan, and what earlier builds wrote there. A record holds the hash of that text, which contains
/// fields that no longer exist; their values never differed.
const FORMER_FIELDS: [(&str, &str); 5] = [
    (r#""start_s":"#, r#""drop_edit_list":false,"start_s":"#),
    (r#""threads":"#, r#""expected_frames":null,"threads":"#),
    (r#""gop_frames":"#, r#""level":null,"gop_frames":"#),
    (r#""declare_bt709":true"#, r#""declare_bt709":true,"sample_aspect_ratio":null,"retime_to":null"#),
    (r#""declare_bt709":false"#, r#""declare_bt709":false,"sample_aspect_ratio":null,"retime_to":null"#),
];

/// Returns what the bytes of an output depend on, apart from its source and the profile, as all builds write it.
pub(super) fn plan_text(plan: &FixPlan, verify: VerifyLevel) -> String {
    let spec = serde_json::to_string(&plan.spec).unwrap_or_default();
    let spec = FORMER_FIELDS.iter().fold(spec, |text, (now, earlier)| text.replace(now, earlier));
    format!("{} {verify:?} {spec}", plan.action.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, VideoEncoder, VideoPlan, VideoTags, example};

    #[test]
    fn the_plan_text_depends_on_the_encoder() {
        let text = |encoder| {
            let encode = crate::plan::VideoEncode { encoder, ..example::video_encode(640, 360, 30) };
            let spec = example::output(VideoPlan::Encode(Box::new(encode)), None);
            let plan = FixPlan { spec: Some(Box::new(spec)), ..example::plan(Action::Reencode) };
            plan_text(&plan, VerifyLevel::Full)
        };
        assert_ne!(text(VideoEncoder::X264), text(VideoEncoder::Nvenc));
        assert_eq!(text(VideoEncoder::Nvenc), text(VideoEncoder::Nvenc));
    }

    /// Returns what the build of commit 53807d8 wrote for the sample output.
    fn earlier_text(video: &str) -> String {
        [
            r#"remux Full {"container":"mp4","video":"#,
            video,
            r#","audio":null,"trim_to_s":null,"extend":null,"strip_metadata":true,"drop_edit_list":false,"#,
            r#""start_s":0.0,"cut_before_start":false,"expected_duration_s":null,"max_hold_s":0.0,"#,
            r#""expected_frames":null,"threads":1,"max_size_bytes":null}"#,
        ]
        .concat()
    }

    #[test]
    fn the_plan_text_is_that_of_earlier_builds() {
        let text = |video| {
            let spec = example::output(video, None);
            plan_text(
                &FixPlan { spec: Some(Box::new(spec)), ..example::plan(Action::Remux) },
                VerifyLevel::Full,
            )
        };
        for declare_bt709 in [false, true] {
            let tags = VideoTags { declare_bt709, ..VideoTags::default() };
            let earlier = format!(
                r#"{{"do":"copy","stream":0,"tags":{{"codec_tag":null,"declare_bt709":{declare_bt709},"sample_aspect_ratio":null,"retime_to":null}}}}"#
            );
            assert_eq!(text(VideoPlan::Copy { stream: 0, tags }), earlier_text(&earlier));
        }
        let earlier = concat!(
            r#"{"do":"encode","stream":0,"deinterlace":false,"tone_map":null,"flip":null,"rotate":0,"crop":null,"#,
            r#""scale":{"width":640,"height":360},"canvas":null,"alpha_background":null,"frame_rate":"30/1","#,
            r#""rate":{"crf":20.0,"max_bit_rate":null,"buffer_bits":null,"min_bit_rate":null},"#,
            r#""encoder":"x264","preset":"superfast","profile":"high","level":null,"gop_frames":60,"b_frames":2}"#
        );
        let encode = VideoPlan::Encode(Box::new(example::video_encode(640, 360, 30)));
        assert_eq!(text(encode), earlier_text(earlier));
    }
}
