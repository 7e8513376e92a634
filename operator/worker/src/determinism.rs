//! Sets what the environment lock (5.8) says, or refuses to compute.
//!
//! Variables that libraries read when they start are the host's to set; here they are checked.
//! Denormals are flushed while libtorch computes and at no other time: WebAssembly has them, and
//! processors of different makes flush at slightly different places, which only the tolerance for
//! libtorch has room for.

use std::sync::OnceLock;

use zarathustra_eval::environment::{BATCH_ROWS, EnvironmentLock, THREADS};
use zarathustra_eval::wire::LocalKind;

use crate::Ended;

/// The lock of this process's one job.
static LOCK: OnceLock<EnvironmentLock> = OnceLock::new();

/// Puts this process under a lock, for good.
///
/// # Errors
/// [`LocalKind::Unsupported`] for a lock of another build; [`LocalKind::Internal`] for one that is
/// malformed, whose variables are not set, or that comes second.
pub fn enter(lock: &str) -> Result<(), Ended> {
    let internal = |detail: String| Ended::local(LocalKind::Internal, detail);
    let lock = EnvironmentLock::from_json(lock).map_err(|error| internal(error.to_string()))?;
    if let Some(key) = lock.differs_from(&EnvironmentLock::of_this_build()) {
        let detail = format!("the environment lock is of another build: its {key} differs");
        return Err(Ended::local(LocalKind::Unsupported, detail));
    }
    for (name, value) in lock.variables() {
        if std::env::var(&name).as_deref() != Ok(value.as_str()) {
            let detail = format!("the variable {name} is not {value}, as the lock says");
            return Err(internal(detail));
        }
    }
    LOCK.set(lock)
        .map_err(|_| internal("a process has one lock".to_owned()))?;
    tch::set_num_threads(threads());
    libtorch::use_deterministic_algorithms();
    Ok(())
}

/// Rows that a model computes at a time under the lock.
pub fn batch_rows() -> usize {
    LOCK.get()
        .map_or(BATCH_ROWS, |lock| lock.batch_rows() as usize)
}

/// Threads that compute under the lock.
pub fn threads() -> i32 {
    let threads = LOCK.get().map_or(THREADS, EnvironmentLock::threads);
    i32::try_from(threads).unwrap_or(i32::MAX)
}

/// Flushes denormals to zero, in operands and results, on this thread and on threads that it
/// starts, until it is dropped.
///
/// Rust supposes that nobody does this, so between making and dropping it there may be calls into
/// libtorch but no arithmetic of our own on floating-point numbers.
#[derive(Debug)]
#[must_use = "denormals are flushed until it is dropped"]
pub struct Flushed {
    before: control::Word,
}

/// See [`Flushed`].
pub fn flush_denormals() -> Flushed {
    let before = control::read();
    control::write(before | control::FLUSH);
    Flushed { before }
}

/// Does arithmetic of our own while there may be a [`Flushed`].
pub fn unflushed<T>(compute: impl FnOnce() -> T) -> T {
    let flushed = control::read();
    control::write(flushed & !control::FLUSH);
    // Neither call is moved into the other, so that no arithmetic leaves the bracket.
    let result = std::hint::black_box(outlined(compute));
    control::write(flushed);
    result
}

#[inline(never)]
fn outlined<T>(compute: impl FnOnce() -> T) -> T {
    compute()
}

impl Drop for Flushed {
    fn drop(&mut self) {
        control::write(self.before);
    }
}

/// The control register of the floating-point unit.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod control {
    use std::arch::asm;

    pub type Word = u32;

    /// Flush to zero (bit 15) and denormals are zero (bit 6) of MXCSR; Intel's manual, volume 1,
    /// 10.2.3.
    pub const FLUSH: Word = 1 << 15 | 1 << 6;

    pub fn read() -> Word {
        let mut word = 0;
        // SAFETY: stores 4 bytes at the address of a local of 4 bytes.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
        word
    }

    pub fn write(word: Word) {
        // SAFETY: loads 4 bytes from the address of a local of 4 bytes, whose value was read from
        // the register and has only defined bits added. What is changed besides is told in the
        // description of `Flushed`.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, preserves_flags)) };
    }
}

/// The control register of the floating-point unit.
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
mod control {
    use std::arch::asm;

    pub type Word = u64;

    /// Flush to zero (bit 24) of FPCR, which covers operands and results; Arm's architecture
    /// reference manual, C5.2.8.
    pub const FLUSH: Word = 1 << 24;

    pub fn read() -> Word {
        let word;
        // SAFETY: reads a register that every process may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags)) };
        word
    }

    pub fn write(word: Word) {
        // SAFETY: writes back what was read from the register, with a defined bit added. What is
        // changed besides is told in the description of `Flushed`.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack, preserves_flags)) };
    }
}

