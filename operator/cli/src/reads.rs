//! Reads of the market that know what a missing request or submission means.

use eyre::{Report, Result};
use zarathustra_chain::{
    Chain, ChainError,
    abi::model_submission::IModelSubmissionTypes::{Champion, Content, Request, Submission, Terms},
    read,
};
use zarathustra_content::ContentId;
use zarathustra_improve::File;

use crate::errors::refusal;

/// A request as it stands.
pub async fn request(chain: &Chain, id: u64) -> Result<Request> {
    let found = read("request", chain.market().request(id)).await;
    found.map_err(|e| no_request(id, e))
}

/// A request's terms.
pub async fn terms(chain: &Chain, id: u64) -> Result<Terms> {
    let found = read("terms", chain.market().terms(id)).await;
    found.map_err(|e| no_request(id, e))
}

/// A request's manifest.
pub async fn manifest(chain: &Chain, id: u64) -> Result<File> {
    let found = read("manifest", chain.market().manifest(id)).await;
    found
        .map(|content| File::from(&content))
        .map_err(|e| no_request(id, e))
}

/// A request's champion.
pub async fn champion(chain: &Chain, id: u64) -> Result<Champion> {
    let found = read("champion", chain.market().champion(id)).await;
    found.map_err(|e| no_request(id, e))
}

/// A submission as it stands.
pub async fn submission(chain: &Chain, id: u64) -> Result<Submission> {
    let found = read("submission", chain.market().submission(id)).await;
    found.map_err(|e| no_submission(id, e))
}

/// The CID of a file on chain, as text.
pub fn cid_text(content: &Content) -> String {
    match ContentId::from_bytes(&content.cid) {
        Ok(id) => id.to_string(),
        Err(error) => format!("none that the market uses: {error}"),
    }
}

fn no_request(id: u64, error: ChainError) -> Report {
    match error.revert_name() {
        Some("UnknownRequest") => refusal(
            "unknown_request",
            format!("there is no request {id}"),
            "`zarathustra request list` shows all requests",
        ),
        _ => error.into(),
    }
}

fn no_submission(id: u64, error: ChainError) -> Report {
    match error.revert_name() {
        Some("UnknownSubmission") => refusal(
            "unknown_submission",
            format!("there is no submission {id}"),
            "`zarathustra submission list` shows all submissions",
        ),
        _ => error.into(),
    }
}
