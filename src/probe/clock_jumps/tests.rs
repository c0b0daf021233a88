#![allow(clippy::unwrap_used)]
use super::*;

const WRAP: i64 = 1 << 33;
const VIDEO: i64 = 3000;
const AUDIO: i64 = 1920;

fn packet(stream: i32, at: i64, duration: i64) -> PacketTimes {
    let raw = Some(at.rem_euclid(WRAP));
    PacketTimes { stream, dts: raw, pts: raw, duration, key: true }
}

/// Returns the packets of a recording of video and audio from `from` to `until` seconds, in the order of time.
fn recording(from: f64, until: f64, streams: &[(i32, i64)]) -> Vec<PacketTimes> {
    let ticks = |seconds: f64| (seconds * TICKS_PER_S as f64).round() as i64;
    let mut packets: Vec<(i64, PacketTimes)> = Vec::new();
    for &(stream, duration) in streams {
        let count = (ticks(until) - ticks(from)) / duration;
        let times = (0..count).map(|number| ticks(from) + number * duration);
        packets.extend(times.map(|at| (at, packet(stream, at, duration))));
    }
    packets.sort_by_key(|(at, packet)| (*at, packet.stream));
    packets.into_iter().map(|(_, packet)| packet).collect()
}

const BOTH: &[(i32, i64)] = &[(0, VIDEO), (1, AUDIO)];

/// Returns the corrected decode times in seconds by stream, and the joints.
fn corrected(packets: &[PacketTimes], wrap: Option<i64>) -> (BTreeMap<i32, Vec<f64>>, Vec<f64>) {
    let mut corrector = ClockCorrector::new(wrap);
    let mut placements = VecDeque::new();
    packets.iter().for_each(|packet| corrector.add(packet, &mut placements));
    corrector.finish(&mut placements);
    assert_eq!(placements.len(), packets.len(), "every packet is placed once");
    let seconds = |ticks: i64| ticks as f64 / TICKS_PER_S as f64;
    let mut times: BTreeMap<i32, Vec<f64>> = BTreeMap::new();
    for (packet, placement) in packets.iter().zip(placements) {
        times.entry(packet.stream).or_default().push(seconds(packet.dts.unwrap() + placement.dts_shift));
    }
    (times, corrector.joints().iter().map(|at| seconds(*at)).collect())
}

/// Asserts that two recordings of 3 s follow one another in step, without a gap above a packet.
#[track_caller]
fn assert_in_sequence(packets: &[PacketTimes], parts: usize) {
    let (times, joints) = corrected(packets, Some(WRAP));
    assert_eq!(joints.len(), parts - 1, "{joints:?}");
    for (stream, times) in &times {
        for pair in times.windows(2) {
            let step = pair[1] - pair[0];
            assert!(step > 0.0 && step < 0.08, "stream {stream}: {pair:?}");
        }
    }
    let begins = |stream: i32| times[&stream].iter().copied().filter(|at| joints.contains(at)).count();
    assert_eq!((begins(0), begins(1)), (parts - 1, parts - 1), "both streams begin each part: {joints:?}");
}

#[test]
fn joined_recordings_play_one_after_the_other() {
    for start in [1.4, 0.2, 2.0, 4.3, 60.0, 95_443.0, 95_441.0, 50_000.0] {
        let packets = [recording(1.4, 4.4, BOTH), recording(start, start + 3.0, BOTH)].concat();
        assert_in_sequence(&packets, 2);
    }
    let wrapping = [recording(95_442.0, 95_445.0, BOTH), recording(95_442.5, 95_445.5, BOTH)].concat();
    assert_in_sequence(&wrapping, 2);
    let three = [recording(1.4, 2.4, BOTH), recording(1.4, 2.4, BOTH), recording(1.4, 2.4, BOTH)].concat();
    assert_in_sequence(&three, 3);
}

