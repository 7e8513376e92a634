//! Too much memory is local, whoever notices it: the operator abstains, and nothing is claimed.

use zarathustra_eval::{LocalFailure, WorkerSettings, check_sandbox, evaluate};

use crate::common::{probe, settings};
use crate::hostile::{impostor, lines};

/// What a worker may hold in these tests.
const LIMIT_BYTES: u64 = 600 << 20;

/// What an evaluation by a script in the worker's place fails with: lack of memory.
async fn lacking(script: &str, cgroups: bool) -> String {
    let (_folder, settings) = impostor(script);
    let settings = WorkerSettings {
        memory_bytes: LIMIT_BYTES,
        cgroups,
        ..settings
    };
    let failure = evaluate(&lines(probe(&[])), &settings).await;
    let failure = failure.expect_err("too much");
    assert_eq!(failure.code(), "local_out_of_memory", "{failure}");
    match failure {
        LocalFailure::OutOfMemory { detail } => detail,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_host_stops_a_worker_that_holds_too_much() {
    // Looks for the end of an endless line, and keeps all of it.
    let detail = lacking("exec tail -n 1 /dev/zero", false).await;
    assert!(detail.starts_with("the worker holds"), "{detail}");
    // With a control group as well, whichever is first.
    lacking("exec tail -n 1 /dev/zero", true).await;
}

#[tokio::test]
async fn a_worker_that_runs_out_of_memory_says_so() {
    let script = "echo 'memory allocation of 1000000 bytes failed' >&2; kill -ABRT $$";
    let detail = lacking(script, true).await;
    assert!(detail.contains("memory allocation"), "{detail}");
}

/// The host looks at the worker alone, so what a process of the worker's holds is noticed by the
/// control group only.
#[tokio::test]
async fn a_control_group_that_ends_a_worker_is_lack_of_memory() {
    let isolation = check_sandbox(&settings()).await.expect("a sandbox");
    if let Err(why) = isolation.cgroups {
        println!("skipped: no control groups ({why})");
        return;
    }
    // It waits for its job, as workers do: it is in its group before. Where the group did not hold,
    // the limit on addresses would end it, which is no lack of memory to the host.
    let script =
        "head -c 1 > /dev/null; ulimit -v 2000000; tail -n 1 /dev/zero 2> /dev/null; exit 1";
    let detail = lacking(script, true).await;
    assert!(detail.contains("control group"), "{detail}");
}
