//! Commit and reveal, with the salt safe on disk between them.

use alloy::{
    primitives::{B256, U256},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use eyre::{ContextCompat, Result, WrapErr};
use serde_json::json;
use zarathustra_chain::{
    Chain,
    abi::model_submission::{
        IModelSubmission,
        IModelSubmissionTypes::{Content, Terms},
    },
    read,
};
use zarathustra_primitives::{Digest, RequestState, SubmissionState};

use super::{Parameters, show};
use crate::{
    amount::ether,
    context::{Globals, read_file, to_market},
    errors::refusal,
    events,
    opening::Opening,
    output::{Answer, fields, progress},
    reads,
};

pub(super) async fn commit(globals: &Globals, parameters: &Parameters) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let (id, opening) = send_commit(globals, &chain, parameters).await?;
    let path = Opening::path(&globals.home()?, opening.commitment());
    let text = fields(&[
        ("submission", id.to_string()),
        ("parameters", opening.cid.to_string()),
        ("salt", path.display().to_string()),
        ("next", format!("`zarathustra submission reveal {id}`")),
    ]);
    let json = json!({
        "submission": id,
        "commitment": opening.commitment(),
        "cid": opening.cid.to_string(),
        "opening": path,
    });
    Ok(Answer::new(text, json))
}

pub(super) async fn submit(globals: &Globals, parameters: &Parameters) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let (id, opening) = send_commit(globals, &chain, parameters).await?;
    progress(&format!("submission {id} is committed; revealing it"));
    send_reveal(&chain, id, &opening).await.wrap_err_with(|| {
        format!("submission {id} is committed and not revealed; run `zarathustra submission reveal {id}` in time")
    })?;
    show::show(&chain, id).await
}

pub(super) async fn reveal(globals: &Globals, id: Option<u64>) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let home = globals.home()?;
    if let Some(id) = id {
        let submission = reads::submission(&chain, id).await?;
        let state = SubmissionState::from_u8(submission.state)?;
        if state != SubmissionState::Committed {
            return Err(refusal(
                "not_committed",
                format!("submission {id} is {state}; only a committed one can be revealed"),
                format!("`zarathustra submission show {id}` tells more"),
            ));
        }
        send_reveal(&chain, id, &Opening::find(&home, submission.commitment)?).await?;
        return show::show(&chain, id).await;
    }
    let mut revealed = Vec::new();
    for (id, commitment) in unrevealed(&chain).await? {
        send_reveal(&chain, id, &Opening::find(&home, commitment)?).await?;
        revealed.push(id);
    }
    let text = match revealed.as_slice() {
        [] => "nothing of this account waits to be revealed\n".to_owned(),
        ids => ids
            .iter()
            .map(|id| format!("submission {id} revealed\n"))
            .collect(),
    };
    Ok(Answer::new(text, json!({ "revealed": revealed })))
}

/// Submissions of the sender that are committed and not revealed, with their commitments.
async fn unrevealed(chain: &Chain) -> Result<Vec<(u64, B256)>> {
    let filter = Filter::new()
        .address(chain.addresses().model_submission)
        .event_signature(IModelSubmission::Committed::SIGNATURE_HASH)
        .topic3(chain.sender()?.address().into_word());
    let mut found = Vec::new();
    for log in events::since(chain, &filter, 0).await? {
        let event = IModelSubmission::Committed::decode_log(&log.inner)
            .wrap_err("read a Committed event")?;
        let submission = reads::submission(chain, event.submissionId).await?;
        if SubmissionState::from_u8(submission.state)? == SubmissionState::Committed {
            found.push((event.submissionId, submission.commitment));
        }
    }
    Ok(found)
}

async fn send_commit(
    globals: &Globals,
    chain: &Chain,
    parameters: &Parameters,
) -> Result<(u64, Opening)> {
    let request = reads::request(chain, parameters.request).await?;
    let terms = reads::terms(chain, parameters.request).await?;
    let state = RequestState::from_u8(request.state)?;
    if !matches!(state, RequestState::Open | RequestState::Closing) {
        return Err(refusal(
            "request_closed",
            format!("request {} is {state}", parameters.request),
            "`zarathustra request list` shows those that are open",
        ));
    }
    let bytes = read_file(&parameters.parameters, terms.maxParameterBytes)?;
    let sender = chain.sender()?.address();
    progress("adding the parameters to IPFS");
    let opening = Opening {
        chain_id: chain.addresses().chain_id,
        model_submission: chain.addresses().model_submission,
        sender,
        request: parameters.request,
        cid: globals.content()?.add(&bytes).await?,
        digest: Digest::of(&bytes).word(),
        size: bytes.len() as u64,
        payout: parameters.payout.unwrap_or(sender),
        salt: B256::random(),
    };
    opening.save(&globals.home()?)?;
    let deposit = read("depositOf", chain.market().depositOf(parameters.request)).await?;
    progress(&format!("depositing {}", ether(deposit.to::<u128>())));
    let deposit = deposit.to::<U256>() + spare(&terms);
    let call = IModelSubmission::commitCall {
        requestId: parameters.request,
        commitment: opening.commitment(),
    };
    let receipt = to_market(chain, call, deposit).await?;
    let id = receipt
        .logs()
        .iter()
        .find_map(|log| IModelSubmission::Committed::decode_log(&log.inner).ok())
        .map(|event| event.submissionId)
        .wrap_err("the receipt of commit holds no Committed")?;
    Ok((id, opening))
}

/// What is sent beyond the deposit, and credited when it is not needed: enough for a rejection that
/// is settled before the commitment arrives (specification 4.8).
fn spare(terms: &Terms) -> U256 {
    let grown = terms.deposit.to::<U256>() * U256::from(terms.depositGrowthBps);
    grown.div_ceil(U256::from(10_000))
}

async fn send_reveal(chain: &Chain, id: u64, opening: &Opening) -> Result<()> {
    let call = IModelSubmission::revealCall {
        submissionId: id,
        content: Content {
            cid: opening.cid.to_bytes().to_vec().into(),
            digest: opening.digest,
            size: opening.size,
        },
        payout: opening.payout,
        salt: opening.salt,
    };
    to_market(chain, call, U256::ZERO).await?;
    Ok(())
}
