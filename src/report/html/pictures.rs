//! The pictures of a video: a strip of frames, or two for a fix, before and after.

use maud::{Markup, html};

use super::super::{FileEntry, Report, units};
use super::plain::Plain;
use crate::job::{MediaPictures, Picture};

/// Returns the pictures of the source of an entry.
pub(super) fn of_source<'a>(report: &'a Report, entry: &FileEntry) -> Option<&'a MediaPictures> {
    report.pictures.get(&entry.path).filter(|_| entry.path_raw.is_none())
}

/// Returns the strips of an entry; nothing if it has no pictures.
pub(super) fn strips(report: &Report, entry: &FileEntry) -> Markup {
    let output = entry.fix.as_ref().and_then(|fix| report.pictures.get(fix.output.as_ref()?));
    let strips = match (of_source(report, entry), output) {
        (Some(source), Some(output)) => vec![(Some("Before"), source), (Some("After"), output)],
        (Some(source), None) => vec![(None, source)],
        _ => Vec::new(),
    };
    html! {
        @for (label, media) in strips.iter().filter(|(_, media)| !media.pictures.is_empty()) {
            div.strip {
                @if let Some(label) = label { span.small.soft { (label) } }
                @for picture in &media.pictures { (frame(*label, picture)) }
            }
        }
    }
}

fn frame(label: Option<&str>, picture: &Picture) -> Markup {
    let at = units::at(picture.at_s);
    let name = match label {
        Some(label) => format!("{label}, frame at {at}"),
        None => format!("Frame at {at}"),
    };
    html! {
        img src={ "data:image/jpeg;base64," (Plain(&picture.jpeg)) } alt=(name) title=(name)
            width=(picture.size.width) height=(picture.size.height) loading="lazy" decoding="async";
    }
}
