//! libtorch on a CUDA device.
//!
//! The worker is linked with libtorch for processors only. What it needs for a device is brought in
//! when a job asks for it, so that one program runs on machines with and without one. It is loaded
//! before the sandbox is entered; the driver itself starts inside, and needs the files and system
//! calls that are listed here. That is a wider sandbox: whoever breaks out of libtorch or wasmtime
//! meets the driver, a large piece of the kernel.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

use zarathustra_eval::wire::LocalKind;

use crate::Ended;

/// Found beside libtorch or where the loader looks.
const LIBRARY: &CStr = c"libtorch_cuda.so";

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

/// System calls that the driver makes besides those that are allowed anyway.
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
pub fn reads() -> BTreeSet<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let loaded = maps
        .lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .filter(|path| path.to_string_lossy().contains(".so"))
        .filter_map(|path| path.parent().map(Path::to_owned));
    let all = READS.iter().map(PathBuf::from).chain(loaded);
    all.filter(|path| path.exists()).collect()
}

/// The device files of the driver; it reads, writes and controls them.
pub fn devices() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("nvidia"))
        .map(|entry| entry.path())
        .collect()
}

/// Loads libtorch's part for devices.
///
/// # Errors
/// [`LocalKind::Unsupported`] when it is not there.
#[allow(unsafe_code, reason = "a library's start is its own affair")]
pub fn load() -> Result<(), Ended> {
    // SAFETY: the name ends with a zero. The library is the installation's own, as libtorch is.
    let handle = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: after a failure, the text of it, which lives until the next call.
    let reason = unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            CString::default()
        } else {
            CStr::from_ptr(text).to_owned()
        }
    };
    let detail = format!("no CUDA: {}", reason.to_string_lossy());
    Err(Ended::local(LocalKind::Unsupported, detail))
}

/// Starts the driver.
///
/// # Errors
/// [`LocalKind::Unsupported`] when there is no device.
pub fn start() -> Result<(), Ended> {
    if tch::Cuda::is_available() {
        return Ok(());
    }
    let detail = "no CUDA device";
    Err(Ended::local(LocalKind::Unsupported, detail))
}

#[cfg(test)]
mod tests;
