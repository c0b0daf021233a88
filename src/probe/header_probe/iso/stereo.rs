//! Checks the boxes of stereoscopic video (ISO/IEC 14496-15, 9.5, and Apple's spatial video): its base layer is a stream
//! like any other.

use super::super::reason::Reason;
use super::boxes::{Node, children};
use crate::probe::bitstream::hevc;
use crate::probe::isobmff::FieldReader;

/// Bytes of a configuration of layers before its sets.
const LAYER_FIELDS: usize = 6;
/// Bytes of the configuration of the base layer before its sets.
const BASE_FIELDS: usize = 23;

/// Checks that the configuration `lhvC` of further layers follows that of the base layer, whose sets the library adds
/// to it, and has no set for the base layer.
pub(super) fn check_layers(layers: &[u8], base: &[u8]) -> Result<(), Reason> {
    let parse = || {
        let mut fields = FieldReader(layers);
        fields.bytes(LAYER_FIELDS - 1)?;
        for _ in 0..fields.take(1)? {
            fields.take(1)?;
            for _ in 0..fields.take(2)? {
                let length = fields.take(2)? as usize;
                let unit = fields.bytes(length)?;
                (unit.len() >= 2 && !hevc::is_base_layer(unit)).then_some(())?;
            }
        }
        (fields.0.is_empty() && base.len() >= BASE_FIELDS).then_some(())
    };
    parse().ok_or(Reason::RareElement)
}

/// Checks that the content of `vexu` has a form that the library understands.
pub(super) fn check_extension(content: &[u8]) -> Result<(), Reason> {
    for node in children(content)? {
        match &node.kind {
            b"eyes" => check_each(node.content, is_usual_view)?,
            b"proj" => check_each(node.content, is_usual_projection)?,
            _ => return Err(Reason::RareElement),
        }
    }
    Ok(())
}

fn check_each(content: &[u8], is_usual: fn(&Node<'_>) -> bool) -> Result<(), Reason> {
    if children(content)?.iter().all(is_usual) { Ok(()) } else { Err(Reason::RareElement) }
}

fn is_usual_view(node: &Node<'_>) -> bool {
    let has_only = |kind: &[u8; 4]| {
        let inside = children(node.content).unwrap_or_default();
        matches!(inside[..], [Node { kind: found, content }] if &found == kind && content.len() == 8)
    };
    match &node.kind {
        b"stri" | b"hero" => node.content.len() == 5,
        b"cams" => has_only(b"blin"),
        b"cmfy" => has_only(b"dadj"),
        _ => false,
    }
}

fn is_usual_projection(node: &Node<'_>) -> bool {
    let is_known = |kind: &[u8]| matches!(kind, b"rect" | b"equi" | b"hequ" | b"fish");
    &node.kind == b"prji" && node.content.len() == 8 && is_known(&node.content[4..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_have_no_set_of_the_base_layer() {
        let layers = |second: u8| [1, 0xf0, 0, 0xfc, 0xcb, 1, 0xa1, 0, 1, 0, 3, 66, second, 14];
        assert!(check_layers(&layers(9), &[0; BASE_FIELDS]).is_ok());
        assert!(check_layers(&layers(1), &[0; BASE_FIELDS]).is_err(), "the base layer");
        assert!(check_layers(&layers(9), &[]).is_err(), "before the base layer");
        assert!(check_layers(&layers(9)[..13], &[0; BASE_FIELDS]).is_err(), "truncated");
    }

    #[test]
    fn views_and_projections_have_their_usual_form() {
        let extension = b"\0\0\0\x15eyes\0\0\0\x0dstri\0\0\0\0\x03\0\0\0\x18proj\0\0\0\x10prji\0\0\0\0rect";
        assert!(check_extension(extension).is_ok());
        let odd = [&extension[..41], b"cube"].concat();
        assert!(check_extension(&odd).is_err(), "an unknown projection");
        assert!(check_extension(b"\0\0\0\x14eyes\0\0\0\x0cstri\0\0\0\0").is_err(), "a short field");
    }
}
