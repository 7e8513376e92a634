use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::FromRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use crate::suite::{KEYSTORE, SECRET, SPARE};
use crate::{Attempt, Place, always, depends};

pub const ATTEMPTS: &[Attempt] = &[
    always("file: read a keystore", |place| {
        expect_secret(fs::read(place.outside.join(KEYSTORE))?)
    }),
    always("file: inherited from the operator", inherited),
    always("file: list a folder", |place| {
        fs::read_dir(&place.outside).map(drop)
    }),
    always("file: write outside the job", |place| {
        write(&place.outside.join("written"))
    }),
    always("file: write in the job's folder", |_| {
        write(&std::env::current_dir()?.join("written"))
    }),
    always("file: cut a keystore off", |place| {
        // For reading only: before its third version, Landlock did not mind.
        let mut options = OpenOptions::new();
        let flags = options.read(true).custom_flags(libc::O_TRUNC);
        flags.open(place.outside.join(SPARE)).map(drop)
    }),
    always("file: make one without a name", |place| {
        let mut options = OpenOptions::new();
        let flags = options.write(true).custom_flags(libc::O_TMPFILE);
        flags.open(&place.outside).map(drop)
    }),
    always("file: make a folder", |place| {
        let folder = place.outside.join("folder");
        fs::create_dir(&folder)?;
        fs::remove_dir(&folder)
    }),
    always("file: rename a keystore", |place| {
        let (old, new) = (place.outside.join(KEYSTORE), place.outside.join("renamed"));
        fs::rename(&old, &new)?;
        fs::rename(&new, &old)
    }),
    always("file: link to a keystore", |place| {
        let link = place.outside.join("link");
        fs::hard_link(place.outside.join(KEYSTORE), &link)?;
        fs::remove_file(&link)
    }),
    always("file: open up a keystore", |place| {
        let mode = fs::Permissions::from_mode(0o644);
        fs::set_permissions(place.outside.join(KEYSTORE), mode)
    }),
    always("file: a device", |_| File::open("/dev/zero").map(drop)),
    depends("file: the operator's environment", |place| {
        fs::read(format!("/proc/{}/environ", place.parent)).map(drop)
    }),
    depends("file: the operator's memory", |place| {
        memory_of(place.parent)
    }),
    depends("file: another process's memory", |place| {
        memory_of(place.victim)
    }),
    always("file: another process's status", |place| {
        fs::read(format!("/proc/{}/status", place.victim)).map(drop)
    }),
];

fn expect_secret(found: Vec<u8>) -> io::Result<()> {
    if found == SECRET {
        Ok(())
    } else {
        Err(io::Error::other("something else was read"))
    }
}

fn inherited(_: &Place) -> io::Result<()> {
    let mut last = io::Error::other("no descriptor");
    for descriptor in 3..64 {
        // SAFETY: forgotten below, so nothing is closed that others own.
        let mut file = unsafe { File::from_raw_fd(descriptor) };
        let mut found = Vec::new();
        let read = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut found));
        std::mem::forget(file);
        match read {
            Ok(_) if found == SECRET => return Ok(()),
            Ok(_) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn write(path: &std::path::Path) -> io::Result<()> {
    let written = File::create(path)?.write_all(b"x");
    remove(path, written)
}

/// Cleans up, whatever came of it.
fn remove(path: &std::path::Path, result: io::Result<()>) -> io::Result<()> {
    let removed = fs::remove_file(path);
    result.and(removed)
}

/// Opens a process's memory, which is what needs the right to trace it.
fn memory_of(process: i32) -> io::Result<()> {
    File::open(format!("/proc/{process}/mem")).map(drop)
}
