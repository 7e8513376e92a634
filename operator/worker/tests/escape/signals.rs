//! Signals that do nothing to who gets them: to be allowed to send one is to be allowed to send
//! the one that ends a process.

use std::io;

use crate::{Attempt, Place, always, check};

/// Of `fcntl`, the same on every architecture; libc does not name it.
const F_SETSIG: i32 = 10;
const HARMLESS: i32 = libc::SIGWINCH;

pub const ATTEMPTS: &[Attempt] = &[
    always("signal: kill the operator", |place| {
        // SAFETY: numbers only.
        check(unsafe { libc::kill(place.parent, HARMLESS) }.into()).map(drop)
    }),
    // Signal 0 asks whether a signal could be sent, and sends none.
    always("signal: kill everybody", |_| {
        // SAFETY: numbers only.
        check(unsafe { libc::kill(-1, 0) }.into()).map(drop)
    }),
    always("signal: tgkill the operator", |place| {
        let parent = place.parent;
        // SAFETY: numbers only.
        check(unsafe { libc::syscall(libc::SYS_tgkill, parent, parent, HARMLESS) }).map(drop)
    }),
    always("signal: tkill the operator", |place| {
        // SAFETY: numbers only.
        check(unsafe { libc::syscall(libc::SYS_tkill, place.parent, HARMLESS) }).map(drop)
    }),
    always("signal: through a descriptor", descriptor),
    always("signal: as the owner of a pipe", owner),
];

fn descriptor(place: &Place) -> io::Result<()> {
    // SAFETY: numbers only; the descriptor ends with the process.
    let file = check(unsafe { libc::syscall(libc::SYS_pidfd_open, place.parent, 0) })?;
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: no information is passed.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, file, HARMLESS, none, 0) };
    check(sent).map(drop)
}

/// The kernel signals the owner of a pipe when bytes come, with a signal of the asker's choice.
fn owner(place: &Place) -> io::Result<()> {
    for (command, value) in [
        (F_SETSIG, HARMLESS),
        (libc::F_SETOWN, place.parent),
        (libc::F_SETFL, libc::O_ASYNC),
    ] {
        // SAFETY: numbers only; standard input is open.
        check(unsafe { libc::fcntl(0, command, value) }.into())?;
    }
    Ok(())
}
