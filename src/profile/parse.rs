//! Parses profiles and rejects unknown keys.

use super::codec_names;
use super::contradictions;
use super::definition::{Profile, digest};
use super::error::{ProfileError, one_line};
use super::limits::{Confidence, EditableLimits, Severity};
use super::rule_limits::{RuleId, RuleLimits};
use super::suggestion::nearest;

const TOP_LEVEL_KEYS: &[&str] = &["id", "title", "platform", "extends", "rule"];

/// Keys that the table of every rule may have.
const COMMON: &[&str] = &["severity", "source", "checked_on", "confidence", "off"];

impl Profile {
    /// Parses a profile. `base` returns the profile that `extends` names.
    ///
    /// # Errors
    ///
    /// If the file has an unknown key, a value of the wrong type or an unknown base. The error names the
    /// key with its path and, if possible, the most similar valid one.
    pub fn parse(text: &str, base: &dyn Fn(&str) -> Option<Profile>) -> Result<Profile, ProfileError> {
        parse(text, base)
    }

    /// Returns this profile with its limits replaced by those of a TOML text with a table for each rule. A rule in it
    /// applies even if it did not apply before.
    ///
    /// # Errors
    ///
    /// Like [`Profile::parse`], with paths below `override`.
    pub fn with_overrides(&self, text: &str) -> Result<Profile, ProfileError> {
        let mut profile = self.clone();
        apply_rules(&mut profile.rules, &table(text)?, "override")?;
        profile.rules.integrity.clone_from(&self.rules.integrity);
        profile.digest = digest(&profile.id, &profile.rules);
        Ok(profile)
    }
}

fn parse(text: &str, base: &dyn Fn(&str) -> Option<Profile>) -> Result<Profile, ProfileError> {
    let table = table(text)?;
    if let Some(key) = table.keys().find(|key| !TOP_LEVEL_KEYS.contains(&key.as_str())) {
        return Err(unknown_key(key.clone(), key, TOP_LEVEL_KEYS.iter().copied()));
    }
    let base = match optional_string(&table, "extends")? {
        Some(name) => Some(base(&name).ok_or(ProfileError::UnknownBase(name))?),
        None => None,
    };
    let from_base = |of: fn(&Profile) -> &String| base.as_ref().map(|base| of(base).clone());
    let id = optional_string(&table, "id")?.ok_or_else(|| ProfileError::Missing("id".into()))?;
    if !is_folder_name(&id) {
        return Err(invalid_value(
            "id",
            "at most 64 letters, digits, `-`, `_` or `.`, and begin with a letter or digit",
        ));
    }
    let title = optional_string(&table, "title")?.or_else(|| from_base(|base| &base.title));
    let platform = optional_string(&table, "platform")?.or_else(|| from_base(|base| &base.platform));
    let mut rules = base.map(|base| base.rules).unwrap_or_default();
    match table.get("rule") {
        None => {}
        Some(toml::Value::Table(tables)) => apply_rules(&mut rules, tables, "rule")?,
        Some(_) => return Err(invalid_value("rule", "tables such as [rule.duration]")),
    }
    // No profile can turn this rule off: an incomplete file is never compliant.
    rules.entry(RuleId::Integrity).terms_mut().severity = Severity::Error;
    Ok(Profile {
        title: title.unwrap_or_else(|| id.clone()),
        platform: platform.unwrap_or_else(|| id.clone()),
        digest: digest(&id, &rules),
        id,
        rules,
    })
}

fn table(text: &str) -> Result<toml::Table, ProfileError> {
    text.parse().map_err(|error: toml::de::Error| ProfileError::Syntax(one_line(&error, text)))
}

/// Returns whether `id` is safe as the name of a folder: `fix` writes the outputs of several profiles
/// to folders with these names.
fn is_folder_name(id: &str) -> bool {
    const MAX_BYTES: usize = 64;
    id.len() <= MAX_BYTES
        && id.starts_with(char::is_alphanumeric)
        && id.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn optional_string(table: &toml::Table, key: &str) -> Result<Option<String>, ProfileError> {
    match table.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid_value(key, "a string")),
    }
}

