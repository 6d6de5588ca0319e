//! Small files in a directory.

use async_trait::async_trait;
use bytes::Bytes;
use shared::ports::{Blob, BlobError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Files below one directory, replaced by rename so that readers see an old or a new file, never half of one.
pub(crate) struct Directory {
    root: PathBuf,
    written: AtomicU64,
}

impl Directory {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, written: AtomicU64::new(0) }
    }

    /// The path of a name; refuses what could lie outside of the directory or collide with temporary files.
    fn path(&self, name: &str) -> Result<PathBuf, BlobError> {
        let fits = name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        });
        if fits { Ok(self.root.join(name)) } else { Err(BlobError(format!("{name:?} is not a file name"))) }
    }

    async fn replace(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        tokio::fs::create_dir_all(folder).await?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{}-{number}.tmp", std::process::id()));
        tokio::fs::write(&temporary, bytes).await?;
        tokio::fs::rename(&temporary, path).await
    }
}

fn failed(e: &std::io::Error) -> BlobError {
    BlobError(e.kind().to_string())
}

#[async_trait]
impl Blob for Directory {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), BlobError> {
        self.replace(&self.path(name)?, &bytes).await.map_err(|e| failed(&e))
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, BlobError> {
        match tokio::fs::read(self.path(name)?).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(&e)),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        match tokio::fs::remove_file(self.path(name)?).await {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(failed(&e)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::TempDir;

    #[tokio::test]
    async fn put_get_replace_delete() {
        let dir = TempDir::new().unwrap();
        let store = Directory::new(dir.path().join("uploads"));
        assert_eq!(store.get("logos/a.png").await, Ok(None));
        store.put("logos/a.png", Bytes::from_static(b"one")).await.unwrap();
        store.put("logos/a.png", Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(store.get("logos/a.png").await, Ok(Some(Bytes::from_static(b"two"))));
        let files: Vec<_> = std::fs::read_dir(dir.path().join("uploads/logos")).unwrap().collect();
        assert_eq!(files.len(), 1, "no temporary file is left");
        store.delete("logos/a.png").await.unwrap();
        store.delete("logos/a.png").await.unwrap();
        assert_eq!(store.get("logos/a.png").await, Ok(None));
    }

    #[tokio::test]
    async fn names_stay_inside_the_directory() {
        let dir = TempDir::new().unwrap();
        let store = Directory::new(dir.path().to_owned());
        for bad in ["", "..", "../x", "a/../b", "/etc/passwd", "a//b", "a/", ".hidden", "a\\b", "a\0b", "ä"]
        {
            assert!(store.get(bad).await.is_err(), "{bad:?}");
            assert!(store.put(bad, Bytes::new()).await.is_err(), "{bad:?}");
            assert!(store.delete(bad).await.is_err(), "{bad:?}");
        }
    }
}
