//! The ids of elements (RFC 9559, 5).

pub(super) const VOID: u32 = 0xec;
pub(super) const CRC: u32 = 0xbf;
pub(super) const SEGMENT: u32 = 0x1853_8067;
pub(super) const SEEK_HEAD: u32 = 0x114d_9b74;
pub(super) const SEEK: u32 = 0x4dbb;
pub(super) const SEEK_ID: u32 = 0x53ab;
pub(super) const SEEK_POSITION: u32 = 0x53ac;
pub(super) const INFO: u32 = 0x1549_a966;
pub(super) const TRACKS: u32 = 0x1654_ae6b;
pub(super) const CHAPTERS: u32 = 0x1043_a770;
pub(super) const ATTACHMENTS: u32 = 0x1941_a469;
pub(super) const CLUSTER: u32 = 0x1f43_b675;
pub(super) const CUES: u32 = 0x1c53_bb6b;
pub(super) const TAGS: u32 = 0x1254_c367;

pub(super) const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
pub(super) const DURATION: u32 = 0x4489;

pub(super) const TRACK_ENTRY: u32 = 0xae;
pub(super) const TRACK_NUMBER: u32 = 0xd7;
pub(super) const TRACK_UID: u32 = 0x73c5;
pub(super) const TRACK_TYPE: u32 = 0x83;
pub(super) const FLAG_DEFAULT: u32 = 0x88;
pub(super) const DEFAULT_DURATION: u32 = 0x23_e383;
pub(super) const TRACK_TIMESTAMP_SCALE: u32 = 0x23_314f;
pub(super) const NAME: u32 = 0x536e;
pub(super) const LANGUAGE: u32 = 0x22_b59c;
pub(super) const CODEC_ID: u32 = 0x86;
pub(super) const CODEC_PRIVATE: u32 = 0x63a2;
pub(super) const CODEC_DELAY: u32 = 0x56aa;
pub(super) const ENCODINGS: u32 = 0x6d80;
pub(super) const OPERATION: u32 = 0xe2;
pub(super) const BLOCK_ADDITION_MAPPING: u32 = 0x41e4;
pub(super) const VIDEO: u32 = 0xe0;
pub(super) const AUDIO: u32 = 0xe1;

pub(super) const FLAG_INTERLACED: u32 = 0x9a;
pub(super) const FIELD_ORDER: u32 = 0x9d;
pub(super) const STEREO_MODE: u32 = 0x53b8;
pub(super) const ALPHA_MODE: u32 = 0x53c0;
pub(super) const PIXEL_WIDTH: u32 = 0xb0;
pub(super) const PIXEL_HEIGHT: u32 = 0xba;
/// What is cut off at the bottom, the top, the left and the right.
pub(super) const PIXEL_CROPS: [u32; 4] = [0x54aa, 0x54bb, 0x54cc, 0x54dd];
pub(super) const DISPLAY_WIDTH: u32 = 0x54b0;
pub(super) const DISPLAY_HEIGHT: u32 = 0x54ba;
pub(super) const DISPLAY_UNIT: u32 = 0x54b2;
pub(super) const UNCOMPRESSED_FOURCC: u32 = 0x2e_b524;
pub(super) const FRAME_RATE: u32 = 0x23_83e3;
pub(super) const COLOUR: u32 = 0x55b0;
pub(super) const MATRIX_COEFFICIENTS: u32 = 0x55b1;
pub(super) const RANGE: u32 = 0x55b9;
pub(super) const TRANSFER: u32 = 0x55ba;
pub(super) const PRIMARIES: u32 = 0x55bb;
pub(super) const MAX_CLL: u32 = 0x55bc;
pub(super) const MAX_FALL: u32 = 0x55bd;
pub(super) const MASTERING: u32 = 0x55d0;
pub(super) const PROJECTION: u32 = 0x7670;

pub(super) const SAMPLING_FREQUENCY: u32 = 0xb5;
pub(super) const OUTPUT_FREQUENCY: u32 = 0x78b5;
pub(super) const CHANNELS: u32 = 0x9f;
pub(super) const BIT_DEPTH: u32 = 0x6264;

pub(super) const TIMESTAMP: u32 = 0xe7;
pub(super) const SIMPLE_BLOCK: u32 = 0xa3;
pub(super) const BLOCK_GROUP: u32 = 0xa0;
pub(super) const BLOCK: u32 = 0xa1;
pub(super) const BLOCK_DURATION: u32 = 0x9b;
pub(super) const REFERENCE_BLOCK: u32 = 0xfb;

pub(super) const TAG: u32 = 0x7373;
pub(super) const TARGETS: u32 = 0x63c0;
pub(super) const TARGET_TYPE: u32 = 0x63ca;
pub(super) const TAG_TRACK_UID: u32 = 0x63c5;
pub(super) const TAG_EDITION_UID: u32 = 0x63c9;
pub(super) const TAG_CHAPTER_UID: u32 = 0x63c4;
pub(super) const TAG_ATTACHMENT_UID: u32 = 0x63c6;
pub(super) const SIMPLE_TAG: u32 = 0x67c8;
pub(super) const TAG_NAME: u32 = 0x45a3;
pub(super) const TAG_LANGUAGE: u32 = 0x447a;
pub(super) const TAG_DEFAULT: u32 = 0x4484;
pub(super) const TAG_STRING: u32 = 0x4487;
