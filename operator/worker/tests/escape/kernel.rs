use std::io;

use crate::{Attempt, Place, always, check, depends};

pub const ATTEMPTS: &[Attempt] = &[
    depends("kernel: ptrace", |place| {
        let none = 0_usize;
        // SAFETY: seizing does not stop the process; this one's end lets go of it.
        let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, place.victim, none, none) };
        check(seized).map(drop)
    }),
    depends("kernel: read another's memory", |place| {
        memory(place, libc::SYS_process_vm_readv)
    }),
    depends("kernel: write another's memory", |place| {
        memory(place, libc::SYS_process_vm_writev)
    }),
    depends("kernel: mount", |_| {
        let nothing = std::ptr::null();
        let (kind, at) = (c"tmpfs".as_ptr(), c"/proc/self/nowhere".as_ptr());
        // SAFETY: texts end with zero bytes. There is no such folder, so nothing is mounted; who
        // may not mount is refused before it is looked for.
        reached(
            unsafe { libc::mount(kind, at, kind, 0, nothing) }.into(),
            libc::ENOENT,
        )
    }),
    depends("kernel: user namespace", |_| {
        call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0])
    }),
    depends("kernel: mount namespace", |_| {
        call(libc::SYS_unshare, [libc::CLONE_NEWNS.into(), 0, 0])
    }),
    depends("kernel: change the root folder", |_| {
        // SAFETY: the text ends with a zero byte.
        check(unsafe { libc::chroot(c"/".as_ptr()) }.into()).map(drop)
    }),
    always("kernel: raise its limits", |_| {
        let resource = rlimit::Resource::NOFILE;
        let (_, hard) = resource.get()?;
        resource.set(hard, hard)
    }),
    depends("kernel: raise its hard limits", |_| {
        let resource = rlimit::Resource::MEMLOCK;
        let (soft, hard) = resource.get()?;
        resource.set(soft, hard.saturating_add(1))
    }),
    always("kernel: personality", |_| {
        call(
            libc::SYS_personality,
            [libc::ADDR_NO_RANDOMIZE.into(), 0, 0],
        )
    }),
    depends("kernel: io_uring", |_| {
        let mut parameters = [0_u8; 120];
        // SAFETY: the kernel writes the 120 bytes of its structure.
        check(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut parameters) }).map(drop)
    }),
    depends("kernel: bpf", |_| {
        // An array of one element: kind 2, key and value of four bytes.
        let map = [2_u32, 4, 4, 1];
        let size = size_of_val(&map);
        // SAFETY: the structure outlives the call.
        check(unsafe { libc::syscall(libc::SYS_bpf, 0, &raw const map, size) }).map(drop)
    }),
    // The keyring of the session.
    depends("kernel: keyctl", |_| call(libc::SYS_keyctl, [0, -3, 0])),
    depends("kernel: performance events", |_| {
        let mut event = [0_u8; 128];
        event[4] = 128; // its size
        event[0] = 1; // software
        // SAFETY: the structure has the size that it says.
        let opened =
            unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const event, 0, -1, -1, 0) };
        check(opened).map(drop)
    }),
    depends("kernel: userfaultfd", |_| {
        call(libc::SYS_userfaultfd, [1, 0, 0])
    }),
    depends("kernel: System V shared memory", |_| {
        let made = call_for(libc::SYS_shmget, [libc::IPC_PRIVATE.into(), 4096, 0o600])?;
        call(libc::SYS_shmctl, [made, libc::IPC_RMID.into(), 0])
    }),
    always("kernel: device control", |_| {
        let mut waiting = 0;
        // SAFETY: the kernel writes one number.
        check(unsafe { libc::ioctl(0, libc::FIONREAD, &raw mut waiting) }.into()).map(drop)
    }),
    always("kernel: larger pipe", |_| {
        // SAFETY: numbers only; standard output is a pipe.
        check(unsafe { libc::fcntl(1, libc::F_SETPIPE_SZ, 1 << 20) }.into()).map(drop)
    }),
    always("kernel: drop what it was told", |_| {
        // A filter of its own could answer calls otherwise.
        let allow = [libc::sock_filter {
            code: 6,
            jt: 0,
            jf: 0,
            k: libc::SECCOMP_RET_ALLOW,
        }];
        let filter = libc::sock_fprog {
            len: 1,
            filter: allow.as_ptr().cast_mut(),
        };
        // SAFETY: numbers only.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
        let kind = libc::SECCOMP_SET_MODE_FILTER;
        // SAFETY: the filter outlives the call.
        check(unsafe { libc::syscall(libc::SYS_seccomp, kind, 0, &raw const filter) }).map(drop)
    }),
];

fn call(number: libc::c_long, arguments: [i64; 3]) -> io::Result<()> {
    call_for(number, arguments).map(drop)
}

fn call_for(number: libc::c_long, [a, b, c]: [i64; 3]) -> io::Result<i64> {
    // SAFETY: only called with arguments that hold no pointers.
    check(unsafe { libc::syscall(number, a, b, c) })
}

/// Counts an error that comes after the check of rights as success.
fn reached(result: i64, past_the_check: i32) -> io::Result<()> {
    match check(result) {
        Err(error) if error.raw_os_error() != Some(past_the_check) => Err(error),
        _ => Ok(()),
    }
}

/// Asks for a byte at an address where the other process has none.
fn memory(place: &Place, number: libc::c_long) -> io::Result<()> {
    let mut byte = 0_u8;
    let here = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    let there = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(1 << 12),
        iov_len: 1,
    };
    let (one, none): (libc::c_ulong, libc::c_ulong) = (1, 0);
    let (here, there) = (&raw const here, &raw const there);
    // SAFETY: both lists have one element and outlive the call.
    let moved = unsafe { libc::syscall(number, place.victim, here, one, there, one, none) };
    reached(moved, libc::EFAULT)
}
