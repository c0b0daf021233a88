//! The names of codecs that profiles may list.

use super::rule_limits::{RuleId, RuleLimits};
use super::suggestion::nearest;
use crate::model::Codec;

/// FFmpeg's names of video codecs, of versions 5.1 to 7.1.
const VIDEO: &str = "\
    012v 4xm 8bps a64_multi a64_multi5 aasc agm aic alias_pix amv anm ansi apng arbc argo asv1 asv2 aura \
    aura2 av1 avrn avrp avs avs2 avs3 avui ayuv bethsoftvid bfi binkvideo bintext bitpacked bmp \
    bmv_video brender_pix c93 cavs cdgraphics cdtoons cdxl cfhd cinepak clearvideo cljr cllc cmv cpia \
    cri cscd cyuv daala dds dfa dirac dnxhd dpx dsicinvideo dvvideo dxa dxtory dxv escape124 escape130 \
    evc exr ffv1 ffvhuff fic fits flashsv flashsv2 flic flv1 fmvc fraps frwu g2m gdv gem gif h261 h263 \
    h263i h263p h264 hap hevc hnm4video hq_hqa hqx huffyuv hymt idcin idf iff_ilbm imm4 imm5 indeo2 \
    indeo3 indeo4 indeo5 interplayvideo ipu jpeg2000 jpegls jpegxl jv kgv1 kmvc lagarith lead ljpeg loco \
    lscr m101 mad magicyuv mdec media100 mimic mjpeg mjpegb mmvideo mobiclip motionpixels mpeg1video \
    mpeg2video mpeg4 msa1 mscc msmpeg4v1 msmpeg4v2 msmpeg4v3 msp2 msrle mss1 mss2 msvideo1 mszh mts2 \
    mv30 mvc1 mvc2 mvdv mvha mwsc mxpeg notchlc nuv paf_video pam pbm pcx pdv pfm pgm pgmyuv pgx phm \
    photocd pictor pixlet png ppm prores prosumer psd ptx qdraw qoi qpeg qtrle r10k r210 radiance_hdr \
    rasc rawvideo rl2 roq rpza rscc rtv1 rv10 rv20 rv30 rv40 sanm scpr screenpresso sga sgi sgirle \
    sheervideo simbiosis_imx smackvideo smc smvjpeg snow sp5x speedhq srgc sunrast svg svq1 svq3 targa \
    targa_y216 tdsc tgq tgv theora thp tiertexseqvideo tiff tmv tqi truemotion1 truemotion2 \
    truemotion2rt tscc tscc2 txd ulti utvideo v210 v210x v308 v408 v410 vb vble vbn vc1 vc1image vcr1 \
    vixl vmdvideo vmix vmnc vnull vp3 vp4 vp5 vp6 vp6a vp6f vp7 vp8 vp9 vqc vvc wbmp wcmv webp wmv1 wmv2 \
    wmv3 wmv3image wnv1 wrapped_avframe ws_vqa xan_wc3 xan_wc4 xbin xbm xface xpm xwd y41p ylc yop yuv4 \
    zerocodec zlib zmbv";
