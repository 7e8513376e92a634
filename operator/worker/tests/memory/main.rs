//! No operation takes more memory than its cost says, by either engine: each is computed in a
//! process of its own, and what that held at most is compared with the cost.

#![allow(
    unsafe_code,
    reason = "what a process holds can be measured in a process that is used for nothing else"
)]

mod cases;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use cases::{Case, cases};
use zarathustra_eval::ALLOCATOR;
use zarathustra_eval::architecture::{Architecture, InputType};
use zarathustra_eval::cost::Cost;
use zarathustra_eval::environment::EnvironmentLock;
use zarathustra_eval::parameters::{self, Parameters};
use zarathustra_primitives::Engine;
use zarathustra_worker::{determinism, model::Model};

const NAME: &str = "no_operation_takes_more_memory_than_it_costs";
const MEASURE: &str = "measure";
const ENGINES: [Engine; 2] = [Engine::Reference, Engine::Libtorch];
/// What no cost counts: pages that are only partly used, for each of up to about twenty pieces of
/// memory that are alive at once; the stack; code that oneDNN makes for the shape; and the kernel,
/// which adds up the pages of a process some dozens at a time.
const SLACK: u64 = 1 << 20;
/// How much smaller the model is that is computed before, so that what libraries load and set up
/// once is there.
const SMALLER: u64 = 4;
/// As the worker's own thread.
const STACK_BYTES: usize = 32 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == MEASURE) {
        measure_all();
        return ExitCode::SUCCESS;
    }
    // A test runner asks what there is to run: one test, and none that is ignored.
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("{NAME}: test");
        }
        return ExitCode::SUCCESS;
    }
    compare()
}

/// One measurement.
struct Trial {
    op: String,
    case: Case,
    engine: Engine,
    transposed: bool,
}

impl Trial {
    fn name(&self) -> String {
        let behind = if self.transposed { ", transposed" } else { "" };
        format!("{}, {}{behind}, {}", self.op, self.case.label, self.engine)
    }

    fn architecture(&self, size: u64) -> Architecture {
        let text = self.case.architecture(&self.op, size, self.transposed);
        let text = text.expect("chosen such that there is one");
        Architecture::from_json(text.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}: {text}", self.name()))
    }
}

/// All cases of all operations of the schema: one that has none ends the test.
fn trials() -> Vec<Trial> {
    let schema = zarathustra_model::schema::architecture();
    let nodes = &schema["properties"]["nodes"]["items"]["oneOf"];
    let nodes = nodes.as_array().expect("operations");
    let mut trials = Vec::new();
    for node in nodes {
        let op = node["properties"]["op"]["const"].as_str().expect("a name");
        for engine in ENGINES {
            for transposed in [false, true] {
                // The reference engine knows no order but one.
                let differs = !transposed || engine == Engine::Libtorch;
                let there = cases(op)
                    .into_iter()
                    .filter(|case| case.architecture(op, case.size, transposed).is_some());
                trials.extend(there.filter(|_| differs).map(|case| Trial {
                    op: op.to_owned(),
                    case,
                    engine,
                    transposed,
                }));
            }
        }
    }
    trials
}

