//! Dependency files in the syntax of Make, which Make and Ninja read.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A rule: an output and what it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepfileRule {
    /// The output.
    pub output: PathBuf,
    /// The files that it is made from.
    pub inputs: Vec<PathBuf>,
}

/// Writes one line for each rule.
///
/// # Errors
///
/// If a line cannot be written, or a name contains a line break, which Make cannot express.
pub fn depfile(rules: &[DepfileRule], out: &mut dyn Write) -> io::Result<()> {
    for rule in rules {
        out.write_all(&escaped(&rule.output)?)?;
        out.write_all(b":")?;
        for input in &rule.inputs {
            out.write_all(b" ")?;
            out.write_all(&escaped(input)?)?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Escapes a name as GCC does: a space and `#` by a backslash, backslashes before them doubled, and `$` doubled.
fn escaped(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut backslashes = 0;
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'\n' | b'\r' => {
                let message =
                    format!("{path:?} contains a line break, which a dependency file cannot express");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            b' ' | b'\t' | b'#' => text.extend(std::iter::repeat_n(b'\\', backslashes + 1)),
            b'$' => text.push(b'$'),
            _ => {}
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        text.push(byte);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn escapes_what_make_would_read_otherwise() {
        let rules = [DepfileRule {
            output: "out/a b#1$2.mp4".into(),
            inputs: vec!["in/a b#1$2.mov".into(), "greenlit.toml".into(), r"c\d\ e".into()],
        }];
        let mut text = Vec::new();
        depfile(&rules, &mut text).unwrap();
        let expected = concat!(r"out/a\ b\#1$$2.mp4: in/a\ b\#1$$2.mov greenlit.toml c\d\\\ e", "\n");
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        let rules = [DepfileRule { output: "a\nb".into(), inputs: Vec::new() }];
        assert_eq!(depfile(&rules, &mut Vec::new()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
