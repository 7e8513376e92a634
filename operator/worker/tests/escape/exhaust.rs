//! Using up what the machine has. Each attempt is bounded by itself: it takes half as much again
//! as it is allowed, holds it for a moment and ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ptr::null_mut;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::{Attempt, Place, always, check};

/// What the worker may hold. Less than the libraries map, more than they hold.
pub const LIMIT_BYTES: u64 = 640 << 20;
/// What an attempt takes.
const TAKEN_BYTES: usize = LIMIT_BYTES as usize / 2 * 3;
/// How long it holds it.
const HELD: Duration = Duration::from_millis(500);
const PAGE_BYTES: usize = 4096;
/// Stack of each thread of the attempt with large stacks.
const STACK_BYTES: usize = 16 << 20;
/// More than a worker may have.
const THREADS: usize = 600;
/// More than any file of a worker may have.
const DISK_BYTES: usize = 64 << 20;

const PRIVATE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const BOTH: i32 = libc::PROT_READ | libc::PROT_WRITE;

pub const ATTEMPTS: &[Attempt] = &[
    always("memory: heap", |_| {
        let mut much = Vec::new();
        much.try_reserve_exact(TAKEN_BYTES)
            .map_err(io::Error::other)?;
        much.resize(TAKEN_BYTES, 1_u8);
        hold(&much);
        Ok(())
    }),
    always("memory: shared", |_| {
        map(TAKEN_BYTES, BOTH, libc::MAP_SHARED | libc::MAP_ANONYMOUS)?.touch()
    }),
    always("memory: file without a name", in_a_file),
    always("memory: stacks of threads", stacks),
    always("memory: a stack that grows", |_| {
        map(TAKEN_BYTES, BOTH, PRIVATE | libc::MAP_GROWSDOWN)?.touch()
    }),
    // What is no longer writable is no longer data to the kernel.
    always("memory: written, then read only", read_only),
    always("memory: tables of pages", tables),
    always("memory: more than the kernel's limit", |_| {
        // The data limit leaves room for what is never touched, so this is more.
        map(TAKEN_BYTES + (2 << 30), BOTH, PRIVATE | libc::MAP_NORESERVE).map(drop)
    }),
    always("threads: many", threads),
    always("disk: in the job's folder", |_| {
        fill(&std::env::current_dir()?.join("large"))
    }),
    always("disk: elsewhere", |place| {
        fill(&place.outside.join("large"))
    }),
];

/// Keeps something alive until it had time to be noticed.
fn hold<T>(_held: &T) {
    thread::sleep(HELD);
}

struct Mapped {
    start: *mut u8,
    bytes: usize,
}

fn map(bytes: usize, protection: i32, flags: i32) -> io::Result<Mapped> {
    // SAFETY: a new mapping where the kernel chooses.
    let start = unsafe { libc::mmap(null_mut(), bytes, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let start = start.cast();
    Ok(Mapped { start, bytes })
}

impl Mapped {
    fn write(&self) {
        for offset in (0..self.bytes).step_by(PAGE_BYTES) {
            // SAFETY: within the mapping, which is writable.
            unsafe { self.start.add(offset).write_volatile(1) };
        }
    }

    fn touch(&self) -> io::Result<()> {
        self.write();
        hold(self);
        Ok(())
    }
}

fn in_a_file(_: &Place) -> io::Result<()> {
    use std::os::fd::FromRawFd;

    // SAFETY: the name ends with a zero byte.
    let file = check(unsafe { libc::memfd_create(c"large".as_ptr(), 0) }.into())?;
    // SAFETY: a descriptor that was just made and is nobody else's.
    let mut file = unsafe { File::from_raw_fd(file as i32) };
    let part = vec![1; 1 << 20];
    for _ in 0..TAKEN_BYTES / part.len() {
        file.write_all(&part)?;
    }
    hold(&file);
    Ok(())
}

fn stacks(_: &Place) -> io::Result<()> {
    let count = TAKEN_BYTES / STACK_BYTES;
    at_once(count, STACK_BYTES, || {
        // Most of the stack, page by page.
        let mut pages = [0_u8; STACK_BYTES / 8 * 7];
        for page in pages.chunks_mut(PAGE_BYTES) {
            page[0] = 1;
        }
        std::hint::black_box(&mut pages);
    })
}

fn threads(_: &Place) -> io::Result<()> {
    at_once(THREADS, 64 << 10, || ())
}

/// Threads that all run until each has done its part and a moment has passed.
fn at_once(count: usize, stack: usize, work: fn()) -> io::Result<()> {
    let done = Arc::new(Barrier::new(count + 1));
    for _ in 0..count {
        let done = Arc::clone(&done);
        thread::Builder::new().stack_size(stack).spawn(move || {
            work();
            done.wait();
            hold(&());
        })?;
    }
    done.wait();
    hold(&());
    Ok(())
}

fn read_only(_: &Place) -> io::Result<()> {
    let part = 64 << 20;
    for _ in 0..TAKEN_BYTES / part {
        let mapped = map(part, BOTH, PRIVATE)?;
        mapped.write();
        // SAFETY: the mapping that was just made.
        let protected = unsafe { libc::mprotect(mapped.start.cast(), part, libc::PROT_READ) };
        check(protected.into())?;
    }
    hold(&());
    Ok(())
}

/// Reads one page in each stretch that has a table of its own. All of it is the same empty page,
/// and the tables are all that is taken.
fn tables(_: &Place) -> io::Result<()> {
    let stretch = PAGE_BYTES / 8 * PAGE_BYTES;
    let bytes = TAKEN_BYTES / PAGE_BYTES * stretch;
    let mapped = map(bytes, libc::PROT_READ, PRIVATE | libc::MAP_NORESERVE)?;
    // SAFETY: the mapping that was just made.
    let advised = unsafe { libc::madvise(mapped.start.cast(), bytes, libc::MADV_NOHUGEPAGE) };
    check(advised.into())?;
    for offset in (0..bytes).step_by(stretch) {
        // SAFETY: within the mapping, which is readable.
        unsafe { mapped.start.add(offset).read_volatile() };
    }
    hold(&mapped);
    Ok(())
}

fn fill(path: &std::path::Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let part = vec![1; 1 << 20];
    let written = (0..DISK_BYTES / part.len()).try_for_each(|_| file.write_all(&part));
    written.and(fs::remove_file(path))
}
