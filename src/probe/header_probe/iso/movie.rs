//! Reads the boxes of a movie into tracks.

use super::super::reason::Reason;
use super::boxes::{Node, allow, children, only, required};
use super::encryption::check_pssh;
use super::language::language;
use super::metadata::Metadata;
use super::sample_entry::SampleEntry;
use super::tables::Tables;
use crate::probe::isobmff::FieldReader;

/// The largest number of tracks; the library refuses more streams.
const MAX_TRACKS: usize = 128;
const ONE: i32 = 1 << 16;
const IDENTITY: Matrix = [[ONE, 0, 0], [0, ONE, 0], [0, 0, 1 << 30]];
/// Bytes of a reference to media in another file that the library follows.
const MAX_ALIAS_BYTES: u64 = 150;

/// A transformation: rows of a, b, u; c, d, v; x, y, w.
type Matrix = [[i32; 3]; 3];

/// A movie.
pub(super) struct Movie<'a> {
    pub(super) scale: u32,
    pub(super) duration: u64,
    pub(super) tracks: Vec<Track<'a>>,
    pub(super) metadata: Metadata,
    /// What fragments take over for each track, if there may be fragments.
    pub(super) extends: Vec<Extends>,
}

/// The defaults of the samples of a track in fragments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extends {
    pub(super) id: u32,
    /// The number of the sample entry, from 1.
    pub(super) entry: u32,
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// A track of a movie.
pub(super) struct Track<'a> {
    pub(super) id: u32,
    pub(super) enabled: bool,
    /// The display matrix, unless it changes nothing.
    pub(super) matrix: Option<[i32; 9]>,
    /// The size of the display in pixels.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) scale: u32,
    pub(super) duration: u64,
    pub(super) language: Option<String>,
    pub(super) edits: Vec<Edit>,
    pub(super) entry: SampleEntry<'a>,
    pub(super) tables: Tables,
}

/// An entry of an edit list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The duration in units of the movie.
    pub(super) duration: u64,
    /// The start in units of the media; -1 for a pause.
    pub(super) media_time: i64,
}

/// Reads the content of `moov`. `isom` tells whether the file is no QuickTime movie.
pub(super) fn read(moov: &[u8], isom: bool) -> Result<Movie<'_>, Reason> {
    let nodes = children(moov)?;
    allow(&nodes, &[b"mvhd", b"trak", b"udta", b"meta", b"mvex", b"pssh", b"uuid"])?;
    let header = nodes.first().filter(|node| &node.kind == b"mvhd").ok_or(Reason::Malformed)?;
    required(&nodes, b"mvhd")?;
    let (scale, duration, matrix) = movie_header(header.content).ok_or(Reason::Malformed)?;
    let mut movie =
        Movie { scale, duration, tracks: Vec::new(), metadata: Metadata::default(), extends: Vec::new() };
    for node in &nodes {
        match &node.kind {
            // A cover is a stream behind the tracks before it, and samples are skipped of the last one.
            b"trak" if !movie.metadata.covers.is_empty() || movie.metadata.priming.is_some() => {
                return Err(Reason::Metadata);
            }
            b"trak" => {
                let track = track(node, &matrix, isom, &mut movie.metadata)?;
                movie.tracks.push(track);
            }
            b"udta" => movie.metadata.read_user_data(node.content)?,
            b"meta" => movie.metadata.read_meta(node.content)?,
            b"uuid" => super::uuid::check(node.content)?,
            b"mvex" => movie.extends.extend(extends(node.content)?),
            b"pssh" => check_pssh(node.content)?,
            _ => {}
        }
    }
    movie.metadata.check_order()?;
    let mut ids: Vec<u32> = movie.tracks.iter().map(|track| track.id).collect();
    ids.sort_unstable();
    ids.dedup();
    match ids.len() {
        0 => Err(Reason::MissingIndex),
        count if count < movie.tracks.len() || count > MAX_TRACKS => Err(Reason::Malformed),
        _ => Ok(movie),
    }
}

/// Reads the content of `mvex`.
fn extends(mvex: &[u8]) -> Result<Vec<Extends>, Reason> {
    let nodes = children(mvex)?;
    allow(&nodes, &[b"trex"])?;
    let parse = |node: &Node<'_>| {
        let mut fields = FieldReader(node.content);
        fields.head()?;
        let mut word = || fields.word();
        Some(Extends { id: word()?, entry: word()?, duration: word()?, size: word()?, flags: word()? })
    };
    let found: Option<Vec<Extends>> = nodes.iter().filter(|node| &node.kind == b"trex").map(parse).collect();
    found.filter(|found| !found.is_empty()).ok_or(Reason::Fragments)
}

