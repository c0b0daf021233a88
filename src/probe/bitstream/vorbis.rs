//! The headers of Vorbis (Vorbis I specification, 4.2).
//!
//! The setup header contains code books, on which a decoder depends, so everything in it is validated.

const IDENTIFICATION: u32 = 1;
const SETUP: u32 = 5;
const SIGNATURE: &[u8] = b"vorbis";
const BOOK_SYNC: u32 = 0x56_4342;
const MAX_DIMENSIONS: u32 = 16;
const MAX_ENTRIES: u32 = 1 << 16;
const MAX_PARTITIONS: u32 = 65_535;
/// Exponents of the sizes of blocks.
const BLOCK_EXPONENTS: std::ops::RangeInclusive<u32> = 6..=13;

/// What the headers of a stream say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u32,
    /// The samples of a short and of a long block.
    blocks: [u32; 2],
    /// By mode, whether its blocks are long.
    modes: Vec<bool>,
}

impl Headers {
    /// Parses the three headers as Matroska keeps them (RFC 9559, codec `A_VORBIS`): their number less one, the lengths
    /// of the first two, and the headers. `None` when one is invalid or has a rare form.
    pub fn parse(config: &[u8]) -> Option<Headers> {
        let (&number, mut rest) = config.split_first()?;
        let mut lengths = [0_usize; 2];
        for length in lengths.iter_mut().filter(|_| number == 2) {
            loop {
                let (&part, after) = rest.split_first()?;
                (rest, *length) = (after, *length + usize::from(part));
                if part < u8::MAX {
                    break;
                }
            }
        }
        let (identification, rest) = rest.split_at_checked(lengths[0])?;
        let (_, setup) = rest.split_at_checked(lengths[1])?;
        let mut headers = Headers::identification(identification)?;
        headers.read_setup(&mut LowFirst::header(setup, SETUP)?)?;
        Some(headers)
    }

    /// Returns the sizes of the blocks of the stream.
    pub fn block_sizes(self) -> BlockSizes {
        let before = self.blocks[usize::from(self.modes.first().is_some_and(|is_long| *is_long))];
        BlockSizes { blocks: self.blocks, modes: self.modes, before }
    }

    fn identification(header: &[u8]) -> Option<Headers> {
        let mut bits = LowFirst::header(header, IDENTIFICATION).filter(|_| header.len() == 30)?;
        bits.take(32)?; // version
        let channels = bits.take(8)?;
        let sample_rate = bits.take(32).filter(|rate| i32::try_from(*rate).is_ok())?;
        for _ in 0..3 {
            bits.take(32)?; // bit rates
        }
        let (short, long) = (bits.take(4)?, bits.take(4)?);
        let is_usual = short <= long && BLOCK_EXPONENTS.contains(&short) && BLOCK_EXPONENTS.contains(&long);
        let valid = is_usual && bits.flag()? && channels > 0 && sample_rate > 0;
        let blocks = [1 << short, 1 << long];
        valid.then_some(Headers { sample_rate, channels, blocks, modes: Vec::new() })
    }

    fn read_setup(&mut self, bits: &mut LowFirst<'_>) -> Option<()> {
        let books = bits.take(8)? + 1;
        for _ in 0..books {
            code_book(bits)?;
        }
        for _ in 0..=bits.take(6)? {
            // Time domain transforms, which Vorbis I does not use.
            bits.take(16).filter(|transform| *transform == 0)?;
        }
        let floors = bits.take(6)? + 1;
        for _ in 0..floors {
            floor(bits, books, self.blocks[1] / 2)?;
        }
        let residues = bits.take(6)? + 1;
        for _ in 0..residues {
            residue(bits, books)?;
        }
        let mappings = bits.take(6)? + 1;
        for _ in 0..mappings {
            mapping(bits, self.channels, floors, residues)?;
        }
        for _ in 0..=bits.take(6)? {
            self.modes.push(bits.flag()?);
            // Window and transform.
            bits.take(32).filter(|kinds| *kinds == 0)?;
            bits.index(8, mappings)?;
        }
        bits.flag()?.then_some(())
    }
}

