use std::io;

use rlimit::Resource;
use zarathustra_eval::wire::{Device, Job};

/// Most open files.
const MAX_FILES: u64 = 256;

/// Sets the limits that the kernel keeps.
pub fn set(job: &Job) -> io::Result<()> {
    // A device's driver maps more data than there is and locks some of it; the host still watches
    // what is held.
    let (data, locked) = match job.device {
        Device::Cpu => (job.data_bytes, 0),
        Device::Cuda => (rlimit::INFINITY, rlimit::INFINITY),
    };
    for (resource, limit) in [
        (Resource::CORE, 0),
        (Resource::CPU, job.cpu_seconds),
        (Resource::DATA, data),
        (Resource::FSIZE, 0),
        (Resource::MEMLOCK, locked),
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
