//! The host: every port of this process.

use crate::after::Tasks;
use crate::blob_fs::Directory;
use crate::fetch::Outgoing;
use crate::keys_awslc::AwsLc;
use crate::limit_memory::MemoryLimit;
use crate::mail::NoMail;
use crate::rng::OsRng;
use shared::host::Host;
use shared::ports::{Clock, Db};
use shared::settings::Settings;
use std::path::Path;
use std::sync::Arc;

/// Puts the ports together.
pub(crate) fn build(
    settings: Arc<Settings>,
    data_folder: &Path,
    db: Arc<dyn Db>,
    clock: Arc<dyn Clock>,
    fetch: Arc<Outgoing>,
    tasks: Arc<Tasks>,
) -> Host {
    Host {
        db,
        clock,
        rng: Arc::new(OsRng),
        keys: Arc::new(AwsLc),
        fetch,
        mail: Arc::new(NoMail),
        blob: Arc::new(Directory::new(data_folder.join("uploads"))),
        limit: Arc::new(MemoryLimit::default()),
        after: tasks,
        settings,
        keyring: Arc::default(),
    }
}
