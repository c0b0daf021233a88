//! The columns of an entry. Thousands of entries are read at the start of each build, so they are not JSON.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::entry::{Entry, EntryKey, OutputFile, Recipe};
use crate::cache::FileState;
use crate::ending::Ending;
use crate::pipeline::NotOpened;
use crate::rules::Verdict;

/// Selects every entry.
pub(super) const SELECT_ENTRIES: &str = "SELECT build, profile, source, recipe, ended, state, content, output, out, \
    output_state, output_content FROM entry";

/// How a source was given and ended. Only few values differ, so that each is parsed once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Ended {
    named: bool,
    not_opened: Option<NotOpened>,
    ending: Ending,
    verdict: Verdict,
}

/// The values that many entries share.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The recipes by their ids.
    pub(super) recipes: HashMap<i64, Arc<Recipe>>,
    names: Vec<Arc<str>>,
    ended: HashMap<String, Option<Ended>>,
}

impl Columns {
    /// Reads a row of [`SELECT_ENTRIES`]; `None` for one of another version.
    pub(super) fn read(&mut self, row: &Row<'_>) -> rusqlite::Result<Option<(EntryKey, Entry)>> {
        let recipe = self.recipes.get(&row.get(3)?).cloned();
        let (Some(recipe), Some(ended)) = (recipe, self.ended(row.get_ref(4)?.as_str()?)) else {
            return Ok(None);
        };
        let key = EntryKey {
            build: self.name(row.get_ref(0)?.as_str()?),
            profile: self.name(row.get_ref(1)?.as_str()?),
            source: path(row, 2)?,
        };
        let state = |index| -> rusqlite::Result<Option<FileState>> {
            Ok(row.get_ref(index)?.as_blob_or_null()?.and_then(FileState::from_bytes))
        };
        let output = match state(9)? {
            None => None,
            Some(output_state) => Some(OutputFile {
                path: path(row, 7)?,
                out: path(row, 8)?,
                state: output_state,
                content: row.get(10)?,
            }),
        };
        let Ended { named, not_opened, ending, verdict } = ended;
        let (source, content) = (state(5)?, row.get(6)?);
        Ok(Some((key, Entry { recipe, source, content, named, not_opened, ending, verdict, output })))
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.iter().find(|known| &***known == name) {
            return Arc::clone(known);
        }
        self.names.push(name.into());
        Arc::from(name)
    }

    fn ended(&mut self, text: &str) -> Option<Ended> {
        if let Some(known) = self.ended.get(text) {
            return *known;
        }
        let ended = serde_json::from_str(text).ok();
        self.ended.insert(text.to_owned(), ended);
        ended
    }
}

/// Returns the path in a column.
pub(super) fn path(row: &Row<'_>, index: usize) -> rusqlite::Result<PathBuf> {
    Ok(Path::new(OsStr::from_bytes(row.get_ref(index)?.as_blob()?)).to_owned())
}

/// Writes an entry in place of an earlier one.
pub(super) fn write(db: &Connection, key: &EntryKey, entry: &Entry) -> rusqlite::Result<()> {
    let json = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    let recipe = serde_json::to_string(&*entry.recipe).map_err(json)?;
    db.prepare_cached("INSERT OR IGNORE INTO recipe (recipe) VALUES (?1)")?.execute([&recipe])?;
    let mut find = db.prepare_cached("SELECT id FROM recipe WHERE recipe = ?1")?;
    let recipe: i64 = find.query_row([&recipe], |row| row.get(0))?;
    let Entry { named, not_opened, ending, verdict, .. } = *entry;
    let ended = serde_json::to_string(&Ended { named, not_opened, ending, verdict }).map_err(json)?;
    let bytes = |path: &Path| path.as_os_str().as_bytes().to_owned();
    let output = entry.output.as_ref();
    let sql = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    db.prepare_cached(sql)?
        .execute(params![
            key.build,
            key.profile,
            key.source.as_os_str().as_bytes(),
            recipe,
            ended,
            entry.source.map(|state| state.to_bytes()),
            entry.content,
            output.map(|output| bytes(&output.path)),
            output.map(|output| bytes(&output.out)),
            output.map(|output| output.state.to_bytes()),
            output.map(|output| &output.content),
        ])
        .map(drop)
}
