//! The filter of system calls.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use zarathustra_eval::wire::Device;

/// Why the filter is not in force.
#[derive(Debug, thiserror::Error)]
pub enum CallsError {
    /// The kernel refused it.
    #[error(transparent)]
    Refused(#[from] seccompiler::Error),
    /// It is wrong.
    #[error(transparent)]
    Wrong(#[from] BackendError),
}

/// Answers calls that are not listed with "not implemented".
pub fn filter(device: Device) -> Result<(), CallsError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, vec![])).collect();
    rules.extend(conditional(device)?);
    if device == Device::Cuda {
        // In the place of conditions only for what the driver's list names.
        rules.extend(super::device::CALLS.iter().map(|call| (*call, vec![])));
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

/// The calls that are allowed with some arguments only.
fn conditional(device: Device) -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let only = |condition| Ok::<_, BackendError>(vec![SeccompRule::new(vec![condition?])?]);
    let either = |index, values: &[i32]| {
        let rule =
            |value: &i32| SeccompRule::new(vec![int(index, SeccompCmpOp::Eq, *value as u64)?]);
        values.iter().map(rule).collect::<Result<Vec<_>, _>>()
    };

    // Private memory, which the limit on data counts. Not counted are shared memory, stacks that
    // grow by themselves and huge pages.
    let kinds = (libc::MAP_TYPE | libc::MAP_GROWSDOWN | libc::MAP_HUGETLB) as u64;
    let private = only(masked(3, kinds, libc::MAP_PRIVATE as u64))?;
    // Advice about its own memory. From 100 on it takes pages from the whole machine.
    let advice = only(int(2, SeccompCmpOp::Lt, libc::MADV_HWPOISON as u64))?;
    // Files are opened for reading; those of a device's driver also for writing, and which these
    // are, is for Landlock to say. None is made or cut off.
    let writing = match device {
        Device::Cpu => libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC,
        Device::Cuda => libc::O_CREAT | libc::O_TRUNC,
    } as u64;
    let unnamed = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u64;
    let opened = |flags| only(masked(flags, writing | unnamed, 0));
    // Not the owner of a pipe, whom the kernel would signal, nor its size.
    let plain = either(
        1,
        &[
            libc::F_GETFD,
            libc::F_SETFD,
            libc::F_GETFL,
            libc::F_DUPFD_CLOEXEC,
        ],
    )?;
    // Threads, but no processes or namespaces. Without clone3 the C library falls back to clone,
    // whose flags a filter can see.
    let thread = only(masked(
        0,
        THREAD_OR_NAMESPACES as u64,
        libc::CLONE_THREAD as u64,
    ))?;
    // Signals to itself, which is how a process aborts.
    let itself = only(int(0, SeccompCmpOp::Eq, std::process::id().into()))?;
    // Its own limits may be read, not set.
    let limits = vec![SeccompRule::new(vec![
        int(0, SeccompCmpOp::Eq, 0)?,
        long(2, SeccompCmpOp::Eq, 0)?,
    ])?];
    // Names of threads and of memory.
    let names = either(0, &[libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA])?;

    Ok(vec![
        (libc::SYS_mmap, private),
        (libc::SYS_madvise, advice),
        (libc::SYS_openat, opened(2)?),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, opened(1)?),
        (libc::SYS_fcntl, plain),
        (libc::SYS_clone, thread),
        (libc::SYS_tgkill, itself),
        (libc::SYS_prlimit64, limits),
        (libc::SYS_prctl, names),
    ])
}

/// Flags of `clone` that decide whether a thread is made, and in which namespaces.
const THREAD_OR_NAMESPACES: i32 = libc::CLONE_THREAD
    | libc::CLONE_PTRACE
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// A condition on an argument of 64 bits.
fn long(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, value)
}

/// A condition on some bits of an argument.
fn masked(index: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    long(index, SeccompCmpOp::MaskedEq(mask), value)
}

/// A condition on an argument of 32 bits; whatever the register holds above is not compared.
fn int(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

/// What wasmtime, libtorch and the C library need once they run.
const ALLOWED: &[i64] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Files; which can be opened, is for Landlock to say.
    libc::SYS_close,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstat,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    // Threads, signals, time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];
