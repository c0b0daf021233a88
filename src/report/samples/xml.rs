//! A strict parser for the subset of XML 1.0 that greenlit writes, to check that it is well-formed.

/// A start tag.
#[derive(Debug)]
pub(in crate::report) struct Element {
    pub(in crate::report) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    pub(in crate::report) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Returns every element in document order, or the first error.
pub(in crate::report) fn elements(text: &str) -> Result<Vec<Element>, String> {
    let allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(bad) = text.chars().find(|c| !allowed(c)) {
        return Err(format!("U+{:04X} is not allowed in XML", u32::from(bad)));
    }
    let mut rest = text.split_once("?>").ok_or("missing XML declaration")?.1;
    let (mut open, mut found): (Vec<String>, Vec<Element>) = (Vec::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        plain(&rest[..start])?;
        let end = rest[start..].find('>').ok_or("unterminated tag")? + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("unexpected </{name}>"));
            }
            continue;
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let element = element(tag)?;
        if !empty {
            open.push(element.name.clone());
        }
        found.push(element);
    }
    plain(rest)?;
    if open.is_empty() { Ok(found) } else { Err(format!("unclosed elements: {open:?}")) }
}

fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(format!("invalid element name `{name}`"));
    }
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        let (key, value) = rest.trim_start().split_once("=\"").ok_or("attribute without a value")?;
        let (value, tail) = value.split_once('"').ok_or("unterminated attribute")?;
        attributes.push((key.to_owned(), plain(value)?));
        rest = tail;
    }
    Ok(Element { name: name.to_owned(), attributes })
}

/// Returns text with its entities decoded.
fn plain(text: &str) -> Result<String, String> {
    let mut decoded = String::new();
    let mut parts = text.split('&');
    decoded.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (entity, tail) = part.split_once(';').ok_or("unescaped `&`")?;
        decoded.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => return Err(format!("unknown entity {other}")),
        });
        decoded.push_str(tail);
    }
    if text.contains("]]>") || text.contains('<') {
        Err(format!("unescaped markup in {text:?}"))
    } else {
        Ok(decoded)
    }
}
