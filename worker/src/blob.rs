//! Small files: not offered by this host yet.

use async_trait::async_trait;
use bytes::Bytes;
use shared::ports::{Blob, BlobError};

/// No file store.
pub(crate) struct NoBlob;

fn absent() -> BlobError {
    BlobError("this host has no file store".to_owned())
}

#[async_trait]
impl Blob for NoBlob {
    async fn put(&self, _name: &str, _bytes: Bytes) -> Result<(), BlobError> {
        Err(absent())
    }

    async fn get(&self, _name: &str) -> Result<Option<Bytes>, BlobError> {
        Err(absent())
    }

    async fn delete(&self, _name: &str) -> Result<(), BlobError> {
        Err(absent())
    }
}
