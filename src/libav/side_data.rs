//! Hides differences between the supported versions of FFmpeg's libraries (5.1 to 9).

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::ffi_enums::number;

/// Returns the side data of a stream with the given `AVPacketSideDataType`.
///
/// FFmpeg stores it in the stream up to 6.0 and in the codec parameters since; 6.1 and 7 fill both.
///
/// # Safety
/// `stream` belongs to an open context, and the slice must not be used after that is closed or read.
pub(crate) unsafe fn side_data<'a>(stream: *const ffi::AVStream, kind: c_int) -> Option<&'a [u8]> {
    // SAFETY: the array has the length stated beside it and each entry the size it states.
    unsafe {
        #[cfg(not(ffmpeg_6_1))]
        let (entries, count) = ((*stream).side_data, (*stream).nb_side_data);
        #[cfg(ffmpeg_6_1)]
        let (entries, count) =
            ((*(*stream).codecpar).coded_side_data, (*(*stream).codecpar).nb_coded_side_data);
        for position in 0..usize::try_from(count).unwrap_or(0) {
            let entry = entries.add(position);
            if number(&raw const (*entry).type_) == kind && !(*entry).data.is_null() {
                return Some(std::slice::from_raw_parts((*entry).data, (*entry).size));
            }
        }
    }
    None
}

/// Returns the side data of a packet with the given type.
///
/// # Safety
/// `packet` was just read, and the slice must not be used after it is unreferenced.
pub(crate) unsafe fn packet_side_data(packet: &ffi::AVPacket, kind: c_int) -> Option<&[u8]> {
    // SAFETY: the array has the length stated beside it and each entry the size it states.
    (0..usize::try_from(packet.side_data_elems).unwrap_or(0)).find_map(|position| unsafe {
        let entry = packet.side_data.add(position);
        let data = (*entry).data;
        (number(&raw const (*entry).type_) == kind && !data.is_null())
            .then(|| std::slice::from_raw_parts(data, (*entry).size))
    })
}
