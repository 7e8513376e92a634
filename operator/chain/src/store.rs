//! What the cursor and the transaction sender must not forget: small records in one redb file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, ReadableDatabase, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};

use crate::ChainError;

const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");

/// A handle on the file; clones share it. redb locks the file, so that a second process is refused.
#[derive(Clone, Debug)]
pub struct Store {
    db: Arc<Database>,
    path: PathBuf,
}

impl Store {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`ChainError::Store`] when it is locked by another process or cannot be written.
    pub fn open(path: &Path) -> Result<Self, ChainError> {
        let fail = |e: redb::Error| ChainError::Store {
            path: path.to_owned(),
            source: Box::new(e),
        };
        let db = Database::create(path).map_err(|e| fail(e.into()))?;
        let store = Self {
            db: Arc::new(db),
            path: path.to_owned(),
        };
        store.write(|table| table.remove("").map(drop))?;
        Ok(store)
    }

    /// The record of that name.
    ///
    /// # Errors
    /// [`ChainError::Store`] or [`ChainError::Corrupt`].
    pub fn get<T: DeserializeOwned>(
        &self,
        what: &'static str,
        key: &str,
    ) -> Result<Option<T>, ChainError> {
        let bytes = self.read(|table| Ok(table.get(key)?.map(|v| v.value().to_vec())))?;
        bytes.map(|b| self.decode(what, &b)).transpose()
    }

    /// All records whose name begins with `prefix`, in order of their names.
    ///
    /// # Errors
    /// [`ChainError::Store`] or [`ChainError::Corrupt`].
    pub fn list<T: DeserializeOwned>(
        &self,
        what: &'static str,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, ChainError> {
        let raw = self.read(|table| {
            let mut found = Vec::new();
            for entry in table.range(prefix..)? {
                let (key, value) = entry?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                found.push((key.value().to_owned(), value.value().to_vec()));
            }
            Ok(found)
        })?;
        raw.into_iter()
            .map(|(k, v)| Ok((k, self.decode(what, &v)?)))
            .collect()
    }

    /// Writes a record durably: it is on disk when this returns.
    ///
    /// # Errors
    /// [`ChainError::Store`] or [`ChainError::Corrupt`].
    pub fn put<T: Serialize>(
        &self,
        what: &'static str,
        key: &str,
        value: &T,
    ) -> Result<(), ChainError> {
        let bytes = serde_json::to_vec(value).map_err(|source| ChainError::Corrupt {
            path: self.path.clone(),
            what,
            source,
        })?;
        self.write(|table| table.insert(key, bytes.as_slice()).map(drop))
    }

    /// Removes a record; nothing happens when there is none.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn remove(&self, key: &str) -> Result<(), ChainError> {
        self.write(|table| table.remove(key).map(drop))
    }

    /// Removes all records whose name begins with `prefix`.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn remove_all(&self, prefix: &str) -> Result<(), ChainError> {
        self.write(|table| {
            // The first name after all of those: no name holds the last character there is.
            let end = format!("{prefix}\u{10ffff}");
            table.retain_in(prefix..end.as_str(), |_, _| false)
        })
    }

    fn decode<T: DeserializeOwned>(
        &self,
        what: &'static str,
        bytes: &[u8],
    ) -> Result<T, ChainError> {
        serde_json::from_slice(bytes).map_err(|source| ChainError::Corrupt {
            path: self.path.clone(),
            what,
            source,
        })
    }

    fn read<R>(
        &self,
        f: impl FnOnce(
            &redb::ReadOnlyTable<&'static str, &'static [u8]>,
        ) -> Result<R, redb::StorageError>,
    ) -> Result<R, ChainError> {
        let run = || -> Result<R, redb::Error> {
            let tx = self.db.begin_read()?;
            Ok(f(&tx.open_table(RECORDS)?)?)
        };
        run().map_err(|e| ChainError::Store {
            path: self.path.clone(),
            source: Box::new(e),
        })
    }

    fn write(
        &self,
        f: impl FnOnce(
            &mut redb::Table<'_, &'static str, &'static [u8]>,
        ) -> Result<(), redb::StorageError>,
    ) -> Result<(), ChainError> {
        let run = || -> Result<(), redb::Error> {
            let tx = self.db.begin_write()?;
            f(&mut tx.open_table(RECORDS)?)?;
            tx.commit()?;
            Ok(())
        };
        run().map_err(|e| ChainError::Store {
            path: self.path.clone(),
            source: Box::new(e),
        })
    }
}
