//! What the worker gives up before it looks at strangers' bytes.
//!
//! Limits that the kernel keeps (memory, time, file size, no core file), Landlock (files: read the
//! job's, and write one evaluator's cache folder while compiling; no TCP, no signals or abstract
//! sockets beyond itself) and a seccomp filter that knows a list of system calls and answers all
//! others with "not implemented": no sockets, no programs, no processes, no tracing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use rlimit::Resource;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use zarathustra_eval::wire::{Job, Task};

/// The newest Landlock that is asked for; an older kernel enforces what it knows of it.
const LANDLOCK: ABI = ABI::V6;
/// Most open files.
const MAX_FILES: u64 = 256;
/// Largest file, which also bounds the memory files that hold an evaluator's initial memory.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Read by libtorch and the standard library to count processors.
const PROCESSORS: &str = "/sys/devices/system/cpu";

/// Why the sandbox could not be entered.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A limit could not be set.
    #[error("set a resource limit: {0}")]
    Limit(#[from] io::Error),
    /// Threads run already, which restrictions would not reach.
    #[error("{threads} threads run before the sandbox is entered")]
    Threads {
        /// How many.
        threads: usize,
    },
    /// Landlock failed.
    #[error("restrict files: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// A path of the job cannot be opened.
    #[error("restrict files: {0}")]
    Path(#[from] landlock::PathFdError),
    /// The kernel has no Landlock.
    #[error("this kernel does not enforce Landlock")]
    NotEnforced,
    /// The filter of system calls failed.
    #[error("filter system calls: {0}")]
    Seccomp(#[from] seccompiler::Error),
    /// The filter of system calls is wrong.
    #[error("filter system calls: {0}")]
    Filter(#[from] BackendError),
}

/// Gives up what the job does not need. Irreversible, for this thread and all that it starts.
pub fn enter(job: &Job) -> Result<(), SandboxError> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(SandboxError::Threads { threads });
    }
    limit_resources(job)?;
    match restrict_files(job) {
        Err(SandboxError::NotEnforced) if job.allow_unsandboxed => {
            eprintln!("zarathustra-worker: no Landlock, going on without as told");
        }
        result => result?,
    }
    filter_system_calls()
}

fn limit_resources(job: &Job) -> io::Result<()> {
    for (resource, limit) in [
        (Resource::CORE, 0),
        (Resource::CPU, job.cpu_seconds),
        (Resource::DATA, job.data_bytes),
        (Resource::FSIZE, MAX_FILE_BYTES),
        (Resource::NOFILE, MAX_FILES),
    ] {
        // A limit that is in force already may be stricter.
        let (_, hard) = resource.get()?;
        let limit = limit.min(hard);
        resource.set(limit, limit)?;
    }
    Ok(())
}

fn restrict_files(job: &Job) -> Result<(), SandboxError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let cache = match &job.task {
        Task::Compile => AccessFs::from_all(LANDLOCK) & !BitFlags::from(AccessFs::Execute),
        Task::Evaluate(_) | Task::Run(_) => read,
    };
    let mut files = vec![&job.evaluator.path];
    match &job.task {
        Task::Compile => {}
        Task::Evaluate(task) => files.extend([
            &task.architecture.path,
            &task.champion.path,
            &task.challenger.path,
        ]),
        Task::Run(task) => files.extend([&task.architecture, &task.parameters, &task.inputs]),
    }
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rule(beneath(&job.cache, cache)?)?;
    for file in files {
        ruleset = ruleset.add_rule(beneath(file, AccessFs::ReadFile.into())?)?;
    }
    if Path::new(PROCESSORS).exists() {
        ruleset = ruleset.add_rule(beneath(Path::new(PROCESSORS), read)?)?;
    }
    match ruleset.restrict_self()?.ruleset {
        RulesetStatus::NotEnforced => Err(SandboxError::NotEnforced),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

fn beneath(
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<PathBeneath<PathFd>, landlock::PathFdError> {
    Ok(PathBeneath::new(PathFd::new(path)?, access))
}

fn filter_system_calls() -> Result<(), SandboxError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, vec![])).collect();
    // Threads, but no processes. Without clone3 the C library falls back to clone, whose flags a
    // filter can see.
    let thread = libc::CLONE_THREAD as u64;
    let threads_only = long(0, SeccompCmpOp::MaskedEq(thread), thread)?;
    rules.insert(libc::SYS_clone, vec![threads_only]);
    // Signals to itself, which is how a process aborts.
    let itself = int(0, SeccompCmpOp::Eq, std::process::id().into())?;
    rules.insert(libc::SYS_tgkill, vec![itself]);
    // Limits may be read, not set.
    let read_only = long(2, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![read_only]);
    // Names of threads and of memory.
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA]
        .map(|option| int(0, SeccompCmpOp::Eq, option as u64));
    rules.insert(
        libc::SYS_prctl,
        names.into_iter().collect::<Result<_, _>>()?,
    );

    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

/// A rule on an argument of 64 bits.
fn long(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    let length = SeccompCmpArgLen::Qword;
    SeccompRule::new(vec![SeccompCondition::new(index, length, operator, value)?])
}

/// A rule on an argument of 32 bits; whatever the register holds above is not compared.
fn int(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    let length = SeccompCmpArgLen::Dword;
    SeccompRule::new(vec![SeccompCondition::new(index, length, operator, value)?])
}

/// What wasmtime, libtorch and the C library need once they run.
const ALLOWED: &[i64] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Files; which, is for Landlock to say.
    libc::SYS_close,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
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
