//! Where the tolerance leaves the verdict open, the reference engine's figures decide, without a
//! margin; who claims libtorch's there is at fault.

use eyre::{ContextCompat, Result};
use zarathustra_chain::read;
use zarathustra_devnet::{liar::Lie, story::Stage};
use zarathustra_primitives::{Engine, SubmissionState};
use zarathustra_tests::{Scenario, certified, entries};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_engine_decides_within_the_tolerance() -> Result<()> {
    let mut scenario = Scenario::start("margin").await?;
    let mut quiet = |_: &str| {};
    // A tolerance so wide that an improvement of 0.5 to 0.75 is above the threshold, but not by
    // the margin that libtorch's figures need. The trained network's is 0.56 to 0.58.
    let mut stage = Stage::set_with(&mut scenario.network, &mut quiet, |terms| {
        for (name, value) in [
            ("min_improvement", 0.5),
            ("tolerance", 0.25),
            ("slash_margin", 0.5),
        ] {
            terms.insert(name.to_owned(), value.into());
        }
    })
    .await?;
    let [untrained, better] = ["untrained", "better"].map(|name| {
        let file = stage.model(&format!("{name}.safetensors"));
        file.to_string_lossy().into_owned()
    });
    stage
        .train(&["train", &untrained, &better, "--steps", "200"])
        .await?;

    // Its optimizer is told before.
    let request = stage.request();
    let cache = stage.network().cache_dir();
    let expected = stage
        .optimizer()
        .run(&[
            "evaluate",
            "--request",
            &request.to_string(),
            "--parameters",
            &better,
            "--cache",
            &cache.to_string_lossy(),
        ])
        .await?;
    assert_eq!(expected["engine"], Engine::Reference.code());
    assert_eq!(expected["verdict"], SubmissionState::Accepted.code());

    // The first claim has the right figures, but under libtorch's name.
    let liar = stage.network().liar().context("no proxy")?;
    liar.lie_once(Lie::OfLibtorch);
    let record = stage.submit("within the margin", better.as_ref()).await?;
    let network = stage.network();
    let (liar, task) = network.liar().and_then(|l| l.lied()).context("no lie")?;
    let slashed: Vec<_> = record.slashed.iter().map(|s| s.operator).collect();
    assert_eq!((slashed, record.task_id), (vec![liar], task.get()));
    let mut rejections = 0;
    for operator in network.operators() {
        for vote in entries(network, &operator.name, "voted")? {
            let reason = vote["reason"].as_str().context("a reason")?;
            let of_lie = reason.starts_with("engine_must_be_reference:");
            assert_eq!(vote["verdict"] == "reject", of_lie, "{vote}");
            rejections += usize::from(of_lie);
        }
    }
    assert!(rejections > 0);

    // The next performer's claim is of the reference engine, and needs no margin.
    let chain = network.chain().clone();
    let terms = read("terms", chain.market().terms(request)).await?;
    let result = certified(&chain, record.submission).await?;
    let lower = result.figures().wrap_err("scored")?.lower.micros();
    assert_eq!(result.engine(), Engine::Reference);
    assert!(lower >= terms.minImprovement);
    assert!(lower - terms.tolerance < terms.minImprovement);
    assert_eq!(record.state, SubmissionState::Accepted.code());
    Ok(())
}
