use std::io;

use rlimit::Resource;
use zarathustra_eval::wire::Job;

/// Most open files.
const MAX_FILES: u64 = 256;

/// Sets the limits that the kernel keeps.
pub fn set(job: &Job) -> io::Result<()> {
    for (resource, limit) in [
        (Resource::CORE, 0),
        (Resource::CPU, job.cpu_seconds),
        (Resource::DATA, job.data_bytes),
        (Resource::FSIZE, 0),
        (Resource::MEMLOCK, 0),
        (Resource::MSGQUEUE, 0),
        (Resource::NOFILE, MAX_FILES),
    ] {
        // A limit that is in force already may be stricter.
        let (_, hard) = resource.get()?;
        let limit = limit.min(hard);
        resource.set(limit, limit)?;
    }
    Ok(())
}
