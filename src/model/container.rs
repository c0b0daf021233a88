//! Container formats.

use super::named::named;

named! {
    /// The container format of a file, by greenlit's short name. The major brand decides for ISO files and the document
    /// type for Matroska; otherwise it is FFmpeg's demuxer name.
    Container {
        Apng = "apng", Avi = "avi", Avs2 = "avs2", Avs3 = "avs3", CavsVideo = "cavsvideo",
        Dirac = "dirac", Dnxhd = "dnxhd", Flv = "flv", Gif = "gif", H261 = "h261", H263 = "h263",
        H264 = "h264", Hevc = "hevc", M4v = "m4v", Matroska = "matroska", Mjpeg = "mjpeg",
        Mov = "mov", Mp4 = "mp4", MpegPs = "mpegps", MpegTs = "mpegts", MpegVideo = "mpegvideo",
        Obu = "obu", Ogg = "ogg", ThreeGp = "3gp", Vc1 = "vc1", Vvc = "vvc", WebM = "webm",
        Webp = "webp", WebpAnimation = "webp_anim", WebpPipe = "webp_pipe",
    }
}

impl Container {
    /// Returns the container that a demuxer of FFmpeg reads, by its names with commas between them. A demuxer of several
    /// containers stands for the first: `mov` for all ISO files, `matroska` for WebM, too.
    pub fn of_demuxer(names: &str) -> Container {
        match names.split(',').next().unwrap_or_default() {
            "mpeg" => Container::MpegPs,
            name => Container::from(name),
        }
    }

    /// Returns whether the container has no timestamps, which makes its duration a guess.
    pub fn lacks_timestamps(&self) -> bool {
        use Container::{
            Avs2, Avs3, CavsVideo, Dirac, Dnxhd, H261, H263, H264, Hevc, M4v, Mjpeg, MpegVideo, Obu, Vc1, Vvc,
        };
        [Avs2, Avs3, CavsVideo, Dirac, Dnxhd, H261, H263, H264, Hevc, M4v, Mjpeg, MpegVideo, Obu, Vc1, Vvc]
            .contains(self)
    }

    /// Returns whether it is an ISO base media file, which stores the duration of each frame in an index.
    pub fn is_iso(&self) -> bool {
        matches!(self, Container::Mp4 | Container::Mov | Container::ThreeGp)
    }

    /// Returns whether it is Matroska, of which WebM is a part.
    pub fn is_matroska(&self) -> bool {
        matches!(self, Container::Matroska | Container::WebM)
    }

    /// Returns whether it is an MPEG transport or program stream: packets with a clock that wraps, and no declared
    /// duration.
    pub fn is_mpeg_stream(&self) -> bool {
        matches!(self, Container::MpegTs | Container::MpegPs)
    }

    /// Returns whether the container declares one duration for all streams, which counts from zero.
    pub fn declares_duration_from_zero(&self) -> bool {
        self.is_matroska() || *self == Container::Flv
    }

    /// Returns whether the parameters of a video are repeated within the stream and nowhere else.
    pub fn has_parameters_in_band(&self) -> bool {
        use Container::{H264, Hevc, M4v, MpegVideo};
        self.is_mpeg_stream() || matches!(self, MpegVideo | H264 | Hevc | M4v)
    }

    /// Returns the usual file extensions; empty if any is fine.
    pub fn extensions(&self) -> &'static [&'static str] {
        match self {
            Container::Mp4 => &["mp4", "m4v"],
            Container::Mov => &["mov", "qt"],
            Container::ThreeGp => &["3gp", "3gpp", "3g2"],
            Container::WebM => &["webm"],
            Container::Matroska => &["mkv"],
            Container::Avi => &["avi"],
            Container::MpegPs => &["mpg", "mpeg", "vob"],
            Container::MpegTs => &["ts", "m2ts", "mts"],
            Container::Flv => &["flv"],
            Container::Gif => &["gif"],
            Container::Webp => &["webp"],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demuxers_stand_for_their_containers() {
        assert_eq!(Container::of_demuxer("mov,mp4,m4a,3gp,3g2,mj2"), Container::Mov);
        assert_eq!(Container::of_demuxer("matroska,webm"), Container::Matroska);
        assert_eq!(Container::of_demuxer("mpeg"), Container::MpegPs);
        assert_eq!(Container::of_demuxer("flv"), Container::Flv);
        assert_eq!(Container::of_demuxer("live_flv").name(), "live_flv");
        assert!(Container::of_demuxer("hevc").lacks_timestamps());
        assert!(!Container::of_demuxer("mpegts").lacks_timestamps());
    }
}