/// Applies `tables` (rule to keys) to `rules`. Checks every key, also those of a rule turned off.
fn apply_rules(rules: &mut RuleLimits, tables: &toml::Table, path: &str) -> Result<(), ProfileError> {
    for (name, table) in tables {
        let path = format!("{path}.{name}");
        let rule = RuleId::from_name(name).ok_or_else(|| unknown_key(path.clone(), name, RuleId::names()))?;
        let toml::Value::Table(table) = table else { return Err(invalid_value(&path, "a table")) };
        // A table without keys applies the rule, too.
        rules.entry(rule);
        for (key, value) in table {
            let path = format!("{path}.{key}");
            set_key(rules.entry(rule), key, value, &path)?;
            if key == "allow" {
                check_codecs(rule, rules, path)?;
            }
        }
        if table.get("off").is_some_and(|off| off.as_bool() == Some(true)) {
            rules.remove(rule);
        } else if let Some(contradiction) = contradictions::find(rule, rules) {
            return Err(contradiction.into_error(&path));
        }
    }
    Ok(())
}

/// Rejects names of codecs that FFmpeg does not know: no file and no encode could ever satisfy them.
fn check_codecs(rule: RuleId, rules: &RuleLimits, path: String) -> Result<(), ProfileError> {
    match codec_names::unknown(rule, rules) {
        None => Ok(()),
        Some((name, nearest)) => {
            let (name, nearest) = (name.to_owned(), nearest.map(str::to_owned));
            Err(ProfileError::UnknownCodec { path, name, nearest })
        }
    }
}

fn set_key(
    limits: &mut dyn EditableLimits,
    key: &str,
    value: &toml::Value,
    path: &str,
) -> Result<(), ProfileError> {
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| invalid_value(path, "a string"));
    match key {
        "severity" => {
            limits.terms_mut().severity = Severity::from_name(&text()?)
                .ok_or_else(|| invalid_value(path, "error, warning or advice"))?;
        }
        "confidence" => {
            limits.terms_mut().confidence = Confidence::from_name(&text()?)
                .ok_or_else(|| invalid_value(path, "official, third-party or practice"))?;
        }
        "source" => limits.terms_mut().source = Some(text()?),
        "checked_on" => {
            let date = text()?;
            if super::limit_age::date(&date).is_none() {
                return Err(invalid_value(path, "a date, YYYY-MM-DD"));
            }
            limits.terms_mut().checked_on = Some(date);
        }
        "off" => {
            value.as_bool().ok_or_else(|| invalid_value(path, "true or false"))?;
        }
        _ => {
            let keys = limits.keys();
            let Some(known) = keys.iter().find(|known| known.name == key) else {
                let known = keys.iter().map(|known| known.name).chain(COMMON.iter().copied());
                return Err(unknown_key(path.to_owned(), key, known));
            };
            limits.set(known.name, value).ok_or_else(|| invalid_value(path, known.expected))?;
        }
    }
    Ok(())
}

fn invalid_value(path: &str, expected: &str) -> ProfileError {
    ProfileError::Value { path: path.to_owned(), expected: expected.to_owned() }
}

fn unknown_key<'a>(path: String, key: &str, known: impl Iterator<Item = &'a str>) -> ProfileError {
    ProfileError::UnknownKey { path, nearest: nearest(key, known).map(str::to_owned) }
}

impl Severity {
    fn from_name(name: &str) -> Option<Severity> {
        match name {
            "error" => Some(Severity::Error),
            "warning" => Some(Severity::Warning),
            "advice" => Some(Severity::Advice),
            _ => None,
        }
    }
}

