//! Owned packets.

use ffmpeg_next::ffi;

use super::error::no_memory;
use crate::job::JobError;

/// An owned packet.
pub(crate) struct Packet {
    raw: *mut ffi::AVPacket,
    /// Whether it is the first of its stream after the clock of the container jumped.
    pub(crate) after_jump: bool,
    /// Whether it is the first of a part that an edit list plays.
    pub(crate) begins_edit: bool,
}

// SAFETY: a packet is a heap object with reference-counted, atomically counted data.
unsafe impl Send for Packet {}

impl Packet {
    pub(crate) fn new() -> Result<Packet, JobError> {
        // SAFETY: plain allocation.
        let raw = unsafe { ffi::av_packet_alloc() };
        if raw.is_null() {
            Err(no_memory())
        } else {
            Ok(Packet { raw, after_jump: false, begins_edit: false })
        }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVPacket {
        self.raw
    }

    pub(crate) fn as_ptr(&self) -> *const ffi::AVPacket {
        self.raw
    }

    pub(crate) fn get(&self) -> &ffi::AVPacket {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.raw }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVPacket {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.raw }
    }

    /// Returns whether it holds nothing, as where AVI repeats a frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.get().size == 0 && self.get().side_data_elems == 0
    }

    pub(crate) fn data(&self) -> &[u8] {
        let packet = self.get();
        if packet.data.is_null() || packet.size <= 0 {
            return &[];
        }
        // SAFETY: libav keeps `size` readable bytes at `data` as long as the packet is referenced.
        unsafe { std::slice::from_raw_parts(packet.data, packet.size as usize) }
    }

    /// Creates another reference to the same data.
    pub(crate) fn share(&self) -> Result<Packet, JobError> {
        // SAFETY: self is a valid packet; clone makes a new owner.
        let raw = unsafe { ffi::av_packet_clone(self.raw) };
        if raw.is_null() {
            Err(no_memory())
        } else {
            Ok(Packet { raw, after_jump: false, begins_edit: false })
        }
    }

    pub(crate) fn clear(&mut self) {
        // SAFETY: drops the reference and resets the fields.
        unsafe { ffi::av_packet_unref(self.raw) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::av_packet_free(&mut self.raw) }
    }
}
