//! Which keys the table of each rule may have. Parsing is strict against this list, and
//! `greenlit profiles ID` prints limits by it.

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A list of words.
    Words,
    /// A list of ratios `w:h`.
    Ratios,
    /// A list of tables `{ ratio = "9:16", width = 540, height = 960 }`.
    Sizes,
    /// True or false.
    Flag,
}

/// A rule with its keys: name, type, and what the key means, for people.
pub type RuleKeys = (&'static str, &'static [(&'static str, Kind, &'static str)]);

use Kind::{Flag, Number, Ratios, Sizes, Words};

/// Every rule that takes limits. Rules without keys only have a severity and a source.
pub const KEYS: &[RuleKeys] = &[
    ("container", &[("allow", Words, "allowed"), ("warn_allow", Words, "better")]),
    ("extension", &[("allow", Words, "allowed")]),
    (
        "file-size",
        &[
            ("max_bytes", Number, "at most (bytes)"),
            ("min_bytes", Number, "at least (bytes)"),
            ("warn_max_bytes", Number, "better at most (bytes)"),
        ],
    ),
    ("file-name", &[("max_chars", Number, "at most (characters)")]),
    (
        "duration",
        &[
            ("min_s", Number, "at least (s)"),
            ("max_s", Number, "at most (s)"),
            ("warn_min_s", Number, "better at least (s)"),
            ("warn_max_s", Number, "better at most (s)"),
        ],
    ),
    ("video-stream", &[]),
    ("video-codec", &[("allow", Words, "allowed")]),
    ("video-profile", &[("allow", Words, "allowed"), ("max_level", Number, "level at most (times ten)")]),
    ("pixel-format", &[("chroma", Words, "chroma"), ("max_bit_depth", Number, "bits at most")]),
    (
        "resolution",
        &[
            ("min_for_ratio", Sizes, "at least"),
            ("min_width", Number, "width at least (px)"),
            ("min_height", Number, "height at least (px)"),
            ("min_side", Number, "each side at least (px)"),
            ("max_side", Number, "each side at most (px)"),
            ("max_width", Number, "width at most (px)"),
            ("max_height", Number, "height at most (px)"),
            ("warn_max_side", Number, "better each side at most (px)"),
            ("warn_max_short_side", Number, "better shorter side at most (px)"),
        ],
    ),
    ("even-dimensions", &[]),
    ("parameter-change", &[]),
    ("open-gop", &[]),
    ("gop-length", &[("max_frames", Number, "at most (frames)"), ("max_s", Number, "at most (s)")]),
    ("letterbox", &[]),
    (
        "aspect-ratio",
        &[
            ("allow", Ratios, "allowed"),
            ("min", Ratios, "narrowest"),
            ("max", Ratios, "widest"),
            ("tolerance", Number, "tolerance (share)"),
            ("prefer", Ratios, "better"),
        ],
    ),
    ("sample-aspect-ratio", &[]),
    ("rotation", &[]),
    ("frame-rate", &[("min", Number, "at least"), ("max", Number, "at most")]),
    ("variable-frame-rate", &[]),
    ("interlaced", &[]),
    (
        "video-bit-rate",
        &[
            ("min", Number, "at least (b/s)"),
            ("max", Number, "at most (b/s)"),
            ("warn_min", Number, "better at least (b/s)"),
        ],
    ),
    ("color", &[]),
    ("hdr", &[]),
    ("audio-stream", &[("required", Flag, "required"), ("max_streams", Number, "at most (tracks)")]),
    ("audio-codec", &[("allow", Words, "allowed"), ("profiles", Words, "AAC profiles")]),
    ("audio-channels", &[("max", Number, "at most"), ("min", Number, "at least")]),
    ("audio-sample-rate", &[("allow", Words, "allowed (Hz)"), ("max", Number, "at most (Hz)")]),
    ("audio-bit-rate", &[("min", Number, "at least (b/s)"), ("max", Number, "at most (b/s)")]),
    ("loudness", &[("target_lufs", Number, "target (LUFS)"), ("tolerance_lu", Number, "tolerance (LU)")]),
    ("fast-start", &[]),
    ("fragmented", &[]),
    ("edit-list", &[]),
    ("start-time", &[("max_s", Number, "at most (s)")]),
    ("timestamps", &[]),
    ("extra-streams", &[]),
    ("stream-order", &[]),
    ("av-duration", &[("max_s", Number, "apart at most (s)")]),
    ("integrity", &[]),
    ("black", &[("max_s", Number, "at most (s)")]),
    ("freeze", &[("max_s", Number, "at most (s)")]),
    ("silence", &[("max_s", Number, "at most (s)")]),
    ("metadata-privacy", &[]),
    ("image-format", &[("allow", Words, "allowed")]),
    (
        "image-size",
        &[
            ("max_bytes", Number, "at most (bytes)"),
            ("warn_max_bytes", Number, "better at most (bytes)"),
            ("max_pixels", Number, "at most (pixels in all)"),
            ("max_short_side", Number, "shorter side at most (px)"),
            ("warn_min_for_ratio", Sizes, "better at least"),
            ("warn_max_for_ratio", Sizes, "better at most"),
        ],
    ),
    (
        "image-aspect-ratio",
        &[
            ("allow", Ratios, "allowed"),
            ("warn_allow", Ratios, "better"),
            ("tolerance", Number, "tolerance (share)"),
        ],
    ),
    ("cover", &[]),
    ("landing-page", &[]),
    ("ad-text", &[("max_width", Number, "at most (characters, wide ones count two)")]),
    ("ad-fields", &[]),
];

/// Keys every table may have beside its own.
pub(super) const COMMON: &[&str] = &["severity", "source", "checked_on", "confidence", "off"];

/// The keys of a rule; `None` when there is no such rule.
pub(super) fn of(rule: &str) -> Option<&'static [(&'static str, Kind, &'static str)]> {
    KEYS.iter().find(|(id, _)| *id == rule).map(|(_, keys)| *keys)
}
