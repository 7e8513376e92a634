//! Run where there is a device; elsewhere they say that they did not.

use tch::Device;
use zarathustra_primitives::Engine;

use crate::model::tests::pytorch::{build, cases, compute, difference};

/// The tolerance of the processor's tests ten times over: sums of other lengths and in another
/// order, by other approximations of exp and tanh.
const TOLERANCE: f64 = 1e-5;

#[test]
fn a_device_answers_like_the_processor() {
    if !std::path::Path::new("/dev/nvidia0").exists() {
        println!("skipped: no CUDA device");
        return;
    }
    super::load().expect("libtorch for CUDA");
    super::start().expect("a device");
    for (file, case) in cases() {
        let model = build(&case, Engine::Libtorch, Device::Cuda(0));
        let apart = difference(&case, &compute(&case, &model, 1));
        assert!(apart <= TOLERANCE, "{file}, {}: {apart:e}", case.name);
    }
}
