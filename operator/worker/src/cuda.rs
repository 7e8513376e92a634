//! libtorch on a CUDA device.
//!
//! The worker is linked with libtorch for processors only. What it needs for a device is brought in
//! when a job asks for it, so that one program runs on machines with and without one. It is loaded
//! before the sandbox is entered; the driver itself starts inside, and needs what
//! `sandbox/device.rs` lists.

use std::ffi::{CStr, CString};

use zarathustra_eval::wire::LocalKind;

use crate::Ended;

/// Found beside libtorch or where the loader looks.
const LIBRARY: &CStr = c"libtorch_cuda.so";

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