/// What libtorch has and `tch` has no call for.
#[allow(unsafe_code)]
mod libtorch {
    use std::ffi::c_void;

    unsafe extern "C" {
        /// `at::Context& at::globalContext()`
        #[link_name = "_ZN2at13globalContextEv"]
        fn global_context() -> *mut c_void;
        /// `void at::Context::setDeterministicAlgorithms(bool on, bool warn_only)`
        #[link_name = "_ZN2at7Context26setDeterministicAlgorithmsEbb"]
        fn set_deterministic_algorithms(context: *mut c_void, on: bool, warn_only: bool);
        /// `void at::Context::setDeterministicFillUninitializedMemory(bool b)`
        #[link_name = "_ZN2at7Context39setDeterministicFillUninitializedMemoryEb"]
        fn set_fill_uninitialized_memory(context: *mut c_void, on: bool);
        /// `bool at::Context::deterministicAlgorithms() const`
        #[cfg(test)]
        #[link_name = "_ZNK2at7Context23deterministicAlgorithmsEv"]
        fn deterministic_algorithms(context: *const c_void) -> bool;
    }

    /// An operation without a deterministic algorithm fails from here on. Memory is not filled
    /// before it is written to: no operation of an architecture reads what it has not written.
    pub fn use_deterministic_algorithms() {
        // SAFETY: the signatures are those of the pinned libtorch in the C++ ABI of both supported
        // processors, in which a reference and `this` are pointers. The context lives as long as
        // the process.
        unsafe {
            set_deterministic_algorithms(global_context(), true, false);
            set_fill_uninitialized_memory(global_context(), false);
        }
    }

    #[cfg(test)]
    pub fn uses_deterministic_algorithms() -> bool {
        // SAFETY: as above.
        unsafe { deterministic_algorithms(global_context()) }
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    const DENORMAL: u32 = 1 << 13;

    const fn power_of_two(exponent: i32) -> f32 {
        f32::from_bits(((exponent + 127) as u32) << 23)
    }

    fn product(a: f32, b: f32) -> Tensor {
        Tensor::from_slice(&[a; 64]) * Tensor::from_slice(&[b; 64])
    }

    /// 2^-126 · 2^-10 is 2^-136, a denormal in 32 bits.
    fn small() -> Tensor {
        product(power_of_two(-126), power_of_two(-10))
    }

    /// 2^-136 · 2^20 is 2^-116, which is none.
    fn of_small() -> Tensor {
        product(f32::from_bits(DENORMAL), power_of_two(20))
    }

    /// The first element, copied and not computed with.
    fn bits(tensor: &Tensor) -> u32 {
        let mut values = [0_f32; 64];
        tensor.copy_data(&mut values, 64);
        values[0].to_bits()
    }

    #[test]
    fn denormals_are_flushed_while_the_guard_lives() {
        let unflushed = || {
            assert_eq!(bits(&small()), DENORMAL);
            assert_eq!(bits(&of_small()), power_of_two(-116).to_bits());
        };
        unflushed();
        let flushed = flush_denormals();
        let [result, of_operand] = [small(), of_small()];
        drop(flushed);
        assert_eq!([bits(&result), bits(&of_operand)], [0, 0]);
        unflushed();
    }

    #[test]
    fn our_own_arithmetic_is_not_flushed() {
        let denormal = std::hint::black_box(f32::from_bits(DENORMAL));
        let doubled = || unflushed(|| (std::hint::black_box(denormal) * 2.0).to_bits());
        let flushed = flush_denormals();
        let [own, libtorchs] = [doubled(), bits(&small())];
        drop(flushed);
        assert_eq!([own, libtorchs], [2 * DENORMAL, 0]);
    }

    #[test]
    fn threads_that_are_started_meanwhile_flush_too() {
        let flushed = flush_denormals();
        let thread = std::thread::spawn(|| bits(&small()));
        let result = thread.join();
        drop(flushed);
        assert_eq!(result.expect("a result"), 0);
    }

    #[test]
    fn libtorch_is_told_to_be_deterministic() {
        libtorch::use_deterministic_algorithms();
        assert!(libtorch::uses_deterministic_algorithms());
    }

    #[test]
    fn a_lock_that_cannot_be_kept_is_local() {
        let lock = EnvironmentLock::of_this_build();
        let kind = |text: &str| match enter(text) {
            Err(Ended::Local { kind, .. }) => kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind("{}"), LocalKind::Internal);
        let other = lock.to_json().replace("2.11.0", "2.12.0");
        assert_eq!(kind(&other), LocalKind::Unsupported);
        // The variables are not set here.
        assert_eq!(kind(&lock.to_json()), LocalKind::Internal);
    }
}