#[test]
fn a_clock_that_wraps_is_continued() {
    let (times, joints) = corrected(&recording(95_440.0, 95_447.0, BOTH), Some(WRAP));
    assert!(joints.is_empty());
    assert!((times[&0].last().unwrap() - times[&0][0] - 6.967).abs() < 0.001);
    // Before the wrap only in decode time.
    let mut corrector = ClockCorrector::new(Some(WRAP));
    let mut out = VecDeque::new();
    let reordered = |at: i64| PacketTimes { pts: Some((at + 6000).rem_euclid(WRAP)), ..packet(0, at, VIDEO) };
    (0..4).for_each(|number| corrector.add(&reordered(WRAP - 4500 + number * VIDEO), &mut out));
    assert_eq!(out.iter().map(|one| one.pts_shift - one.dts_shift).collect::<Vec<_>>(), [WRAP, WRAP, 0, 0]);
}

#[test]
fn gaps_in_a_recording_are_kept() {
    let packets = [recording(1.4, 4.4, BOTH), recording(9.4, 12.4, BOTH)].concat();
    let (times, joints) = corrected(&packets, Some(WRAP));
    assert!(joints.is_empty());
    assert!((times[&0][90] - 9.4).abs() < 1e-4, "{times:?}");
}

#[test]
fn a_jump_of_one_stream_alone_moves_nothing() {
    let mut packets = recording(0.0, 9.0, BOTH);
    for packet in packets.iter_mut().filter(|packet| packet.stream == 1).skip(200) {
        packet.dts = packet.dts.map(|at| (at - 27_000).rem_euclid(WRAP));
    }
    let (times, joints) = corrected(&packets, Some(WRAP));
    assert!(joints.is_empty());
    assert!((times[&1][200] - (200.0 * AUDIO as f64 / 90_000.0 - 0.3)).abs() < 1e-4);
    // A single packet with a wrong time.
    let mut packets = recording(0.0, 9.0, BOTH);
    packets[100].dts = Some(45_000_000);
    assert!(corrected(&packets, Some(WRAP)).1.is_empty());
}

#[test]
fn parts_without_audio_keep_the_others_in_step() {
    let video = &BOTH[..1];
    let packets = [recording(1.4, 4.4, BOTH), recording(1.4, 4.4, video), recording(1.4, 4.4, BOTH)].concat();
    let (times, joints) = corrected(&packets, Some(WRAP));
    assert_eq!(joints.len(), 2);
    assert!((joints[1] - 7.4).abs() < 0.05, "{joints:?}");
    assert!(times[&0].contains(&joints[1]) && times[&1].contains(&joints[1]));
    let late = [recording(1.4, 4.4, video), recording(1.4, 4.4, BOTH)].concat();
    let (times, joints) = corrected(&late, Some(WRAP));
    assert!(times[&0].contains(&joints[0]) && times[&1][0] == joints[0], "{joints:?}");
}

#[test]
fn streams_that_jump_at_different_places_begin_the_part_together() {
    // The last packet of a stream is often read after the first of the next part of another.
    let (first, second) = (recording(1.4, 4.4, BOTH), recording(0.4, 3.4, BOTH));
    let mut packets = first.clone();
    let last_video = packets.iter().rposition(|packet| packet.stream == 0).unwrap();
    let last_video = packets.remove(last_video);
    packets.extend(second.iter().filter(|packet| packet.stream == 1).take(4));
    packets.push(last_video);
    packets.extend(second.iter().filter(|packet| packet.stream == 0).take(1));
    let begun = [0, 1].map(|stream| if stream == 1 { 4 } else { 1 });
    let mut seen = [0, 0];
    for packet in &second {
        let stream = packet.stream as usize;
        seen[stream] += 1;
        if seen[stream] > begun[stream] {
            packets.push(*packet);
        }
    }
    assert_in_sequence(&packets, 2);
}

#[test]
fn clocks_without_a_wrap_and_packets_without_times_are_placed() {
    let packets = [recording(0.0, 3.0, BOTH), recording(0.0, 3.0, BOTH)].concat();
    assert_eq!(corrected(&packets, None).1.len(), 1);
    let mut corrector = ClockCorrector::new(Some(WRAP));
    let mut out = VecDeque::new();
    let untimed = PacketTimes { stream: 5, dts: None, pts: None, duration: 0, key: false };
    let packets = [&[untimed][..], &packets[..], &[untimed]].concat();
    packets.iter().for_each(|packet| corrector.add(packet, &mut out));
    corrector.finish(&mut out);
    assert_eq!(out.len(), packets.len());
    assert_eq!((out[0].dts_shift, out.back().unwrap().dts_shift), (0, 3 * TICKS_PER_S));
}