/// Parses time scale, duration and matrix of the movie header.
fn movie_header(content: &[u8]) -> Option<(u32, u64, Matrix)> {
    let mut fields = FieldReader(content);
    let (version, _) = fields.head().filter(|(version, _)| *version <= 1)?;
    fields.wide(version)?;
    fields.wide(version)?;
    let scale = fields.word().filter(|scale| (1..=i32::MAX as u32).contains(scale))?;
    let duration = fields.wide(version)?;
    fields.bytes(4 + 2 + 10)?;
    let matrix = read_matrix(&mut fields)?;
    fields.bytes(7 * 4)?;
    Some((scale, duration, matrix))
}

fn read_matrix(fields: &mut FieldReader<'_>) -> Option<Matrix> {
    let mut matrix = Matrix::default();
    for value in matrix.as_flattened_mut() {
        *value = fields.word()? as i32;
    }
    Some(matrix)
}

/// Applies the matrix of a movie after that of a track, with the rounding of the library.
fn combine(track: &Matrix, movie: &Matrix) -> Option<Matrix> {
    let mut combined = Matrix::default();
    for (row, out) in track.iter().zip(&mut combined) {
        for (column, value) in out.iter_mut().enumerate() {
            for (at, shift) in [16, 16, 30].into_iter().enumerate() {
                let term = (i64::from(row[at]) * i64::from(movie[at][column])) >> shift;
                *value = value.checked_add(i32::try_from(term).ok()?)?;
            }
        }
    }
    Some(combined)
}

fn track<'a>(
    trak: &Node<'a>,
    movie_matrix: &Matrix,
    isom: bool,
    metadata: &mut Metadata,
) -> Result<Track<'a>, Reason> {
    let nodes = children(trak.content)?;
    allow(&nodes, &[b"tkhd", b"edts", b"tref", b"mdia", b"udta", b"meta", b"uuid"])?;
    let header = track_header(required(&nodes, b"tkhd")?, movie_matrix).ok_or(Reason::Malformed)?;
    for node in &nodes {
        match &node.kind {
            b"udta" => metadata.read_track_data(node.content)?,
            b"meta" => metadata.read_track_meta(node.content)?,
            b"uuid" => super::uuid::check(node.content)?,
            b"tref" => check_references(node.content)?,
            _ => {}
        }
    }
    let edits = match only(&nodes, b"edts")? {
        Some(edts) => {
            let inside = children(edts)?;
            allow(&inside, &[b"elst"])?;
            only(&inside, b"elst")?.map(edit_list).transpose()?.unwrap_or_default()
        }
        None => Vec::new(),
    };
    // The library reads the header and the edits of a track before its samples only in this order.
    let at = |kind: &[u8; 4]| nodes.iter().position(|node| &node.kind == kind);
    let media = at(b"mdia").ok_or(Reason::Malformed)?;
    if at(b"tkhd") > Some(media) {
        return Err(Reason::Malformed);
    }
    let media = read_media(required(&nodes, b"mdia")?, isom)?;
    Ok(Track {
        id: header.id,
        enabled: header.enabled,
        matrix: header.matrix,
        width: header.width,
        height: header.height,
        edits,

        scale: media.scale,
        duration: media.duration,
        language: media.language,
        entry: media.entry,
        tables: media.tables,
    })
}

/// The fields of a track header.
struct TrackHeader {
    id: u32,
    enabled: bool,
    matrix: Option<[i32; 9]>,
    width: u32,
    height: u32,
}

fn track_header(content: &[u8], movie_matrix: &Matrix) -> Option<TrackHeader> {
    let mut fields = FieldReader(content);
    let (version, flags) = fields.head().filter(|(version, _)| *version <= 1)?;
    fields.wide(version)?;
    fields.wide(version)?;
    let id = fields.word().filter(|id| (1..=i32::MAX as u32).contains(id))?;
    fields.bytes(4)?;
    fields.wide(version)?;
    fields.bytes(8 + 2 + 2 + 2 + 2)?;
    let matrix = combine(&read_matrix(&mut fields)?, movie_matrix)?;
    // The library reads sizes as signed numbers.
    let mut side = || fields.word().filter(|side| i32::try_from(*side).is_ok());
    let (width, height) = (side()?, side()?);
    let flat = (matrix != IDENTITY).then(|| {
        let mut flat = [0; 9];
        flat.copy_from_slice(matrix.as_flattened());
        flat
    });
    Some(TrackHeader { id, enabled: flags & 1 != 0, matrix: flat, width: width >> 16, height: height >> 16 })
}

/// Checks the references of a track to others: chapters make more than a track of the one they name.
fn check_references(tref: &[u8]) -> Result<(), Reason> {
    let nodes = children(tref)?;
    allow(&nodes, &[b"tmcd"])?;
    let timecodes = nodes.iter().filter(|node| &node.kind == b"tmcd");
    if timecodes.into_iter().all(|node| node.content.len() >= 4) { Ok(()) } else { Err(Reason::Malformed) }
}

