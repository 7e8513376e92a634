//! What is paid and found can be checked by everybody: an evaluation follows from parameters and
//! seed alone, copies of a submission are worth nothing, and what is owed can be withdrawn.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    sol,
};
use eyre::{ContextCompat, Result, bail};
use serde_json::Value;
use zarathustra_chain::{
    abi::model_submission::{IModelSubmission, IModelSubmissionTypes::Content},
    read,
};
use zarathustra_content::ContentId;
use zarathustra_deploy::{Account, Reverted};
use zarathustra_devnet::{record::SubmissionRecord, story::Stage};
use zarathustra_primitives::{Engine, SubmissionState};
use zarathustra_tests::{
    Scenario, alter_one_weight, certified as result_of, flow, hold, settled, wait_for,
};

sol! {
    #[sol(rpc)]
    interface IToken {
        function balanceOf(address account) external view returns (uint256);
    }
}

/// The name of the error with which a contract refused.
fn refusal<T>(outcome: Result<T>) -> Result<String> {
    let Err(error) = outcome else {
        bail!("it was not refused");
    };
    let reverted = error.downcast::<Reverted>()?;
    Ok(reverted.name)
}

/// What `zarathustra evaluate` finds with an engine.
async fn evaluate(
    stage: &mut Stage<'_>,
    parameters: &str,
    seed: &str,
    engine: Engine,
) -> Result<Value> {
    let (request, file) = (stage.request().to_string(), stage.model(parameters));
    let cache = stage.network().cache_dir();
    let answer = stage
        .optimizer()
        .run(&[
            "evaluate",
            "--request",
            &request,
            "--parameters",
            &file.to_string_lossy(),
            "--seed",
            seed,
            "--engine",
            engine.code(),
            "--cache",
            &cache.to_string_lossy(),
        ])
        .await?;
    Ok(answer["figures"].clone())
}

/// The figures that the chain holds for a submission.
fn certified(record: &SubmissionRecord) -> [Option<i64>; 6] {
    [
        Some(record.samples.into()),
        record.champion_score,
        record.challenger_score,
        record.improvement,
        record.lower_bound,
        record.upper_bound,
    ]
}

