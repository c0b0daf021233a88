//! `image-size`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};
use super::resolution::nearest_floor;

rule!(
    ImageSize,
    "image-size",
    judges: Picture,
    what: "Bytes and pixels of a picture: a cover or an image ad.",
    why: "Larger pictures are refused; those outside the recommended range are scaled badly.",
    remedy: "Export the picture in another size.",
    source: "image upload API of the destination",
    |subject, limits, out| {
        let Some(still) = subject.facts.still() else { return };
        let bytes = subject.facts.size_bytes;
        if let Some(max) = limits.number("max_bytes").filter(|max| bytes as f64 > *max) {
            let says = format!("the picture has {}", format::bytes(bytes));
            let allowed = format!("at most {}", format::bytes(max as u64));
            out.breach(Violation::new(says, format::bytes(bytes), allowed, Remedy::Refuse));
        } else if let Some(max) = limits.number("warn_max_bytes").filter(|max| bytes as f64 > *max) {
            let says = format!("the picture has {}", format::bytes(bytes));
            let allowed = format!("safely at most {}", format::bytes(max as u64));
            out.breach(Violation::new(says, format::bytes(bytes), allowed, Remedy::Refuse).as_warning());
        }
        let Some(size) = still.picture.display_size() else {
            out.unknown();
            return;
        };
        let breach = |actual: String, allowed: String| {
            Violation::new(format!("the picture is {size}"), actual, allowed, Remedy::Refuse)
        };
        let pixels = u64::from(size.width) * u64::from(size.height);
        if let Some(max) = limits.number("max_pixels").filter(|max| pixels as f64 > *max) {
            out.breach(breach(format!("{pixels} pixels"), format!("at most {max} pixels")));
        }
        let short = size.width.min(size.height);
        if let Some(max) = limits.number("max_short_side").filter(|max| f64::from(short) > *max) {
            out.breach(breach(size.to_string(), format!("the shorter side at most {max} px")));
        }
        if let Some((ratio, width, height)) = nearest_floor(size, limits.sizes("warn_min_for_ratio"))
            && (size.width < width || size.height < height)
        {
            let allowed = format!("safely at least {width}x{height} at {}", ratio.with_colon());
            out.breach(breach(size.to_string(), allowed).as_warning());
        }
        if let Some((ratio, width, height)) = nearest_floor(size, limits.sizes("warn_max_for_ratio"))
            && (size.width > width || size.height > height)
        {
            let allowed = format!("safely at most {width}x{height} at {}", ratio.with_colon());
            out.breach(breach(size.to_string(), allowed).as_warning());
        }
    }
);
