//! Run where there is a device; elsewhere they say that they did not.

use std::process::Command;

use tch::Device;
use zarathustra_eval::wire;
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
    let variables = wire::Device::Cuda.variables();
    if variables
        .iter()
        .any(|(name, value)| std::env::var(name).as_deref() != Ok(value))
    {
        return again_with(variables);
    }
    super::load().expect("libtorch for CUDA");
    super::start().expect("a device");
    for (file, case) in cases() {
        let model = build(&case, Engine::Libtorch, Device::Cuda(0));
        let apart = difference(&case, &compute(&case, &model, 1));
        assert!(apart <= TOLERANCE, "{file}, {}: {apart:e}", case.name);
    }
}

/// Runs this test in a process that has the variables which the host sets for a worker, since
/// libraries read them when they start: among others, they turn TF32 off.
fn again_with(variables: &[(&str, &str)]) {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args([
            "--exact",
            "cuda::tests::a_device_answers_like_the_processor",
        ])
        .envs(variables.iter().copied())
        .output()
        .expect("it starts");
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}", said.join("\n"));
    assert!(said[0].contains("1 passed"), "{}", said[0]);
}
