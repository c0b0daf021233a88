//! A printable page for a platform's code or fail reason.

use super::Class;
use super::fail_reasons::FAIL_REASONS;
use super::tiktok_ads::CodeTable;
use super::tiktok_ads::codes::{self, Kind};

/// The page of a numeric code, as `table` has it, or of a fail reason; `None` when it is neither known nor of
/// a known family.
pub fn explain(code: &str, table: &CodeTable) -> Option<String> {
    let code = code.trim();
    match code.parse::<i64>() {
        Ok(number) => code_page(number, table),
        Err(_) => reason_page(code),
    }
}

fn code_page(code: i64, table: &CodeTable) -> Option<String> {
    let Some(page) = table.page(code) else {
        let (class, said) = codes::family(code)?;
        return Some(format!(
            "{code}\n\n  What     not a published code; {said}\n  Class    {}\n\n",
            class_words(class)
        ));
    };
    let mut text = format!("{code}\n\n  What     {}\n  Class    {}\n", page.meaning, class_words(page.class));
    let changed = codes::classify_with(table, "", Kind::Mutation, code, "");
    if changed != page.class {
        text.push_str(&format!("           after a change: {}\n", class_words(changed)));
    }
    text.push_str(&format!("  Remedy   {}\n", page.action));
    if let Some(wrong) = page.mistaken_for {
        text.push_str(&format!("  Not      {wrong}, as is often said\n"));
    }
    text.push_str(&format!("  Source   {}\n", page.source));
    if table.is_overridden(code) {
        let built_in = match codes::explain(code) {
            Some(page) => format!("built in: {}; {}", page.meaning, class_words(page.class)),
            None => "not in the built-in table".to_owned(),
        };
        text.push_str(&format!(
            "  Note     overridden by [override.code.{code}] in the configuration; {built_in}\n"
        ));
    }
    text.push('\n');
    Some(text)
}

fn reason_page(reason: &str) -> Option<String> {
    let page = FAIL_REASONS.iter().find(|page| page.reason.eq_ignore_ascii_case(reason))?;
    Some(format!(
        "{}\n\n  What     {}\n  Class    {}\n  Remedy   {}\n  Source   {}\n\n",
        page.reason,
        page.meaning,
        class_words(page.class),
        page.action,
        page.source
    ))
}

/// A class in words.
fn class_words(class: Class) -> &'static str {
    match class {
        Class::Ok => "done",
        Class::Wait => "not ready yet: asked again later",
        Class::Throttle => "too many calls: everything pauses",
        Class::Retry => "nothing happened: may be sent again",
        Class::Unknown => "it may have happened: asked about before anything is sent again",
        Class::ReRead => "what was believed is stale: read again",
        Class::ReEncode => "the media is at fault: made anew",
        Class::ReAuthenticate => "the authorisation is at fault: everything stops until it is renewed",
        Class::Configuration => "the set-up is at fault",
        Class::Permanent => "final: sending again will not help",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn explain(code: &str) -> Option<String> {
        super::explain(code, &CodeTable::default())
    }

    #[test]
    fn an_overridden_page_says_so_and_what_was_built_in() {
        let own = "[40105]\nclass = \"wait\"\nmeaning = \"busy\"\n".parse().unwrap();
        let own = CodeTable::read(&toml::Value::Table(own), "override.code").unwrap();
        let page = super::explain("40105", &own).unwrap();
        for words in
            ["What     busy", "asked again later", "overridden by [override.code.40105]", "built in: "]
        {
            assert!(page.contains(words), "{words} is missing in:\n{page}");
        }
        assert_eq!(super::explain("40100", &own), explain("40100"));
        assert!(!page.contains("after a change"), "{page}");
    }

    #[test]
    fn pages_say_what_to_do_and_what_a_code_is_not() {
        let page = explain(" 40100 ").unwrap_or_default();
        for words in ["too frequent", "pauses", "Remedy", "invalid access token", "appendix"] {
            assert!(page.contains(words), "{words} is missing in:\n{page}");
        }
        let server = explain("50002").unwrap_or_default();
        assert!(server.contains("after a change: it may have happened"), "{server}");
        assert!(explain("51099").is_some_and(|page| page.contains("inside the platform")));
        assert!(explain("frame_rate_check_failed").is_some_and(|page| page.contains("made anew")));
        assert_eq!(explain("7"), None);
        assert_eq!(explain("no_such_reason"), None);
    }
}