fn edit_list(content: &[u8]) -> Result<Vec<Edit>, Reason> {
    let parse = || {
        let mut fields = FieldReader(content);
        let (version, _) = fields.head().filter(|(version, _)| *version <= 1)?;
        let count = fields.word()? as usize;
        let entry = if version == 1 { 20 } else { 12 };
        if fields.0.len() != count.checked_mul(entry)? {
            return None;
        }
        let mut edits = Vec::new();
        for _ in 0..count {
            let duration = fields.wide(version).filter(|duration| i64::try_from(*duration).is_ok())?;
            let media_time = match version {
                0 => i64::from(fields.word()? as i32),
                _ => fields.take(8)? as i64,
            };
            // A track that plays at another speed is one of the facts, and the library plays it at the normal speed.
            fields.word()?;
            edits.push(Edit { duration, media_time });
        }
        Some(edits)
    };
    parse().ok_or(Reason::Malformed)
}

/// What `mdia` declares.
struct Media<'a> {
    scale: u32,
    duration: u64,
    language: Option<String>,
    entry: SampleEntry<'a>,
    tables: Tables,
}

fn read_media(mdia: &[u8], isom: bool) -> Result<Media<'_>, Reason> {
    let nodes = children(mdia)?;
    allow(&nodes, &[b"mdhd", b"hdlr", b"minf"])?;
    let order: Vec<&[u8; 4]> = nodes.iter().map(|node| &node.kind).collect();
    let at = |kind: &[u8; 4]| order.iter().position(|found| *found == kind);
    if at(b"mdhd").max(at(b"hdlr")) > at(b"minf") {
        return Err(Reason::Malformed);
    }
    let header = media_header(required(&nodes, b"mdhd")?).ok_or(Reason::Malformed)?;
    let handler = handler(required(&nodes, b"hdlr")?).ok_or(Reason::Malformed)?;
    let nodes = children(required(&nodes, b"minf")?)?;
    allow(&nodes, &[b"hdlr", b"dinf", b"stbl"])?;
    if let Some(data) = only(&nodes, b"hdlr")? {
        let data = self::handler(data).ok_or(Reason::Malformed)?;
        if matches!(&data, b"vide" | b"soun" | b"m1a " | b"subp" | b"clcp") {
            return Err(Reason::RareElement);
        }
    }
    if let Some(dinf) = only(&nodes, b"dinf")? {
        check_data_references(dinf)?;
    }
    let nodes = children(required(&nodes, b"stbl")?)?;
    allow(
        &nodes,
        &[
            b"stsd", b"stts", b"ctts", b"stss", b"stsz", b"stz2", b"stsc", b"stco", b"co64", b"sdtp",
            b"sgpd", b"sbgp",
        ],
    )?;
    let stsd = required(&nodes, b"stsd")?;
    let (scale, duration, language) = header;
    let entry = SampleEntry::read(stsd, &handler, isom)?;
    Ok(Media { scale, duration, language: language?, entry, tables: Tables::read(&nodes)? })
}

/// Parses time scale, duration and language of a media header.
fn media_header(content: &[u8]) -> Option<(u32, u64, Result<Option<String>, Reason>)> {
    let mut fields = FieldReader(content);
    let (version, _) = fields.head().filter(|(version, _)| *version <= 1)?;
    fields.wide(version)?;
    fields.wide(version)?;
    let scale = fields.word().filter(|scale| (1..=i32::MAX as u32).contains(scale))?;
    let duration = fields.wide(version)?;
    let language = language(fields.take(2)? as u16);
    Some((scale, duration, language))
}

fn handler(content: &[u8]) -> Option<[u8; 4]> {
    let mut fields = FieldReader(content);
    fields.bytes(8)?;
    let kind = fields.bytes(4)?.try_into().ok();
    fields.bytes(12)?;
    kind
}

/// Checks that the samples are in the file itself.
pub(super) fn check_data_references(dinf: &[u8]) -> Result<(), Reason> {
    let nodes = children(dinf)?;
    allow(&nodes, &[b"dref"])?;
    let Some(dref) = only(&nodes, b"dref")? else { return Ok(()) };
    let mut fields = FieldReader(dref);
    let count =
        fields.head().and_then(|_| fields.word()).filter(|count| *count > 0).ok_or(Reason::Malformed)?;
    for _ in 0..count {
        let size = u64::from(fields.word().filter(|size| *size >= 12).ok_or(Reason::Malformed)?);
        let entry = fields.bytes(size as usize - 4).ok_or(Reason::Malformed)?;
        if entry.starts_with(b"alis") && size > MAX_ALIAS_BYTES {
            return Err(Reason::RareElement);
        }
    }
    Ok(())
}
