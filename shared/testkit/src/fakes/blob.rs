use super::lock;
use async_trait::async_trait;
use bytes::Bytes;
use shared::ports::{Blob, BlobError};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Files in memory.
#[derive(Default)]
pub struct MapBlob {
    files: Mutex<BTreeMap<String, Bytes>>,
}

#[async_trait]
impl Blob for MapBlob {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), BlobError> {
        lock(&self.files).insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, BlobError> {
        Ok(lock(&self.files).get(name).cloned())
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        lock(&self.files).remove(name);
        Ok(())
    }
}
