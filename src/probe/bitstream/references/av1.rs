//! The order hints of AV1 (AV1 bitstream specification, 5.9.2): each frame states its place in display order. Decoders
//! use whatever a slot holds, so that a lost frame shows only by a hole in these.

use super::super::Bits;
use super::super::av1::{FrameFields, OBU_SEQUENCE_HEADER, frame_fields, leb128};
use super::display_order::{DisplayOrder, Numbered};
use super::sample_info::SampleInfo;

/// Units read per sample: one frame is shown, few others are hidden.
const MAX_UNITS: usize = 64;
const SLOTS: usize = 8;
const KEY_FRAME: u32 = 0;
const INTRA_ONLY_FRAME: u32 = 2;
const SWITCH_FRAME: u32 = 3;

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    order: Option<u32>,
    shown: bool,
    key: bool,
    /// The slots that it replaces, by bit.
    refreshes: u32,
}

/// Follows the order hints of a stream.
#[derive(Default)]
pub(super) struct OrderHints {
    fields: Option<FrameFields>,
    slots: [Option<u32>; SLOTS],
}

impl OrderHints {
    pub(super) fn from_config(config: &[u8]) -> OrderHints {
        let mut hints = OrderHints::default();
        hints.configure(config);
        hints
    }

    /// Takes an `av1C` record or the units in front of a bare stream.
    pub(super) fn configure(&mut self, config: &[u8]) {
        let units = if config.first() == Some(&0x81) { config.get(4..).unwrap_or_default() } else { config };
        self.frames(units);
    }

    pub(super) fn restart(&mut self) {
        self.slots = [None; SLOTS];
    }

    /// Adds a sample, of which one frame is shown. Missing frames show only in the display order.
    pub(super) fn add(&mut self, sample: &[u8], info: SampleInfo, order: &mut DisplayOrder) {
        let shown = self.frames(sample);
        let numbered = shown.and_then(|frame| Some((frame, frame.order?, self.fields?.order_bits)));
        let Some((frame, number, bits)) = numbered else {
            if !sample.is_empty() {
                order.end_sequence();
            }
            return;
        };
        if frame.key {
            order.end_sequence();
        }
        let disposable = frame.refreshes == 0;
        order.add(info.time, Numbered { order: number, modulus: 1 << bits, disposable, begins: frame.key });
    }

    /// Reads the units of a sample. Returns the frame that is shown.
    fn frames(&mut self, sample: &[u8]) -> Option<Frame> {
        let (mut rest, mut shown) = (sample, None);
        for _ in 0..MAX_UNITS {
            let Some((kind, unit, after)) = unit(rest) else { break };
            match kind {
                OBU_SEQUENCE_HEADER => self.fields = frame_fields(&mut Bits::new(unit)),
                // A frame header, alone or with its tiles.
                3 | 6 => {
                    let frame = self.frame(unit)?;
                    for slot in (0..SLOTS).filter(|slot| frame.refreshes >> slot & 1 == 1) {
                        self.slots[slot] = frame.order;
                    }
                    shown = Some(frame).filter(|frame| frame.shown).or(shown);
                }
                _ => {}
            }
            rest = after;
        }
        shown
    }

    /// Parses the start of a frame header.
    fn frame(&self, unit: &[u8]) -> Option<Frame> {
        const ALL: u32 = (1 << SLOTS) - 1;
        let fields = self.fields?;
        let mut bits = Bits::new(unit.get(..unit.len().min(32))?);
        if bits.flag()? {
            // A frame that is decoded already is shown; only a key frame replaces the others then.
            let order = self.slots.get(bits.take(3)? as usize).copied().flatten();
            return Some(Frame { order, shown: true, key: false, refreshes: 0 });
        }
        let kind = bits.take(2)?;
        let shown = bits.flag()?;
        if !shown {
            bits.skip(1)?; // showable_frame
        }
        let key = kind == KEY_FRAME && shown;
        let resilient = kind == SWITCH_FRAME || key || bits.flag()?;
        bits.skip(1)?; // disable_cdf_update
        let screen_content = if fields.screen_content == 2 { bits.take(1)? } else { fields.screen_content };
        if screen_content == 1 && fields.integer_vectors == 2 {
            bits.skip(1)?;
        }
        bits.skip(fields.id_bits as usize)?;
        if kind != SWITCH_FRAME {
            bits.skip(1)?; // frame_size_override_flag
        }
        let order = bits.take(fields.order_bits)?;
        if !(matches!(kind, KEY_FRAME | INTRA_ONLY_FRAME) || resilient) {
            bits.skip(3)?; // primary_ref_frame
        }
        let refreshes = if kind == SWITCH_FRAME || key { ALL } else { bits.take(8)? };
        Some(Frame { order: Some(order), shown, key, refreshes })
    }
}

/// Splits the first unit off. Returns its type, its content and what follows.
fn unit(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let mut bits = Bits::new(bytes.get(..bytes.len().min(16))?);
    bits.skip(1)?;
    let kind = bits.take(4)?;
    let (extended, sized) = (bits.flag()?, bits.flag()?);
    bits.skip(1 + if extended { 8 } else { 0 })?;
    let header = 1 + usize::from(extended);
    if !sized {
        return Some((kind, bytes.get(header..)?, &[]));
    }
    let length = usize::try_from(leb128(&mut bits)?).ok()?;
    let start = bytes.len().min(16) - bits.left() / 8;
    let (unit, after) = bytes.get(start..)?.split_at_checked(length)?;
    Some((kind, unit, after))
}
