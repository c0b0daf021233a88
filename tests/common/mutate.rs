//! Damages media files; the same seed gives the same damage.

use fastrand::Rng;

/// Boundary values that parsers may handle wrongly.
const EDGES: [u32; 8] = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX, 0x0000_ffff];
/// Length of the head of a file, where parsers read most, in bytes.
const HEAD: usize = 4096;

/// Returns a copy of `bytes` with one to four kinds of damage.
pub fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.usize(1..=4) {
        if bytes.len() < 16 {
            break;
        }
        damage(&mut bytes, rng);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = random_offset(bytes.len(), rng);
    let length = rng.usize(1..=256).min(bytes.len() - at);
    match rng.u8(0..8) {
        0..=2 => (0..rng.usize(1..=16)).for_each(|_| {
            let at = random_offset(bytes.len(), rng);
            bytes[at] ^= 1 << rng.u8(0..8);
        }),
        3 | 4 => {
            let edge = EDGES[rng.usize(0..EDGES.len())];
            let edge = if rng.bool() { edge.to_be_bytes() } else { edge.to_le_bytes() };
            for (byte, edge) in bytes[at..].iter_mut().zip(edge) {
                *byte = edge;
            }
        }
        5 => bytes[at..at + length].fill(if rng.bool() { 0 } else { 0xff }),
        6 => {
            let again = bytes[at..at + length].to_vec();
            bytes.splice(at..at, again);
        }
        _ => bytes.truncate(rng.usize(16..=bytes.len())),
    }
}

/// Returns an offset in the head, near the end, or anywhere.
fn random_offset(length: usize, rng: &mut Rng) -> usize {
    match rng.u8(0..4) {
        0 | 1 => rng.usize(0..length.min(HEAD)),
        2 => length - 1 - rng.usize(0..length.min(HEAD)),
        _ => rng.usize(0..length),
    }
}