/// The same of a local evaluation.
fn found(figures: &Value) -> [Option<i64>; 6] {
    [
        "samples",
        "champion_score",
        "challenger_score",
        "improvement",
        "lower_bound",
        "upper_bound",
    ]
    .map(|name| figures[name].as_i64())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_follow_from_parameters_and_money_from_figures() -> Result<()> {
    let mut scenario = Scenario::start("market").await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set(&mut scenario.network, &mut quiet).await?;
    let chain = stage.network().chain().clone();
    let market = chain.addresses().model_submission;
    let url = stage.network().anvil().url().to_owned();
    let untrained = stage.model("untrained.safetensors");
    for (name, by) in [("altered", 0.002), ("other", 0.0021)] {
        let file = stage.model(&format!("{name}.safetensors"));
        alter_one_weight(&untrained, &file, by)?;
    }

    // ALTERED WEIGHT
    // The champion with one weight altered is settled: not better, so the champion stays.
    let altered = stage.model("altered.safetensors");
    let record = stage.submit("one weight altered", &altered).await?;
    assert_eq!(record.state, SubmissionState::NotBetter.code());
    let seed = record.seed.to_string();

    // Whoever evaluates the same under the task's seed finds what was certified, with the engine
    // that the figures name.
    let result = result_of(&chain, record.submission).await?;
    let engine = result.engine();
    let same = evaluate(&mut stage, "altered.safetensors", &seed, engine).await?;
    assert_eq!(found(&same), certified(&record));
    let root = result.scores_root().context("scored")?;
    assert_eq!(same["scores_root"], root.to_string());

    // Equal parameters and seed, equal figures; another weight or seed, other figures.
    let again = evaluate(&mut stage, "altered.safetensors", &seed, engine).await?;
    assert_eq!(again, same);
    let other = evaluate(&mut stage, "other.safetensors", &seed, engine).await?;
    assert_ne!(other["scores_root"], same["scores_root"]);
    assert_ne!(other["challenger_score"], same["challenger_score"]);
    assert_eq!(other["champion_score"], same["champion_score"]);
    let another = format!("0x{:064x}", 1);
    let elsewhere = evaluate(&mut stage, "altered.safetensors", &another, engine).await?;
    assert_ne!(elsewhere["champion_score"], same["champion_score"]);

    // COPIES
    // The optimizer commits to better parameters. A copycat sends the same commitment.
    let better = stage.model("better.safetensors");
    let (from, to) = (untrained.to_string_lossy(), better.to_string_lossy());
    stage
        .train(&["train", &from, &to, "--steps", "200"])
        .await?;
    let request = stage.request();
    let committed = stage
        .optimizer()
        .run(&[
            "submission",
            "commit",
            "--request",
            &request.to_string(),
            "--parameters",
            &to,
        ])
        .await?;
    let submission = committed["submission"].as_u64().context("a submission")?;
    let opening: Value = serde_json::from_slice(&std::fs::read(
        committed["opening"].as_str().context("an opening")?,
    )?)?;
    let commitment = committed["commitment"]
        .as_str()
        .context("a commitment")?
        .parse()?;
    let terms = read("terms", chain.market().terms(request)).await?;
    let copycat = Account::new(
        &url,
        stage.network().user("copycat").await?.signer().clone(),
    )?;
    let commit = IModelSubmission::commitCall {
        requestId: request,
        commitment,
    };
    copycat
        .send_value(market, &commit, terms.deposit.to::<U256>())
        .await?;
    let copy = read("submissionCount", chain.market().submissionCount()).await?;
    assert_ne!(copy, submission);

    // Before the optimizer's reveal is mined, the copycat sends its content, for both.
    let text = |name: &str| opening[name].as_str().context("a part of the opening");
    let reveal = |id: u64| -> Result<IModelSubmission::revealCall> {
        let cid: ContentId = text("cid")?.parse()?;
        Ok(IModelSubmission::revealCall {
            submissionId: id,
            content: Content {
                cid: cid.to_bytes().to_vec().into(),
                digest: text("digest")?.parse()?,
                size: opening["size"].as_u64().context("a size")?,
            },
            payout: text("payout")?.parse()?,
            salt: text("salt")?.parse()?,
        })
    };
    let stolen = copycat.send(market, &reveal(submission)?).await;
    assert!(refusal(stolen)?.starts_with("NotOptimizer"));
    let stolen = copycat.send(market, &reveal(copy)?).await;
    assert!(refusal(stolen)?.starts_with("WrongOpening"));

    // The owner wants its money back meanwhile, once the notice is over and all is still pending.
    let owner = Account::new(&url, stage.owner().signer().clone())?;
    owner
        .send(market, &IModelSubmission::closeCall { requestId: request })
        .await?;
    hold(stage.network()).await?;
    stage
        .network()
        .anvil()
        .mine(terms.closeNotice.into())
        .await?;
    let reclaim = IModelSubmission::reclaimCall { requestId: request };
    assert_eq!(
        refusal(owner.call(market, &reclaim).await)?,
        "StillPending { requestId: 1, pending: 2 }"
    );
    flow(stage.network()).await?;

    stage
        .optimizer()
        .run(&["submission", "reveal", &submission.to_string()])
        .await?;
    let state = wait_for("the submission settles", async || {
        settled(&chain, submission).await
    })
    .await?;
    assert_eq!(state, SubmissionState::Accepted);

    // MONEY
    // The copycat's commitment is never opened: its deposit pays for that.
    hold(stage.network()).await?;
    stage
        .network()
        .anvil()
        .mine(terms.revealWindow.into())
        .await?;
    flow(stage.network()).await?;
    let state = wait_for("the copy is forfeited", async || {
        settled(&chain, copy).await
    })
    .await?;
    assert_eq!(state, SubmissionState::Forfeited);
    wait_for("the owner's money is free", async || {
        let found = read("request", chain.market().request(request)).await?;
        Ok((found.rewardEscrow == 0 && found.pending == 0).then_some(()))
    })
    .await?;

    // The optimizer is paid what its two submissions are worth.
    let paid = |user: &str| Address::with_last_byte(user.len() as u8 + 0x40);
    let token = IToken::new(stage.token(), chain.provider().clone());
    let to = paid("optimizer");
    let claimed = stage
        .optimizer()
        .run(&["claim", "--to", &to.to_string()])
        .await?;
    assert_eq!(claimed["withdrawn"], true);
    let deposit = terms.deposit.to::<U256>();
    let fee = terms.evaluationFee.to::<U256>();
    assert_eq!(
        chain.provider().get_balance(to).await?,
        deposit - fee + deposit
    );
    assert_eq!(
        read("balanceOf", token.balanceOf(to)).await?,
        U256::from(terms.reward)
    );
    let nothing = stage.optimizer().run(&["claim"]).await;
    assert!(format!("{:#}", nothing.expect_err("nothing is owed")).contains("nothing_owed"));

    // An operator is paid its fees, and only what it was promised.
    let attester = stage.network().user("attester-1").await?;
    let to = paid("attester-1");
    let claimed = attester.run(&["claim", "--to", &to.to_string()]).await?;
    let fees: U256 = claimed["fees"].as_str().context("fees")?.parse()?;
    assert!(!fees.is_zero());
    assert_eq!(claimed["tasks"].as_array().map(Vec::len), Some(2));
    assert_eq!(chain.provider().get_balance(to).await?, fees);
    Ok(())
}
