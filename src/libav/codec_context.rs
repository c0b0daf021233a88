//! Owned contexts of decoders and encoders.

use ffmpeg_next::ffi;

use super::error::no_memory;
use crate::job::JobError;

/// An owned codec context, open or not.
pub(crate) struct CodecContext(*mut ffi::AVCodecContext);

// SAFETY: used by one thread at a time; its own threads are joined before it is freed.
unsafe impl Send for CodecContext {}

impl CodecContext {
    /// Allocates a context.
    ///
    /// # Safety
    /// `codec` is null or a codec of the library.
    pub(crate) unsafe fn for_codec(codec: *const ffi::AVCodec) -> Result<CodecContext, JobError> {
        // SAFETY: by the contract; null is allowed.
        let raw = unsafe { ffi::avcodec_alloc_context3(codec) };
        if raw.is_null() { Err(no_memory()) } else { Ok(CodecContext(raw)) }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVCodecContext {
        self.0
    }

    pub(crate) fn get(&self) -> &ffi::AVCodecContext {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.0 }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVCodecContext {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.0 }
    }
}

impl Drop for CodecContext {
    fn drop(&mut self) {
        // SAFETY: ours alone; closes the codec first.
        unsafe { ffi::avcodec_free_context(&mut self.0) }
    }
}
