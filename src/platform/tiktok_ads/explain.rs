//! Renders the page of a return code for `greenlit explain`.

use super::CodeTable;
use super::codes::{self, CallKind};

/// Returns the page of a numeric code, as `table` describes it; `None` when the code is unknown and in no known family.
pub fn explain(code: &str, table: &CodeTable) -> Option<String> {
    code_page(code.trim().parse().ok()?, table)
}

fn code_page(code: i64, table: &CodeTable) -> Option<String> {
    let Some(page) = table.page(code) else {
        let (class, family) = codes::family(code)?;
        return Some(format!(
            "{code}\n\n  What     the platform documents no such code; {family}\n  Class    {}\n\n",
            class.meaning()
        ));
    };
    let mut text = format!("{code}\n\n  What     {}\n  Class    {}\n", page.meaning, page.class.meaning());
    let changed = codes::classify(table, CallKind::Mutation, code, "");
    if changed != page.class {
        text.push_str(&format!("           after a change: {}\n", changed.meaning()));
    }
    text.push_str(&format!("  Remedy   {}\n", page.action));
    if let Some(wrong) = page.mistaken_for {
        text.push_str(&format!("  Not      {wrong}; a common misreading\n"));
    }
    text.push_str(&format!("  Source   {}\n", page.source));
    if table.is_overridden(code) {
        let built_in = match codes::explain(code) {
            Some(page) => format!("built in: {} (class: {})", page.meaning, page.class.meaning()),
            None => "not in the built-in table".to_owned(),
        };
        text.push_str(&format!(
            "  Note     overridden by [override.code.{code}] in the configuration; {built_in}\n"
        ));
    }
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn explain(code: &str) -> Option<String> {
        super::explain(code, &CodeTable::default())
    }

    #[test]
    fn an_overridden_page_names_the_override_and_the_built_in_meaning() {
        let table = "[40105]\nclass = \"wait\"\nmeaning = \"busy\"\n".parse().unwrap();
        let table = CodeTable::read(&toml::Value::Table(table), "override.code").unwrap();
        let page = super::explain("40105", &table).unwrap();
        for words in
            ["What     busy", "asks again later", "overridden by [override.code.40105]", "built in: "]
        {
            assert!(page.contains(words), "{words} is missing in:\n{page}");
        }
        assert_eq!(super::explain("40100", &table), explain("40100"));
        assert!(!page.contains("after a change"), "{page}");
    }

    #[test]
    fn pages_show_the_remedy_and_the_common_misreading() {
        let page = explain(" 40100 ").unwrap_or_default();
        for words in ["too many requests", "pauses", "Remedy", "invalid access token", "appendix"] {
            assert!(page.contains(words), "{words} is missing in:\n{page}");
        }
        let server = explain("50002").unwrap_or_default();
        assert!(server.contains("after a change: the change may have happened"), "{server}");
        assert!(explain("51099").is_some_and(|page| page.contains("its own errors")));
        assert_eq!(explain("7"), None);
    }
}