impl Confidence {
    fn from_name(name: &str) -> Option<Confidence> {
        match name {
            "official" => Some(Confidence::Official),
            "third-party" => Some(Confidence::ThirdParty),
            "practice" => Some(Confidence::Practice),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Profile, ProfileError> {
        super::parse(text, &Profile::builtin)
    }

    #[test]
    fn profile_extends_another_and_changes_one_limit() {
        let text =
            "id = \"mine\"\nextends = \"tiktok-ads\"\n[rule.duration]\nmax_s = 30\n[rule.hdr]\noff = true\n";
        let mine = parse(text).unwrap();
        let base = Profile::builtin("tiktok-ads").unwrap();
        assert_eq!(mine.rules().duration.as_ref().unwrap().values.max_s, Some(30.0));
        assert_eq!(mine.rules().file_size, base.rules().file_size);
        assert!(mine.rules().hdr.is_none() && base.rules().hdr.is_some());
        assert_ne!(mine.hash(), base.hash());
    }

    #[test]
    fn rejects_ids_that_are_unsafe_as_folder_names() {
        for id in ["", ".", "..", "../up", "/etc", "a/b", "a b", "a\u{202e}b", &"a".repeat(65)] {
            let error = parse(&format!("id = {id:?}\n").replace("\\u{202e}", "\\u202e")).unwrap_err();
            assert!(matches!(&error, ProfileError::Value { path, .. } if path == "id"), "{id:?}: {error}");
        }
        assert_eq!(parse("id = \"marken-für_2026.1\"\n").unwrap().id(), "marken-für_2026.1");
    }

    #[test]
    fn unknown_key_is_reported_with_path_and_suggestion() {
        let message = parse("id = \"x\"\n[rule.duration]\nmax_sec = 30\n").unwrap_err().to_string();
        assert_eq!(message, "unknown key `rule.duration.max_sec`; did you mean `max_s`?");
        let message = parse("id = \"x\"\n[rule.durations]\nmax_s = 30\n").unwrap_err().to_string();
        assert_eq!(message, "unknown key `rule.durations`; did you mean `duration`?");
    }

    #[test]
    fn integrity_is_an_error_in_every_profile() {
        for text in [
            "id = \"x\"\n",
            "id = \"x\"\nextends = \"tiktok-ads\"\n[rule.integrity]\noff = true\n",
            "id = \"x\"\nextends = \"tiktok-ads\"\n[rule.integrity]\nseverity = \"advice\"\n",
        ] {
            assert_eq!(
                parse(text).unwrap().rules().integrity.as_ref().unwrap().terms.severity,
                Severity::Error,
                "{text}"
            );
        }
    }

    #[test]
    fn reports_missing_keys_and_invalid_values() {
        for (text, expected) in [
            ("title = \"x\"\n", "`id` is missing"),
            ("id = \"x\"\n[rule.duration]\nmax_s = \"30\"\n", "`rule.duration.max_s` must be a number"),
            (
                "id = \"x\"\n[rule.hdr]\nseverity = \"bad\"\n",
                "`rule.hdr.severity` must be error, warning or advice",
            ),
            (
                "id = \"x\"\n[rule.hdr]\nchecked_on = \"2026\"\n",
                "`rule.hdr.checked_on` must be a date, YYYY-MM-DD",
            ),
            (
                "id = \"x\"\n[rule.hdr]\nchecked_on = \"2026-02-30\"\n",
                "`rule.hdr.checked_on` must be a date, YYYY-MM-DD",
            ),
            (
                "id = \"x\"\nextends = \"y\"\n",
                "`extends = \"y\"`: no profile has that name; `greenlit profiles` lists the built-in ones, and a file is \
                 named by its path relative to this one",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn overrides_replace_limits() {
        let base = Profile::builtin("tiktok-ads").unwrap();
        let changed = base.with_overrides("[file-size]\nmax_bytes = 1000\n").unwrap();
        assert_eq!(changed.rules().file_size.as_ref().unwrap().values.max_bytes, Some(1000.0));
        assert!(
            base.with_overrides("[file-sise]\nmax_bytes = 1000\n")
                .unwrap_err()
                .to_string()
                .contains("file-size")
        );
    }

    #[test]
    fn override_enables_a_rule_without_limits_in_the_profile() {
        let base = Profile::builtin("tiktok-ads").unwrap();
        assert!(base.rules().loudness.is_none());
        let changed = base.with_overrides("[loudness]\ntarget_lufs = -16\ntolerance_lu = 2\n").unwrap();
        assert_eq!(changed.rules().loudness.as_ref().unwrap().values.target_lufs, Some(-16.0));
        assert_ne!(changed.hash(), base.hash());
    }

    #[test]
    fn rejects_unknown_keys_everywhere_in_overrides() {
        let base = Profile::builtin("tiktok-ads").unwrap();
        for (text, expected) in [
            (
                "[loudness]\ntarget_lfus = -16\n",
                "`override.loudness.target_lfus`; did you mean `target_lufs`?",
            ),
            ("[loudness]\noff = true\ntolerence_lu = 1\n", "did you mean `tolerance_lu`?"),
            ("[loudnes]\noff = true\n", "unknown key `override.loudnes`; did you mean `loudness`?"),
            ("[loudness]\noff = \"yes\"\n", "`override.loudness.off` must be true or false"),
            ("loudness = -16\n", "`override.loudness` must be a table"),
        ] {
            let message = base.with_overrides(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn hash_ignores_dates_and_sources() {
        let hash = |duration: &str| {
            let text = format!("id = \"x\"\nextends = \"tiktok-ads\"\n[rule.duration]\n{duration}\n");
            parse(&text).unwrap().hash()
        };
        let base = hash("");
        assert_eq!(hash("checked_on = \"2027-01-01\"\nsource = \"another page\""), base);
        assert_ne!(hash("max_s = 599"), base);
        assert_ne!(hash("severity = \"warning\""), base);
        assert_ne!(hash("confidence = \"practice\""), base);
    }
}
