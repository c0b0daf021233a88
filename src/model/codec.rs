//! Codecs, by FFmpeg's names.

use super::named::named;

named! {
    /// The codec of a stream. FFmpeg names the codecs of video, audio and images in one list, and so does this enum.
    Codec {
        Aac = "aac", Ac3 = "ac3", Alac = "alac", AmrNb = "amr_nb", AmrWb = "amr_wb", Av1 = "av1", Bmp = "bmp", Cfhd = "cfhd",
        Cinepak = "cinepak", Dirac = "dirac", Eac3 = "eac3", EightBps = "8bps", Exr = "exr",
        Ffv1 = "ffv1", Flac = "flac", Gif = "gif", H263 = "h263", H264 = "h264", Hevc = "hevc",
        Jpeg2000 = "jpeg2000", JpegLs = "jpegls", Mjpeg = "mjpeg", Mp3 = "mp3",
        Mpeg1Video = "mpeg1video", Mpeg2Video = "mpeg2video", Mpeg4 = "mpeg4", MsRle = "msrle",
        Opus = "opus", Png = "png", Prores = "prores", Qtrle = "qtrle", RawVideo = "rawvideo", Rpza = "rpza",
        Smc = "smc", Snow = "snow", Tiff = "tiff", Vc2 = "vc2", Vorbis = "vorbis", Vp8 = "vp8",
        Vp9 = "vp9", Vvc = "vvc", Webp = "webp",
    }
}

impl Codec {
    /// Returns whether the codec stores images, of which some files make videos.
    pub fn is_image(&self) -> bool {
        use Codec::{Bmp, Gif, Jpeg2000, Mjpeg, Png, Tiff, Webp};
        matches!(self, Mjpeg | Png | Bmp | Gif | Webp | Tiff | Jpeg2000)
    }

    /// Returns whether a sample without data repeats the frame before it.
    pub fn repeats_by_empty_sample(&self) -> bool {
        use Codec::{Cfhd, Cinepak, EightBps, MsRle, Png, Qtrle, RawVideo, Rpza, Smc};
        matches!(self, Qtrle | Rpza | Smc | EightBps | Cinepak | MsRle | Png | RawVideo | Cfhd)
    }

    /// Returns whether the samples are stored as they are, in one of many layouts.
    pub fn is_pcm(&self) -> bool {
        matches!(self, Codec::Other(name) if name.as_str().starts_with("pcm_"))
    }

    /// Returns whether each packet gives a frame; other codecs have packets with hidden frames.
    pub fn has_frame_per_packet(&self) -> bool {
        !matches!(self, Codec::Vp8 | Codec::Vp9 | Codec::Av1)
    }
}
