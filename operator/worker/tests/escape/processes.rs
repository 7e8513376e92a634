use std::ffi::{CString, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::suite::ANSWER;
use crate::{Attempt, Place, always, check, depends};

/// Children of a fork bomb. Enough to be one, few enough to clean up.
const BOMB: usize = 64;

pub const ATTEMPTS: &[Attempt] = &[
    always("process: fork bomb", bomb),
    // A child that ends at once; without CLONE_VM it has a copy of everything.
    #[cfg(target_arch = "x86_64")]
    always("process: fork", |_| child(|| raw(libc::SYS_fork, [0; 5]))),
    #[cfg(target_arch = "x86_64")]
    always("process: vfork", vfork),
    always("process: clone", |_| {
        child(|| raw(libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0]))
    }),
    always("process: clone3", |_| child(clone3)),
    depends("process: in a namespace", |_| {
        let flags = i64::from(libc::SIGCHLD | libc::CLONE_NEWUSER);
        child(|| raw(libc::SYS_clone, [flags, 0, 0, 0, 0]))
    }),
    always("process: run a program", |place| {
        // Comes back only when it failed; the program answers for this one.
        Err(Command::new("/bin/cat")
            .arg(place.outside.join(ANSWER))
            .exec())
    }),
    always("process: run itself", |_| {
        Command::new("/proc/self/exe")
            .arg("--list")
            .output()
            .map(drop)
    }),
    always("process: run a program in memory", in_memory),
];

fn raw(call: libc::c_long, [a, b, c, d, e]: [i64; 5]) -> i64 {
    // SAFETY: only called with arguments that hold no pointers.
    unsafe { libc::syscall(call, a, b, c, d, e) }
}

/// Makes a child that ends at once, and waits for it.
fn child(make: impl FnOnce() -> i64) -> io::Result<()> {
    let process = check(make())?;
    if process == 0 {
        // SAFETY: ends the child without running anything of its parent's.
        unsafe { libc::_exit(0) }
    }
    wait(process)
}

fn wait(process: i64) -> io::Result<()> {
    // SAFETY: asks for no status.
    check(unsafe { libc::waitpid(process as i32, std::ptr::null_mut(), 0) }.into()).map(drop)
}

fn clone3() -> i64 {
    // SAFETY: all zeros are valid for a structure of numbers.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.exit_signal = libc::SIGCHLD as u64;
    let size = size_of::<libc::clone_args>();
    // SAFETY: the structure outlives the call, and asks for no memory to be shared.
    unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size) }
}

/// The child shares the parent's stack, so it must end before it returns from anything.
#[cfg(target_arch = "x86_64")]
fn vfork(_: &Place) -> io::Result<()> {
    let result: i64;
    // SAFETY: the child makes one call that ends it; registers that calls change are named.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov edi, 0",
            "mov eax, 60",
            "syscall",
            "2:",
            inlateout("rax") libc::SYS_vfork => result,
            out("rcx") _, out("r11") _, out("rdi") _,
        );
    }
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result as i32));
    }
    wait(result)
}

fn bomb(_: &Place) -> io::Result<()> {
    let mut children = Vec::new();
    let mut outcome = Ok(());
    for _ in 0..BOMB {
        // SAFETY: the child only waits for a signal.
        match check(unsafe { libc::fork() }.into()) {
            Ok(0) => loop {
                // SAFETY: has no arguments.
                unsafe { libc::pause() };
            },
            Ok(process) => children.push(process),
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    for process in children {
        // SAFETY: a child of this process that was not waited for.
        check(unsafe { libc::kill(process as i32, libc::SIGKILL) }.into())?;
        wait(process)?;
    }
    outcome
}

/// A script in a file that has no name anywhere, run through its descriptor.
fn in_memory(place: &Place) -> io::Result<()> {
    let script = format!(
        "#!/bin/sh\nexec cat '{}'\n",
        place.outside.join(ANSWER).display()
    );
    // SAFETY: the name ends with a zero byte; the descriptor ends with the process.
    let file = check(unsafe { libc::memfd_create(c"script".as_ptr(), 0) }.into())?;
    // SAFETY: the text outlives the call.
    let written = unsafe { libc::write(file as i32, script.as_ptr().cast(), script.len()) };
    check(written as i64)?;
    let name = CString::new(std::ffi::OsStr::new("script").as_bytes())?;
    let arguments: [*const c_char; 2] = [name.as_ptr(), std::ptr::null()];
    let environment: [*const c_char; 1] = [std::ptr::null()];
    // SAFETY: lists end with null, texts with zero bytes.
    let run = unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file,
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    check(run).map(drop)
}
