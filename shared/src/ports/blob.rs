//! Small files: logos and pictures.

use async_trait::async_trait;
use bytes::Bytes;

/// Why a file could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("file store failed: {0}")]
pub struct BlobError(pub String);

/// The file store. Names are relative paths of `[A-Za-z0-9._/-]` without `..`.
#[async_trait]
pub trait Blob: Send + Sync {
    /// Writes or replaces a file.
    ///
    /// # Errors
    /// [`BlobError`] if the store fails.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), BlobError>;
    /// Reads a file; `None` if there is none of the name.
    ///
    /// # Errors
    /// [`BlobError`] if the store fails.
    async fn get(&self, name: &str) -> Result<Option<Bytes>, BlobError>;
    /// Removes a file; fine if there is none.
    ///
    /// # Errors
    /// [`BlobError`] if the store fails.
    async fn delete(&self, name: &str) -> Result<(), BlobError>;
}
