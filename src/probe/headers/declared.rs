//! The declarations of a file, whatever its container.

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::super::isobmff::{self, IsoTrack};
use super::image_header::DeclaredImage;
use super::stream_marks::Encryption;
use super::{
    asf_encryption, avi_header, image_header, images, joined, jpeg, matroska, matroska_header, riff,
    scrambling, streams,
};
use crate::model::{Completeness, Container};

/// The declarations of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declared {
    /// Whether the file consists of ISO boxes.
    pub iso: bool,
    /// The major brand of an ISO file.
    pub major_brand: Option<String>,
    /// Matroska's document type.
    pub doc_type: Option<String>,
    /// Whether each Matroska track is enabled, in the order of FFmpeg's streams.
    pub enabled_tracks: Vec<bool>,
    /// Whether `moov` is before the media data.
    pub fast_start: Option<bool>,
    /// Whether the samples are in movie fragments.
    pub fragmented: Option<bool>,
    /// Whether the file contains all declared bytes.
    pub completeness: Completeness,
    /// Why an ISO file has no index, without which it cannot be read.
    pub missing_index: Option<String>,
    /// The tracks of an ISO file.
    pub tracks: Vec<IsoTrack>,
    /// The duration that the movie header of an unfragmented ISO file declares, in microseconds. FFmpeg up to 6 reports it,
    /// and computes one from version 7 on.
    pub movie_us: Option<i64>,
    /// The duration of an ISO file by its index, in seconds.
    pub measured_s: Option<f64>,
    /// A declared duration of an ISO file in seconds that its index contradicts.
    pub contradicted_s: Option<f64>,
    /// The declared durations of other containers in seconds, zero included.
    pub durations_s: Vec<f64>,
    /// Where another recording begins that players do not show, in bytes.
    pub second_recording_byte: Option<u64>,
    /// The encrypted streams of other containers.
    pub encrypted: Vec<Encryption>,
    /// What an image file declares of its display and its content.
    pub image: Option<DeclaredImage>,
}

/// What the media library says of a file in which it finds an invalid header.
pub(crate) const INVALID_DATA: &str =
    "Invalid data found when processing input: not media, truncated, or without an index";

/// Why no reader can open a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The file lacks what it needs from elsewhere.
    Unreadable(String),
    /// Data that the file declares is missing.
    Truncated(String),
}

impl Declared {
    /// Returns why the file cannot be opened, which an attempt has shown; `None` when the declarations do not say it.
    pub fn open_error(&self) -> Option<OpenError> {
        match (&self.completeness, &self.missing_index) {
            (Completeness::Missing { .. }, Some(reason)) => Some(OpenError::Truncated(reason.clone())),
            (Completeness::Missing { reason, .. }, None) => {
                Some(OpenError::Truncated(format!("the file is truncated: {reason}")))
            }
            (_, Some(reason)) if self.fragmented == Some(true) => Some(OpenError::Unreadable(reason.clone())),
            (_, Some(reason)) => Some(OpenError::Truncated(reason.clone())),
            _ => None,
        }
    }
}

/// Reads the declarations of a file.
///
/// # Errors
/// Fails only when reading fails.
pub fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Declared> {
    let mut declared = Declared::default();
    if let Some(layout) = isobmff::read(bytes)? {
        declared.iso = true;
        declared.missing_index = layout.missing_index_reason();
        declared.major_brand = layout.major_brand;
        declared.fast_start = layout.fast_start;
        declared.fragmented = Some(layout.fragmented);
        declared.completeness = layout.completeness;
        declared.second_recording_byte = layout.second_recording_byte;
        declared.tracks = layout.tracks;
        declared.movie_us = layout.durations.declared_us;
        declared.measured_s = layout.durations.measured_s;
        declared.contradicted_s = layout.durations.contradicted_s;
        if declared.tracks.is_empty() {
            declared.image = Some(image_header::items(bytes)?);
        }
        return Ok(declared);
    }
    let head = read_range(bytes, 0, 256)?;
    declared.image = image_header::read(bytes, &head)?;
    declared.completeness = if head.starts_with(b"RIFF") || head.starts_with(b"RF64") {
        declared.durations_s = avi_header::durations(bytes)?;
        riff::read(bytes)?
    } else if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        declared.doc_type = matroska::doc_type(&head);
        let header = matroska_header::read(bytes)?;
        declared.durations_s.extend(header.duration_s);
        declared.enabled_tracks = header.enabled;
        declared.encrypted = header.encrypted;
        declared.second_recording_byte = joined::matroska(bytes, &head)?;
        matroska::read(&head, bytes.len()?)
    } else if head.starts_with(b"FLV\x01") {
        declared.durations_s.extend(streams::flv_duration(bytes)?);
        declared.encrypted = streams::flv_encryption(bytes)?;
        let flv = streams::flv(bytes)?;
        declared.second_recording_byte = flv.second_recording_byte;
        flv.completeness
    } else if head.starts_with(b"OggS") {
        streams::ogg(bytes)?
    } else if head.starts_with(&joined::ASF_HEADER) {
        declared.encrypted = asf_encryption::read(bytes)?;
        declared.second_recording_byte = joined::asf(bytes)?;
        streams::asf(bytes)?
    } else if head.starts_with(b"GIF8") {
        let gif = images::gif(bytes)?;
        declared.second_recording_byte = gif.second_recording_byte;
        gif.completeness
    } else if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        images::png(bytes)?
    } else if head.starts_with(b"\xff\xd8\xff") {
        jpeg::read(bytes)?
    } else if head.starts_with(&[0, 0, 1, 0xba]) {
        declared.encrypted = scrambling::program_stream(bytes)?;
        Completeness::Unknown
    } else {
        declared.encrypted = scrambling::transport_stream(bytes)?.unwrap_or_default();
        Completeness::Unknown
    };
    Ok(declared)
}

/// Returns the container of a file: what its demuxer stands for, by the brand or the document type that it declares.
pub fn container(demuxer: Container, declared: &Declared) -> Container {
    match (demuxer, declared.major_brand.as_deref()) {
        (Container::Mov, Some("qt  ") | None) => Container::Mov,
        (Container::Mov, Some(brand)) if brand.starts_with("3g") => Container::ThreeGp,
        (Container::Mov, Some(_)) => Container::Mp4,
        (Container::Matroska, _) if declared.doc_type.as_deref() == Some("webm") => Container::WebM,
        (other, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_names_follow_brand_and_document_type() {
        let iso = |brand: &str| Declared { major_brand: Some(brand.into()), ..Declared::default() };
        assert_eq!(container(Container::Mov, &iso("qt  ")), Container::Mov);
        assert_eq!(container(Container::Mov, &iso("isom")), Container::Mp4);
        assert_eq!(container(Container::Mov, &iso("3gp4")), Container::ThreeGp);
        let webm = Declared { doc_type: Some("webm".into()), ..Declared::default() };
        assert_eq!(container(Container::Matroska, &webm), Container::WebM);
        assert_eq!(container(Container::Matroska, &Declared::default()), Container::Matroska);
    }
}
