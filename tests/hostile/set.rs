//! One hundred hostile files, synthetic or damaged fixtures.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::common::{TestDir, fixture, mutate::mutate};

/// The number of files.
pub const FILES: usize = 100;

/// Returns an ISO box with its content.
fn iso_box(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], content].concat()
}

fn u32s(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// Returns a Matroska element with an eight-byte length.
fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let mut length = (content.len() as u64).to_be_bytes();
    length[0] = 1;
    [id, &length, content].concat()
}

const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];

/// Returns a Matroska file with one square VP8 track of the given width.
fn matroska(width: u32, cluster: &[u8]) -> Vec<u8> {
    let head = element(&EBML, &element(&[0x42, 0x82], b"matroska"));
    let video = [element(&[0xb0], &width.to_be_bytes()), element(&[0xba], &width.to_be_bytes())].concat();
    let track = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[1]),
        element(&[0x86], b"V_VP8"),
        element(&[0xe0], &video),
    ];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat()));
    [head, element(&SEGMENT, &[tracks, cluster.to_vec()].concat())].concat()
}

/// Returns an MP4 with one track and the given data reference and sample tables.
fn iso(width: u16, data_reference: &[u8], tables: &[Vec<u8>]) -> Vec<u8> {
    let ftyp = iso_box(b"ftyp", b"isom\0\0\0\0isom");
    let mut entry = vec![0; 78];
    entry[7] = 1;
    entry[24..26].copy_from_slice(&width.to_be_bytes());
    entry[26..28].copy_from_slice(&width.to_be_bytes());
    let stsd = iso_box(b"stsd", &[u32s(&[0, 1]), iso_box(b"mp4v", &entry)].concat());
    let stbl = iso_box(b"stbl", &[stsd, tables.concat()].concat());
    let dinf = iso_box(b"dinf", &iso_box(b"dref", &[u32s(&[0, 1]), data_reference.to_vec()].concat()));
    let minf = iso_box(b"minf", &[iso_box(b"vmhd", &u32s(&[1, 0, 0])), dinf, stbl].concat());
    let hdlr = iso_box(b"hdlr", &[u32s(&[0, 0]), b"vide".to_vec(), vec![0; 13]].concat());
    let mdia = iso_box(b"mdia", &[iso_box(b"mdhd", &u32s(&[0, 0, 0, 1000, 1000, 0])), hdlr, minf].concat());
    let tkhd = iso_box(b"tkhd", &[u32s(&[7, 0, 0, 1, 0, 1000]), vec![0; 60]].concat());
    let moov = [
        iso_box(b"mvhd", &[u32s(&[0, 0, 0, 1000, 1000]), vec![0; 80]].concat()),
        iso_box(b"trak", &[tkhd, mdia].concat()),
    ];
    [ftyp, iso_box(b"moov", &moov.concat()), iso_box(b"mdat", &[0; 64])].concat()
}

fn ordinary_tables() -> Vec<Vec<u8>> {
    vec![
        iso_box(b"stts", &u32s(&[0, 1, 1, 1000])),
        iso_box(b"stsc", &u32s(&[0, 1, 1, 1, 1])),
        iso_box(b"stsz", &u32s(&[0, 64, 1])),
        iso_box(b"stco", &u32s(&[0, 1, 40])),
    ]
}

/// Returns text files that refer to other files or addresses, with their usual extensions and as videos.
fn playlists(canary: &Path, port: u16) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let url = format!("http://127.0.0.1:{port}/video.mp4");
    for (kind, target) in [("file", canary.display().to_string()), ("address", url)] {
        let hls = format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-KEY:METHOD=AES-128,URI=\"{target}\"\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n"
        );
        let concat = format!("ffconcat version 1.0\nfile '{target}'\n");
        let dash = format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT9S\"><Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>{target}</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>"
        );
        let sdp = format!(
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{target}\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
        );
        let asx = format!("<asx version=\"3.0\"><entry><ref href=\"{target}\"/></entry></asx>");
        let lines = format!("{target}\n");
        for (extension, text) in [("m3u8", &hls), ("ffconcat", &concat), ("mpd", &dash)] {
            files.push((format!("{kind}.{extension}"), text.clone().into_bytes()));
        }
        for (name, text) in [
            ("hls", &hls),
            ("concat", &concat),
            ("dash", &dash),
            ("sdp", &sdp),
            ("asx", &asx),
            ("lines", &lines),
        ] {
            files.push((format!("{kind}-{name}.mp4"), text.clone().into_bytes()));
        }
        let reference = [u32s(&[0]), target.clone().into_bytes(), vec![0]].concat();
        files.push((
            format!("{kind}-reference.mp4"),
            iso(64, &iso_box(b"url ", &reference), &ordinary_tables()),
        ));
        // A QuickTime alias: a fixed header, then the absolute path as record 18.
        let path = target.as_bytes();
        let alias = [
            vec![0; 154],
            [18_u16, path.len() as u16].map(u16::to_be_bytes).concat(),
            path.to_vec(),
            vec![0; 6],
        ];
        files.push((
            format!("{kind}-alias.mov"),
            iso(64, &iso_box(b"alis", &alias.concat()), &ordinary_tables()),
        ));
        let external = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}?x=.m3u8\n");
        files.push((format!("{kind}-master.ts"), external.into_bytes()));
    }
    files
}

