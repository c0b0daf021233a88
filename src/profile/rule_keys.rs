//! The keys that each rule's table may have. Parsing rejects all others, and `greenlit profiles ID`
//! prints limits by this list.

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A number.
    Number,
    /// A list of strings.
    Strings,
    /// A list of ratios `w:h`.
    Ratios,
    /// A list of tables `{ ratio = "9:16", width = 540, height = 960 }`.
    Sizes,
    /// True or false.
    Flag,
}

/// A rule with its keys: name, type, and description for `greenlit profiles ID`.
pub type RuleKeys = (&'static str, &'static [(&'static str, ValueKind, &'static str)]);

use ValueKind::{Flag, Number, Ratios, Sizes, Strings};

/// The keys of every rule. Rules without keys only have a severity and a source.
pub const KEYS: &[RuleKeys] = &[
    ("container", &[("allow", Strings, "allowed"), ("warn_allow", Strings, "recommended")]),
    ("extension", &[("allow", Strings, "allowed")]),
    (
        "file-size",
        &[
            ("max_bytes", Number, "at most (bytes)"),
            ("min_bytes", Number, "at least (bytes)"),
            ("warn_max_bytes", Number, "recommended at most (bytes)"),
        ],
    ),
    ("file-name", &[("max_chars", Number, "at most (characters)")]),
    (
        "duration",
        &[
            ("min_s", Number, "at least (s)"),
            ("max_s", Number, "at most (s)"),
            ("warn_min_s", Number, "recommended at least (s)"),
            ("warn_max_s", Number, "recommended at most (s)"),
        ],
    ),
    ("video-stream", &[]),
    ("video-codec", &[("allow", Strings, "allowed")]),
    ("video-profile", &[("allow", Strings, "allowed"), ("max_level", Number, "level at most (times ten)")]),
    ("pixel-format", &[("chroma", Strings, "chroma"), ("max_bit_depth", Number, "bits at most")]),
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
            ("warn_max_side", Number, "recommended each side at most (px)"),
            ("warn_max_short_side", Number, "recommended shorter side at most (px)"),
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
            ("prefer", Ratios, "recommended"),
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
            ("warn_min", Number, "recommended at least (b/s)"),
        ],
    ),
    ("color", &[]),
    ("hdr", &[]),
    ("audio-stream", &[("required", Flag, "required"), ("max_streams", Number, "at most (tracks)")]),
    ("audio-codec", &[("allow", Strings, "allowed"), ("profiles", Strings, "AAC profiles")]),
    ("audio-channels", &[("max", Number, "at most"), ("min", Number, "at least")]),
    ("audio-sample-rate", &[("allow", Strings, "allowed (Hz)"), ("max", Number, "at most (Hz)")]),
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
    ("image-format", &[("allow", Strings, "allowed")]),
    (
        "image-size",
        &[
            ("max_bytes", Number, "at most (bytes)"),
            ("warn_max_bytes", Number, "recommended at most (bytes)"),
            ("max_pixels", Number, "at most (pixels per frame: width times height)"),
            ("max_short_side", Number, "shorter side at most (px)"),
            ("warn_min_for_ratio", Sizes, "recommended at least"),
            ("warn_max_for_ratio", Sizes, "recommended at most"),
        ],
    ),
    (
        "image-aspect-ratio",
        &[
            ("allow", Ratios, "allowed"),
            ("warn_allow", Ratios, "recommended"),
            ("tolerance", Number, "tolerance (share)"),
        ],
    ),
    ("cover", &[]),
    ("landing-page", &[]),
    ("ad-text", &[("max_width", Number, "at most (characters, wide ones count as two)")]),
    ("ad-fields", &[]),
];

/// Keys that every table may have.
pub(super) const COMMON: &[&str] = &["severity", "source", "checked_on", "confidence", "off"];

/// Returns the keys of a rule; `None` if there is no such rule.
pub(super) fn for_rule(rule: &str) -> Option<&'static [(&'static str, ValueKind, &'static str)]> {
    KEYS.iter().find(|(id, _)| *id == rule).map(|(_, keys)| *keys)
}
