//! Small files.

use super::{Outcome, Report, same, unexpected};
use bytes::Bytes;
use shared::ports::Blob;
use std::sync::Arc;

/// Runs the suite. Files are made below `tag/` and removed.
///
/// # Errors
/// The text of the report, if a check failed.
pub async fn blob(blob: Arc<dyn Blob>, tag: &str) -> Result<Report, String> {
    let mut report = Report::new("blob");
    report.add("put_get_replace_delete", life(&*blob, tag).await);
    report.verdict()
}

async fn life(blob: &dyn Blob, tag: &str) -> Outcome {
    let name = format!("{tag}/logo_1.light-a");
    let other = format!("{tag}/logo_1.light-b");
    let every_byte: Bytes = (0..=255).collect();
    let get = |name: String| async move { blob.get(&name).await.map_err(unexpected) };
    same("absent", get(name.clone()).await?, None)?;
    blob.put(&name, every_byte.clone()).await.map_err(unexpected)?;
    blob.put(&other, Bytes::new()).await.map_err(unexpected)?;
    same("written", get(name.clone()).await?, Some(every_byte))?;
    same("empty", get(other.clone()).await?, Some(Bytes::new()))?;
    blob.put(&name, Bytes::from_static(b"short")).await.map_err(unexpected)?;
    same("replaced", get(name.clone()).await?, Some(Bytes::from_static(b"short")))?;
    for _ in 0..2 {
        blob.delete(&name).await.map_err(unexpected)?;
        same("deleted", get(name.clone()).await?, None)?;
    }
    same("its neighbour", get(other.clone()).await?, Some(Bytes::new()))?;
    blob.delete(&other).await.map_err(unexpected)
}