/// Returns files whose structures declare wrong sizes or counts.
fn malformed_files() -> Vec<(String, Vec<u8>)> {
    let sets =
        [other_files(), malformed_boxes(), malformed_tables(), malformed_matroska(), malformed_images()];
    sets.into_iter().flatten().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

type NamedFile = (&'static str, Vec<u8>);

/// Returns files that are no media, or streams of nothing.
fn other_files() -> Vec<NamedFile> {
    let mut avi = std::fs::read(fixture("pypi-gradio-b.avi")).unwrap();
    let header = avi.windows(4).position(|window| window == b"strf").unwrap();
    avi[header + 12..header + 20].fill(0x7f);
    vec![
        ("nothing.mp4", Vec::new()),
        ("a-byte.mp4", vec![0]),
        ("zeros.mp4", vec![0; 65536]),
        ("ones.mkv", vec![255; 65536]),
        ("text.mp4", b"These are the notes of a meeting.\n".repeat(50)),
        ("page.mp4", b"<!doctype html><video src=x>".to_vec()),
        ("archive.mp4", [b"PK\x03\x04".to_vec(), vec![0; 500]].concat()),
        ("program.mp4", b"\x7fELF\x02\x01\x01".repeat(100)),
        ("huge.avi", avi),
        ("one-packet.ts", [vec![0x47, 0x40, 0, 0x10], vec![255; 184]].concat().repeat(3)),
        ("loops.flv", [b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(), vec![9; 4000]].concat()),
        ("pages.ogg", b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff".repeat(200)),
        ("zeros.wmv", [&[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11][..], &[0; 4000]].concat()),
    ]
}

fn malformed_boxes() -> Vec<NamedFile> {
    let nested = |kind: &[u8; 4], depth: usize| (0..depth).fold(Vec::new(), |inner, _| iso_box(kind, &inner));
    let sized = |size: u64| {
        let head = if size < 2 { (size as u32).to_be_bytes() } else { 1_u32.to_be_bytes() };
        [
            iso_box(b"ftyp", b"isom\0\0\0\0"),
            head.to_vec(),
            b"moov".to_vec(),
            size.to_be_bytes().to_vec(),
            vec![0; 64],
        ]
        .concat()
    };
    // A compressed index that declares two gigabytes.
    let compressed = [&0x7fff_ffff_u32.to_be_bytes()[..], &[0x78, 0x9c, 0x63, 0, 1]].concat();
    let cmov = iso_box(b"cmov", &[iso_box(b"dcom", b"zlib"), iso_box(b"cmvd", &compressed)].concat());
    vec![
        ("size-0.mp4", sized(0)),
        ("size-1.mp4", sized(1)),
        ("size-7.mp4", [iso_box(b"ftyp", b"isom"), vec![0, 0, 0, 7], b"moov".to_vec()].concat()),
        ("size-2-63.mp4", sized(1 << 63)),
        ("size-2-64.mp4", sized(u64::MAX)),
        ("deep.mp4", [iso_box(b"ftyp", b"isom"), nested(b"moov", 20_000)].concat()),
        ("deep-meta.mp4", [iso_box(b"ftyp", b"isom"), iso_box(b"moov", &nested(b"udta", 20_000))].concat()),
        ("wide.mp4", [iso_box(b"ftyp", b"isom"), iso_box(b"free", &[]).repeat(100_000)].concat()),
        (
            "many-tracks.mp4",
            [iso_box(b"ftyp", b"isom"), iso_box(b"moov", &iso_box(b"trak", &[]).repeat(50_000))].concat(),
        ),
        ("compressed.mov", [iso_box(b"ftyp", b"qt  "), iso_box(b"moov", &cmov)].concat()),
    ]
}

fn malformed_tables() -> Vec<NamedFile> {
    let ordinary = iso_box(b"url ", &u32s(&[1]));
    let with = |kind: &[u8; 4], content: &[u32]| {
        let mut tables = ordinary_tables();
        let index = tables.iter().position(|table| &table[4..8] == kind).unwrap();
        tables[index] = iso_box(kind, &u32s(content));
        iso(64, &ordinary, &tables)
    };
    vec![
        ("huge.mp4", iso(u16::MAX, &ordinary, &ordinary_tables())),
        ("many-times.mp4", with(b"stts", &[0, u32::MAX, 1, 1])),
        ("long-times.mp4", with(b"stts", &[0, 1, u32::MAX, u32::MAX])),
        ("many-samples.mp4", with(b"stsz", &[0, 1, u32::MAX])),
        ("listed-samples.mp4", with(b"stsz", &[0, 0, 0x3fff_ffff])),
        ("many-chunks.mp4", with(b"stco", &[0, 0x3fff_ffff, 1])),
        ("samples-of-chunk.mp4", with(b"stsc", &[0, 1, 1, u32::MAX, 1])),
    ]
}

fn malformed_matroska() -> Vec<NamedFile> {
    let lace = |lacing: u8, tail: &[u8]| {
        let block = [&[0x81, 0, 0, lacing], tail].concat();
        matroska(
            64,
            &element(&[0x1f, 0x43, 0xb6, 0x75], &[element(&[0xe7], &[0]), element(&[0xa3], &block)].concat()),
        )
    };
    let chapters = (0..5000).fold(Vec::new(), |inner: Vec<u8>, _| element(&[0xb6], &inner));
    vec![
        ("huge.mkv", matroska(0x7fff_ffff, &[])),
        ("lacing-ebml.mkv", lace(6, &[254, 0xff, 0xff, 0xff, 0xff])),
        ("lacing-xiph.mkv", lace(2, &[254; 300])),
        ("lacing-fixed.mkv", lace(4, &[255, 1, 2, 3])),
        ("deep.mkv", matroska(64, &element(&[0x10, 0x43, 0xa7, 0x70], &element(&[0x45, 0xb9], &chapters)))),
        ("endless.mkv", [&EBML[..], &[1, 255, 255, 255, 255, 255, 255, 254]].concat()),
    ]
}

fn malformed_images() -> Vec<NamedFile> {
    let gif = |size: [u8; 2]| {
        let image = [b",\0\0\0\0", &size[..], &size, &[0, 2, 2, 0x4c, 1, 0]].concat();
        [b"GIF89a", &size[..], &size, &[0x80, 0, 0, 0, 0, 0, 255, 255, 255], &image, b";"].concat()
    };
    let png = [
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\0\0\0\0\0\0\0".to_vec(),
        b"\0\0\0\0IDAT\0\0\0\0\0\0\0\0IEND\0\0\0\0".to_vec(),
    ];
    vec![("huge.gif", gif([255, 255])), ("huge.png", png.concat())]
}

/// Returns file names with a special meaning to a shell, FFmpeg or a terminal.
fn names() -> Vec<Vec<u8>> {
    let names: [&[u8]; 14] = [
        b"concat:a.mp4|b.mp4",
        b"-i",
        b"-f.mp4",
        b"a\nb.mp4",
        b"a\tb\x1b[31m.mp4",
        b"\xff\xfe\x80.mp4",
        b"img%03d.png.mp4",
        b"*.mp4",
        b"$(touch x).mp4",
        b"http:__127.0.0.1_x.mp4",
        b"subfile,,start,0,end,0,,:x.mp4",
        b"pipe:0",
        b" .mp4",
        "\u{202e}4pm.exe.mp4".as_bytes(),
    ];
    names.map(<[u8]>::to_vec).to_vec()
}

/// Writes the files below `folder` and returns their paths. Some refer to the file `canary` and the local `port`.
pub fn write_files(dir: &TestDir, folder: &str, canary: &Path, port: u16) -> Vec<PathBuf> {
    const SPARSE: [(&str, &[u8]); 4] = [
        ("sparse.mp4", b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x01mdat\0\0\0\xff\xff\xff\xff\xf0"),
        ("sparse-zeros.mp4", b"\0\0\0\x10ftypisom\0\0\0\0"),
        (
            "sparse.mkv",
            b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("sparse.ts", b"\x47"),
    ];
    let mut written = Vec::new();
    for (name, bytes) in playlists(canary, port).into_iter().chain(malformed_files()) {
        written.push(dir.write(&format!("{folder}/{name}"), bytes));
    }
    for (name, head) in SPARSE {
        let path = dir.write(&format!("{folder}/{name}"), head);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        written.push(path);
    }
    let video = std::fs::read(fixture("pypi-gradio-a.mp4")).unwrap();
    for name in names() {
        let path = dir.path(folder).join(std::ffi::OsStr::from_bytes(&name));
        std::fs::write(&path, &video).unwrap();
        written.push(path);
    }
    let videos =
        ["npm-vide-ocean.webm", "pypi-gradio-b.avi", "pypi-gradio-a.mp4", "pypi-gradio-screenshot.gif"];
    for (seed, video) in videos.iter().cycle().take(FILES.saturating_sub(written.len())).enumerate() {
        let mutant = mutate(&std::fs::read(fixture(video)).unwrap(), &mut Rng::with_seed(seed as u64));
        let extension = video.rsplit_once('.').unwrap().1;
        written.push(dir.write(&format!("{folder}/damaged{seed}.{extension}"), mutant));
    }
    assert_eq!(written.len(), FILES);
    written
}
