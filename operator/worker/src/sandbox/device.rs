//! What the driver of a CUDA device needs. The sandbox is wider with it: whoever breaks out of
//! libtorch or wasmtime meets the driver, a large piece of the kernel.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Where the driver and its libraries read; not every system has all of them.
const READS: [&str; 9] = [
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/proc/devices",
    "/proc/driver/nvidia",
    "/proc/meminfo",
    "/proc/self",
    "/sys",
    "/usr",
];

/// System calls that the driver makes: others than are allowed anyway, and one with other arguments
/// (it maps shared memory).
pub const CALLS: &[i64] = &[
    libc::SYS_eventfd2,
    libc::SYS_fallocate,
    libc::SYS_fstatfs,
    libc::SYS_get_mempolicy,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_ioctl,
    libc::SYS_mbind,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_munlock,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setaffinity,
    libc::SYS_set_mempolicy,
    libc::SYS_statfs,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// What may be read besides: the system's libraries, what tells of devices, and the folders of
/// the libraries that are loaded, which load more from there.
pub fn reads() -> io::Result<BTreeSet<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let loaded = maps
        .lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .filter(|path| path.to_string_lossy().contains(".so"))
        .filter_map(|path| path.parent().map(Path::to_owned));
    let all = READS.iter().map(PathBuf::from).chain(loaded);
    Ok(all.filter(|path| path.exists()).collect())
}

/// The device files of the driver; it reads, writes and controls them.
pub fn devices() -> io::Result<Vec<PathBuf>> {
    let mut devices = Vec::new();
    for entry in std::fs::read_dir("/dev")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("nvidia") {
            devices.push(entry.path());
        }
    }
    Ok(devices)
}