/// The sizes of the blocks of a stream, of which each overlaps the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockSizes {
    blocks: [u32; 2],
    modes: Vec<bool>,
    before: u32,
}

impl BlockSizes {
    /// Returns the samples of the next packet (4.3.1); `None` when it is none of audio.
    pub fn samples(&mut self, packet: &[u8]) -> Option<u32> {
        let &first = packet.first().filter(|first| *first & 1 == 0)?;
        let first = u32::from(first);
        let mode_bits = bit_length(self.modes.len() as u32 - 1);
        let is_long = *self.modes.get((first >> 1 & ((1 << mode_bits) - 1)) as usize)?;
        if is_long {
            // The library leaves room for the number of a single mode.
            self.before = self.blocks[(first >> (mode_bits.max(1) + 1) & 1) as usize];
        }
        let size = self.blocks[usize::from(is_long)];
        let samples = (self.before + size) / 4;
        self.before = size;
        Some(samples)
    }
}

/// Reads bits, the least significant of a byte first. A read past the end gives `None`.
struct LowFirst<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> LowFirst<'a> {
    /// Returns the bits of a header of this kind, behind its signature.
    fn header(bytes: &'a [u8], kind: u32) -> Option<LowFirst<'a>> {
        let signed = bytes.get(1..)?.starts_with(SIGNATURE) && u32::from(bytes[0]) == kind;
        signed.then_some(LowFirst { bytes, at: 8 * (1 + SIGNATURE.len()) })
    }

    fn flag(&mut self) -> Option<bool> {
        let bit = self.bytes.get(self.at / 8)? >> (self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// Reads `count` bits, at most 32, as a number.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, bit| Some(value | u32::from(self.flag()?) << bit))
    }

    /// Reads the number of one of `most` things in `count` bits.
    fn index(&mut self, count: u32, most: u32) -> Option<u32> {
        self.take(count).filter(|index| *index < most)
    }
}

/// Returns the number of bits of a value.
fn bit_length(value: u32) -> u32 {
    32 - value.leading_zeros()
}

/// Reads a code book (3.2.1).
fn code_book(bits: &mut LowFirst<'_>) -> Option<()> {
    bits.take(24).filter(|sync| *sync == BOOK_SYNC)?;
    let dimensions = bits.take(16).filter(|count| (1..=MAX_DIMENSIONS).contains(count))?;
    let entries = bits.take(24).filter(|count| *count <= MAX_ENTRIES)?;
    let mut tree = CodeTree::default();
    if bits.flag()? {
        let (mut read, mut length) = (0, bits.take(5)? + 1);
        while read < entries {
            let number = bits.take(bit_length(entries - read)).filter(|number| *number <= entries - read)?;
            tree.add(length, number)?;
            (read, length) = (read + number, length + 1);
        }
    } else {
        let sparse = bits.flag()?;
        for _ in 0..entries {
            if !sparse || bits.flag()? {
                tree.add(bits.take(5)? + 1, 1)?;
            }
        }
    }
    match bits.take(4)? {
        0 => {}
        1 => {
            let is_finite = |float: u32| exponent(float) < 128 - 21;
            let finite = [bits.take(32)?, bits.take(32)?].into_iter().all(is_finite);
            let (value_bits, _) = (bits.take(4)? + 1, bits.flag()?);
            for _ in 0..root(entries, dimensions) {
                bits.take(value_bits)?;
            }
            finite.then_some(())?;
        }
        _ => return None,
    }
    tree.is_complete().then_some(())
}

/// Returns the binary exponent of a float (9.2.2).
fn exponent(float: u32) -> i32 {
    (float >> 21 & 0x3ff) as i32 - 788
}

/// Returns the largest number whose power `exponent` is at most `value` (9.2.3).
fn root(value: u32, exponent: u32) -> u32 {
    let fits = |root: u32| (0..exponent).try_fold(1_u32, |power, _| power.checked_mul(root));
    (1..=value).take_while(|root| fits(*root).is_some_and(|power| power <= value)).last().unwrap_or(0)
}

/// The room that codes take in a tree, which they must fill.
#[derive(Default)]
struct CodeTree {
    codes: u32,
    /// In leaves of the longest codes, of 32 bits.
    taken: u64,
}

impl CodeTree {
    fn add(&mut self, length: u32, number: u32) -> Option<()> {
        if number == 0 {
            return Some(());
        }
        let room = (1_u64 << 32u32.checked_sub(length)?).checked_mul(number.into())?;
        self.codes += number;
        self.taken = self.taken.checked_add(room).filter(|taken| *taken <= 1 << 32)?;
        Some(())
    }

    /// A single code does not fill a tree.
    fn is_complete(&self) -> bool {
        self.codes == 1 || self.taken == 1 << 32
    }
}

/// Reads a floor of type 1 (7.2.2), the only one that encoders use.
fn floor(bits: &mut LowFirst<'_>, books: u32, half_block: u32) -> Option<()> {
    bits.take(16).filter(|kind| *kind == 1)?;
    let mut classes = Vec::new();
    for _ in 0..bits.take(5)? {
        classes.push(bits.take(4)? as usize);
    }
    let mut dimensions = Vec::new();
    for _ in 0..classes.iter().max().map_or(0, |last| last + 1) {
        dimensions.push(bits.take(3)? + 1);
        let subclasses = bits.take(2)?;
        if subclasses > 0 {
            bits.index(8, books)?;
        }
        for _ in 0..1 << subclasses {
            bits.index(8, books + 1)?; // The number of a book plus one.
        }
    }
    bits.take(2)?; // multiplier
    let range_bits = bits.take(4).filter(|bits| *bits > 0 && 1 << bits <= half_block)?;
    let mut positions = vec![0, 1 << range_bits];
    for class in classes {
        for _ in 0..*dimensions.get(class)? {
            positions.push(bits.take(range_bits)?);
        }
    }
    positions.sort_unstable();
    positions.windows(2).all(|pair| pair[0] < pair[1]).then_some(())
}

/// Reads a residue (8.6.1).
fn residue(bits: &mut LowFirst<'_>, books: u32) -> Option<()> {
    bits.take(16).filter(|kind| *kind <= 2)?;
    let (begin, end, size) = (bits.take(24)?, bits.take(24)?, bits.take(24)? + 1);
    if end.checked_sub(begin)? / size > MAX_PARTITIONS {
        return None;
    }
    let classifications = bits.take(6)? + 1;
    bits.index(8, books)?;
    let mut cascades = 0;
    for _ in 0..classifications {
        cascades += bits.take(3)?.count_ones();
        if bits.flag()? {
            cascades += bits.take(5)?.count_ones();
        }
    }
    for _ in 0..cascades {
        bits.index(8, books)?;
    }
    Some(())
}

/// Reads a mapping (4.2.4).
fn mapping(bits: &mut LowFirst<'_>, channels: u32, floors: u32, residues: u32) -> Option<()> {
    bits.take(16).filter(|kind| *kind == 0)?;
    let submaps = if bits.flag()? { bits.take(4)? + 1 } else { 1 };
    if bits.flag()? {
        let index_bits = bit_length(channels.checked_sub(1).filter(|last| *last > 0)?);
        for _ in 0..=bits.take(8)? {
            let (magnitude, angle) = (bits.index(index_bits, channels)?, bits.index(index_bits, channels)?);
            (magnitude != angle).then_some(())?;
        }
    }
    bits.take(2).filter(|reserved| *reserved == 0)?;
    if submaps > 1 {
        for _ in 0..channels {
            bits.index(4, submaps)?;
        }
    }
    for _ in 0..submaps {
        bits.take(8)?; // a time configuration, which is unused
        bits.index(8, floors)?;
        bits.index(8, residues)?;
    }
    Some(())
}
