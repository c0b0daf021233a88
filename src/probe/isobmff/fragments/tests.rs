#![allow(clippy::unwrap_used)]
use super::super::boxes::{boxes, make};
use super::super::read;
use crate::model::Completeness;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A `moov` with one track of 10 ticks per second; `declared` is a duration in tenths of a second, 0 for none.
fn moov(declared: u32) -> Vec<u8> {
    let mdhd = make(b"mdhd", &words(&[0, 0, 0, 10, 0, 0]));
    let trak = [make(b"tkhd", &words(&[0, 0, 0, 1])), make(b"mdia", &mdhd)].concat();
    let trex = make(b"trex", &words(&[0, 1, 1, 5, 100, 0]));
    let mehd = if declared > 0 { make(b"mehd", &words(&[0, declared])) } else { Vec::new() };
    let inside = [
        make(b"mvhd", &words(&[0, 0, 0, 10, 0])),
        make(b"trak", &trak),
        make(b"mvex", &[mehd, trex].concat()),
    ];
    make(b"moov", &inside.concat())
}

/// Two samples of half a second and 100 bytes each, from `at` tenths of a second on.
fn fragment(at: u32) -> Vec<u8> {
    let run = |offset: u32| {
        [
            make(b"tfhd", &words(&[0, 1])),
            make(b"tfdt", &words(&[0, at])),
            make(b"trun", &words(&[1, 2, offset])),
        ]
        .concat()
    };
    let moof = |offset| make(b"moof", &make(b"traf", &run(offset)));
    let length = moof(0).len() as u32 + 8;
    [moof(length), make(b"mdat", &[0; 200])].concat()
}

fn completeness(file: &[u8]) -> Completeness {
    read(file).unwrap().unwrap().completeness
}

fn missing(file: &[u8]) -> Option<f64> {
    match completeness(file) {
        Completeness::Missing { first_missing_s, .. } => first_missing_s,
        other => panic!("{other:?}"),
    }
}

#[test]
fn finds_the_first_missing_sample_of_a_truncated_fragment() {
    let video = [moov(0), fragment(0), fragment(10), fragment(20)].concat();
    assert_eq!(missing(&video[..video.len() - 1]), Some(2.5));
    assert_eq!(missing(&video[..video.len() - 101]), Some(2.0));
    // Within the last `moof`.
    assert_eq!(missing(&video[..video.len() - 220]), Some(2.0));
    // A file that ends between two fragments looks complete.
    assert_eq!(completeness(&video), Completeness::Unknown);
}

#[test]
fn compares_the_declared_duration() {
    assert_eq!(completeness(&[moov(20), fragment(0), fragment(10)].concat()), Completeness::Whole);
    assert_eq!(missing(&[moov(30), fragment(0), fragment(10)].concat()), Some(2.0));
}

#[test]
fn an_index_at_the_end_shows_that_a_longer_duration_is_a_lie() {
    let index = |header: &[u8], moved: u32| {
        let offset = |number: usize| (header.len() + number * fragment(0).len()) as u32 + moved;
        let entries = [words(&[0, 1, 0, 2, 0, offset(0)]), vec![1; 3], words(&[10, offset(1)]), vec![1; 3]];
        make(b"mfra", &make(b"tfra", &entries.concat()))
    };
    let header = moov(900);
    for moved in [0, 12] {
        let video = [header.clone(), fragment(0), fragment(10), index(&header, moved)].concat();
        let layout = read(&video[..]).unwrap().unwrap();
        assert_eq!(layout.completeness, Completeness::Whole, "moved by {moved}");
        assert_eq!((layout.durations.contradicted_s, layout.durations.measured_s), (Some(90.0), Some(2.0)));
    }
    // The last fragment is missing although the index lists it.
    let truncated = [header.clone(), fragment(0), index(&header, 0)].concat();
    assert_eq!(missing(&truncated), Some(1.0));
}

#[test]
fn counts_samples_without_data() {
    let run = [
        make(b"tfhd", &words(&[0, 1])),
        make(b"tfdt", &words(&[0, 20])),
        make(b"trun", &words(&[0x201, 3, 100, 50, 0, 50])),
    ];
    let last = [make(b"moof", &make(b"traf", &run.concat())), make(b"mdat", &[0; 200])].concat();
    let video = [moov(0), fragment(0), last].concat();
    let top = boxes(&video[..], 0, video.len() as u64).unwrap();
    let counted = super::counted_samples(&video[..], &top).unwrap();
    let found = &counted[&1];
    assert_eq!((found.count, found.empty.count, &found.empty.at_s[..]), (5, 1, &[2.5][..]));
    assert_eq!(found.duration_s, Some(3.5));
}

#[test]
fn compares_the_segment_index() {
    let length = fragment(0).len() as u32;
    let list = words(&[0, 1, 10, 0, 0, 2, length, 10, 0, length, 10, 0]);
    let video = [moov(0), make(b"sidx", &list), fragment(0), fragment(10)].concat();
    assert_eq!(completeness(&video), Completeness::Whole);
    assert_eq!(missing(&video[..video.len() - length as usize]), Some(1.0));
}

#[test]
fn compares_the_random_access_index() {
    let video = [moov(0), fragment(0), fragment(10)].concat();
    let offset = |number: usize| (moov(0).len() + number * fragment(0).len()) as u32;
    let index = |second: u32| {
        let entries =
            [words(&[0, 1, 0, 2, 0, offset(0)]), vec![1; 3], words(&[10, second]), vec![1; 3]].concat();
        make(b"mfra", &make(b"tfra", &entries))
    };
    assert_eq!(completeness(&[video.clone(), index(offset(1))].concat()), Completeness::Whole);
    assert_eq!(missing(&[video, index(offset(2))].concat()), Some(1.0));
}