/// Has everything measured and compares.
fn compare() -> ExitCode {
    let output = Command::new(std::env::current_exe().expect("a path"))
        .arg(MEASURE)
        .envs(EnvironmentLock::of_this_build().variables())
        .envs([ALLOCATOR])
        .output()
        .expect("this program starts");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let measured: BTreeMap<usize, u64> = text
        .lines()
        .map(|line| {
            let (index, bytes) = line.split_once(' ').expect("two numbers");
            let index = index.parse().expect("a number");
            (index, bytes.parse().expect("a number"))
        })
        .collect();
    let mut lines = Vec::new();
    let mut failed = 0;
    for (index, trial) in trials().iter().enumerate() {
        let architecture = trial.architecture(trial.case.size);
        // The answers are handed out, and counted as the program's.
        let answers = architecture.output_shape().iter().product::<u64>() * 4;
        let stated = Cost::of(&architecture).activation_bytes + answers;
        let Some(bytes) = measured.get(&index) else {
            println!("{}: not measured", trial.name());
            failed += 1;
            continue;
        };
        let ratio = *bytes as f64 / stated as f64;
        let verdict = if *bytes > stated + SLACK {
            failed += 1;
            "TOO MUCH"
        } else {
            ""
        };
        let [measured, stated] = [*bytes, stated].map(|bytes| bytes as f64 / f64::from(1 << 20));
        let name = trial.name();
        let line = format!("{ratio:6.3} {measured:7.2} of {stated:7.2} MiB  {name} {verdict}");
        lines.push((ratio, line));
    }
    lines.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    lines.iter().for_each(|(_, line)| println!("{line}"));
    println!("{failed} of {} fail", lines.len());
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Measures each trial in a process of its own and prints its number and the bytes.
///
/// The processes are split off from this one, which has libtorch loaded and no second thread.
fn measure_all() {
    let lock = EnvironmentLock::of_this_build().to_json();
    determinism::enter(&lock).expect("the lock");
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut running = 0;
    for (index, trial) in trials().into_iter().enumerate() {
        if running == at_once {
            wait();
            running -= 1;
        }
        // SAFETY: this process has one thread, so the child finds nothing half done.
        match unsafe { libc::fork() } {
            0 => measure(index, &trial),
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            _ => running += 1,
        }
    }
    (0..running).for_each(|_| wait());
}

fn wait() {
    // SAFETY: waits for any child; no status is written.
    let child = unsafe { libc::wait(std::ptr::null_mut()) };
    assert!(child > 0, "a child ended");
}

/// What one computation takes, in a process that ends with it.
fn measure(index: usize, trial: &Trial) -> ! {
    // SAFETY: numbers only. Pages of 2 MiB would count for more than is used of them.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
    let small = trial.architecture((trial.case.size / SMALLER).max(1));
    let file = parameters_of(&small);
    let model = model(&small, &file, trial.engine);
    drop(forward(&model, &inputs(&small)));
    drop((model, file));
    let architecture = trial.architecture(trial.case.size);
    let file = parameters_of(&architecture);
    let inputs = inputs(&architecture);
    // SAFETY: takes a number. What was freed would be used again without being counted.
    unsafe { libc::malloc_trim(0) };
    // As in a worker, a thread of its own computes; its memory begins empty.
    let measured = std::thread::scope(|scope| {
        let computes = || {
            let model = self::model(&architecture, &file, trial.engine);
            std::fs::write("/proc/self/clear_refs", "5").expect("the most that was held is reset");
            let before = held("VmRSS:");
            drop(forward(&model, &inputs));
            held("VmHWM:").saturating_sub(before)
        };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, computes).expect("a thread");
        thread.join()
    });
    if let Ok(bytes) = measured {
        println!("{index} {bytes}");
    }
    // SAFETY: ends the process without what its parent still needs to do at its own end.
    unsafe { libc::_exit(0) }
}

fn held(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kibibytes = kibibytes.expect(field).trim().parse::<u64>();
    kibibytes.expect("a number") * 1024
}

fn parameters_of(architecture: &Architecture) -> Vec<u8> {
    let specs = architecture.parameters().iter();
    let values = specs.map(|spec| vec![0.01; spec.elements() as usize]);
    Parameters::new(architecture, values.collect())
        .and_then(|parameters| Ok(parameters.to_safetensors()?))
        .expect("a file")
}

fn model(architecture: &Architecture, file: &[u8], engine: Engine) -> Model {
    let tensors = parameters::read(file, architecture).expect("valid");
    Model::new(architecture, &tensors, engine, tch::Device::Cpu).expect("a model")
}

/// Inputs whose memory was written to.
fn inputs(architecture: &Architecture) -> Vec<Vec<u8>> {
    let inputs = architecture.inputs().iter();
    let bytes = inputs.map(|input| {
        let count = input.shape.iter().product::<u64>() as usize * 4;
        let mut bytes = vec![0x3c; count];
        if input.dtype == InputType::I32 {
            bytes.fill(0);
        }
        bytes
    });
    bytes.collect()
}

fn forward(model: &Model, inputs: &[Vec<u8>]) -> Vec<u8> {
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    model.forward(&inputs, 1).expect("computed")
}