/// FFmpeg's names of audio codecs, of versions 5.1 to 7.1.
const AUDIO: &str = "\
    4gv 8svx_exp 8svx_fib aac aac_latm ac3 ac4 acelp.kelvin adpcm_4xm adpcm_adx adpcm_afc adpcm_agm \
    adpcm_aica adpcm_argo adpcm_ct adpcm_dtk adpcm_ea adpcm_ea_maxis_xa adpcm_ea_r1 adpcm_ea_r2 \
    adpcm_ea_r3 adpcm_ea_xas adpcm_g722 adpcm_g726 adpcm_g726le adpcm_ima_acorn adpcm_ima_alp \
    adpcm_ima_amv adpcm_ima_apc adpcm_ima_apm adpcm_ima_cunning adpcm_ima_dat4 adpcm_ima_dk3 \
    adpcm_ima_dk4 adpcm_ima_ea_eacs adpcm_ima_ea_sead adpcm_ima_iss adpcm_ima_moflex adpcm_ima_mtf \
    adpcm_ima_oki adpcm_ima_qt adpcm_ima_rad adpcm_ima_smjpeg adpcm_ima_ssi adpcm_ima_wav adpcm_ima_ws \
    adpcm_ms adpcm_mtaf adpcm_psx adpcm_sbpro_2 adpcm_sbpro_3 adpcm_sbpro_4 adpcm_swf adpcm_thp \
    adpcm_thp_le adpcm_vima adpcm_xa adpcm_xmd adpcm_yamaha adpcm_zork alac amr_nb amr_wb anull apac ape \
    aptx aptx_hd atrac1 atrac3 atrac3al atrac3p atrac3pal atrac9 avc binkaudio_dct binkaudio_rdft \
    bmv_audio bonk cbd2_dpcm celt codec2 comfortnoise cook derf_dpcm dfpwm dolby_e dsd_lsbf \
    dsd_lsbf_planar dsd_msbf dsd_msbf_planar dsicinaudio dss_sp dst dts dvaudio eac3 evrc fastaudio flac \
    ftr g723_1 g729 gremlin_dpcm gsm gsm_ms hca hcom iac ilbc imc interplay_dpcm interplayacm lc3 mace3 \
    mace6 metasound misc4 mlp mp1 mp2 mp3 mp3adu mp3on4 mp4als mpegh_3d_audio msnsiren musepack7 \
    musepack8 nellymoser opus osq paf_audio pcm_alaw pcm_bluray pcm_dvd pcm_f16le pcm_f24le pcm_f32be \
    pcm_f32le pcm_f64be pcm_f64le pcm_lxf pcm_mulaw pcm_s16be pcm_s16be_planar pcm_s16le \
    pcm_s16le_planar pcm_s24be pcm_s24daud pcm_s24le pcm_s24le_planar pcm_s32be pcm_s32le \
    pcm_s32le_planar pcm_s64be pcm_s64le pcm_s8 pcm_s8_planar pcm_sga pcm_u16be pcm_u16le pcm_u24be \
    pcm_u24le pcm_u32be pcm_u32le pcm_u8 pcm_vidc qcelp qdm2 qdmc qoa ra_144 ra_288 ralf rka roq_dpcm \
    s302m sbc sdx2_dpcm shorten sipr siren smackaudio smv sol_dpcm sonic sonicls speex tak truehd \
    truespeech tta twinvq vmdaudio vorbis wavarc wavesynth wavpack westwood_snd1 wmalossless wmapro \
    wmav1 wmav2 wmavoice xan_dpcm xma1 xma2";
/// Names that people use for a codec, and FFmpeg's name.
const ALIASES: &[(&str, &str)] = &[
    ("h265", "hevc"),
    ("h.265", "hevc"),
    ("x265", "hevc"),
    ("hvc1", "hevc"),
    ("hev1", "hevc"),
    ("h.264", "h264"),
    ("x264", "h264"),
    ("avc", "h264"),
    ("avc1", "h264"),
    ("h266", "vvc"),
    ("av01", "av1"),
    ("mpeg-4", "mpeg4"),
    ("mp4v", "mpeg4"),
    ("mpeg2", "mpeg2video"),
    ("mpeg1", "mpeg1video"),
    ("mjpg", "mjpeg"),
    ("mp4a", "aac"),
    ("aac-lc", "aac"),
    ("he-aac", "aac"),
    ("ac-3", "ac3"),
    ("e-ac-3", "eac3"),
    ("eac-3", "eac3"),
    ("pcm", "pcm_s16le"),
    ("wav", "pcm_s16le"),
    ("ogg", "vorbis"),
];

/// Returns the first name in the limits of `rule` that is not a codec, with a suggestion; `None` if all names are
/// known, or if the rule lists no codecs.
pub(super) fn unknown(rule: RuleId, rules: &RuleLimits) -> Option<(&str, Option<&'static str>)> {
    let (names, known) = match rule {
        RuleId::VideoCodec => (&rules.video_codec.as_ref()?.values.allow, VIDEO),
        RuleId::AudioCodec => (&rules.audio_codec.as_ref()?.values.allow, AUDIO),
        _ => return None,
    };
    let is_known = |name: &str| known.split_whitespace().any(|codec| codec == name);
    let name = names.iter().map(Codec::name).find(|name| !is_known(name))?;
    let lower = name.to_lowercase();
    let alias = ALIASES.iter().find(|(alias, codec)| *alias == lower && is_known(codec));
    Some((name, alias.map(|(_, codec)| *codec).or_else(|| nearest(&lower, known.split_whitespace()))))
}

#[cfg(test)]
mod tests {
    use super::{RuleId, RuleLimits, unknown};

    #[test]
    fn suggests_ffmpegs_name_for_a_common_one() {
        let of = |rule, name: &str| {
            let mut rules = RuleLimits::default();
            rules.entry(rule).set("allow", &name.into())?;
            unknown(rule, &rules).map(|(_, suggestion)| suggestion)
        };
        assert_eq!(of(RuleId::VideoCodec, "h265"), Some(Some("hevc")));
        assert_eq!(of(RuleId::VideoCodec, "H264"), Some(Some("h264")));
        assert_eq!(of(RuleId::AudioCodec, "mp4a"), Some(Some("aac")));
        assert!(of(RuleId::AudioCodec, "h264").is_some(), "a video codec");
        assert_eq!(of(RuleId::VideoCodec, "hevc"), None);
        assert_eq!(of(RuleId::Container, "h265"), None);
    }
}
