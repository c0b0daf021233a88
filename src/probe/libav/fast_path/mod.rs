//! The fast path: completes the facts from header and parameter sets, without decoding.
//!
//! libav's stream analysis decodes the first frames, which takes forty times as long as opening the
//! file. In ISO files and Matroska, the parameter sets or the first bytes of the first frame contain the
//! same facts, and this module reads them from there. When anything is missing, contradictory or unusual,
//! it returns [`Unresolved`], and a full scan follows.

mod audio;
mod complete;
mod duration;
mod expected_packet;
mod first_packets;
mod fragments;
mod unresolved;
mod video;

pub(super) use self::complete::complete_facts;
pub(super) use self::fragments::complete as complete_fragmented;
pub(super) use self::unresolved::Unresolved;
