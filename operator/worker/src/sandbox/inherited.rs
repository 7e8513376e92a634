//! Open files that the worker was started with. Rust opens files such that programs do not inherit
//! them, but what the operator itself inherited, or a library opened otherwise, would reach the
//! worker.

use std::io;

/// The first descriptor after standard input, output and error.
const FIRST: libc::c_uint = 3;

/// Closes all but standard input, output and error.
#[allow(unsafe_code, reason = "the standard library closes only what it owns")]
pub fn close() -> io::Result<()> {
    // SAFETY: one thread runs, and it owns no descriptor from 3 on: the worker has read its job
    // from standard input and opened nothing else.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) };
    if closed == 0 {
        return Ok(());
    }
    // Linux before 5.9 has no such call, nor Landlock, but may be used as told.
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        open.extend(
            name.to_str()
                .and_then(|name| name.parse::<libc::c_int>().ok()),
        );
    }
    for descriptor in open
        .into_iter()
        .filter(|open| *open >= FIRST as libc::c_int)
    {
        // SAFETY: as above. The list's own descriptor is closed already, which is no harm.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}
