//! What went wrong, as people and programs read it: a stable code, the chain of causes, a hint.

use clap::error::ErrorKind;
use eyre::Report;
use serde_json::{Value, json};
use zarathustra_chain::ChainError;
use zarathustra_content::ContentError;
use zarathustra_deploy::DeployError;
use zarathustra_eval::{
    LocalFailure, RunError, architecture::ArchitectureError, keras::KerasError,
    manifest::ManifestError, parameters::ParametersError,
};
use zarathustra_signer::KeystoreError;
use zarathustra_statistics::PlanError;

/// An error that the command line found itself, and what the user can do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Refusal {
    code: &'static str,
    message: String,
    hint: String,
}

/// An error with a stable code and a hint.
pub fn refusal(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Report {
    Refusal {
        code,
        message: message.into(),
        hint: hint.into(),
    }
    .into()
}

/// An error taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Stable name; `failed` where nothing more is known.
    pub code: String,
    /// What was tried, and why it failed, from the outside in.
    pub causes: Vec<String>,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Diagnosis {
    /// Arguments that could not be understood.
    pub fn of_usage(error: &clap::Error) -> Self {
        let (message, hint) = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        {
            // What is printed for people is the help itself.
            let message = "the command is not complete".to_owned();
            (message, "`--help` shows what is missing".to_owned())
        } else {
            let text = error.render().to_string();
            let mut paragraphs = text.split("\n\n").map(one_line).filter(|p| !p.is_empty());
            let first = paragraphs.next().unwrap_or_default();
            let message = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
            (message, paragraphs.collect::<Vec<_>>().join("; "))
        };
        Self {
            code: "usage".to_owned(),
            causes: vec![message],
            hint: (!hint.is_empty()).then_some(hint),
        }
    }

    /// Takes an error apart.
    pub fn of(error: &Report) -> Self {
        let mut causes: Vec<String> = error.chain().map(in_words).collect();
        causes.dedup();
        let (code, hint) = error
            .chain()
            .find_map(known)
            .unwrap_or_else(|| ("failed".to_owned(), None));
        Self { code, causes, hint }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("error: {}\n", self.causes.join(": "));
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.causes.join(": "), "hint": self.hint } })
    }
}

/// Nodes and peers put line breaks into their messages; ours are where they help.
fn in_words(cause: &(dyn std::error::Error + 'static)) -> String {
    let text = cause.to_string();
    match cause.is::<Refusal>() {
        true => text,
        false => one_line(&text),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<(String, Option<String>)> {
    let plain = |code: &str| Some((code.to_owned(), None));
    if let Some(e) = cause.downcast_ref::<Refusal>() {
        return Some((e.code.to_owned(), Some(e.hint.clone())));
    }
    if let Some(e) = cause.downcast_ref::<ChainError>() {
        return Some((e.code().to_owned(), chain_hint(e)));
    }
    if let Some(e) = cause.downcast_ref::<DeployError>() {
        return Some((e.code().to_owned(), e.hint().map(str::to_owned)));
    }
    if let Some(e) = cause.downcast_ref::<ContentError>() {
        return Some((e.code().to_owned(), content_hint(e).map(str::to_owned)));
    }
    if let Some(e) = cause.downcast_ref::<KeystoreError>() {
        return Some((e.code().to_owned(), keystore_hint(e).map(str::to_owned)));
    }
    if let Some(e) = cause.downcast_ref::<LocalFailure>() {
        return Some((e.code().to_owned(), local_hint(e).map(str::to_owned)));
    }
    if let Some(e) = cause.downcast_ref::<RunError>() {
        let hint = match e {
            RunError::Refused { .. } => {
                Some("`zarathustra model inspect` shows what the architecture expects")
            }
            RunError::Local(failure) => local_hint(failure),
        };
        return Some((e.code().to_owned(), hint.map(str::to_owned)));
    }
    if let Some(e) = cause.downcast_ref::<ParametersError>() {
        return Some((
            e.code().to_owned(),
            Some("`zarathustra model inspect` shows what the architecture expects".to_owned()),
        ));
    }
    if let Some(e) = cause.downcast_ref::<ArchitectureError>() {
        return plain(e.code());
    }
    if let Some(e) = cause.downcast_ref::<ManifestError>() {
        return plain(e.code());
    }
    if let Some(e) = cause.downcast_ref::<PlanError>() {
        return Some((e.code().to_owned(), plan_hint(e).map(str::to_owned)));
    }
    if let Some(e) = cause.downcast_ref::<KerasError>() {
        return plain(e.code());
    }
    None
}

fn chain_hint(error: &ChainError) -> Option<String> {
    Some(match error {
        ChainError::Transport { .. } => {
            "is the node running? name its address with --rpc-url".to_owned()
        }
        ChainError::AddressesFile { .. } => {
            "name the addresses file of the deployment with --addresses".to_owned()
        }
        ChainError::WrongChain { .. } => {
            "--rpc-url and --addresses belong to different chains".to_owned()
        }
        ChainError::UrlMalformed { .. } => {
            "--rpc-url takes an address such as http://127.0.0.1:8545".to_owned()
        }
        ChainError::Decode { .. } => {
            "is this the right addresses file? no contract of ours answers there".to_owned()
        }
        ChainError::NoBeacon | ChainError::Beacon { .. } => {
            "name beacons of the network that the seed source takes rounds from with --drand".to_owned()
        }
        ChainError::BeaconUrlMalformed { .. } => {
            "--drand takes addresses such as https://api.drand.sh/52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971".to_owned()
        }
        ChainError::RoundNotPublic { .. } => {
            "the seed can be fixed once the round is public; try again then".to_owned()
        }
        ChainError::NoSigner => "name a key with --keystore and --password-file".to_owned(),
        ChainError::Stuck { .. } => {
            "raise --max-fee-gwei and run any command with this key; it takes the transaction up again".to_owned()
        }
        ChainError::Store { .. } => {
            "another command with this key may be running; wait for it, or use another --home".to_owned()
        }
        ChainError::Reverted { revert, .. } => revert_hint(&revert.name)?.to_owned(),
        _ => return None,
    })
}

fn revert_hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "UnknownRequest" => "`zarathustra request list` shows all requests",
        "UnknownSubmission" => "`zarathustra submission list` shows all submissions",
        "NotOwner" => "only the request's owner may do this; check --keystore",
        "NotOptimizer" => "only the account that committed may reveal; check --keystore",
        "WrongOpening" => "the revealed file, payout or salt differs from what was committed",
        "QueueFull" => "the queue has no room now; try again when a submission is settled",
        "MarketPaused" => "the market is paused; exits stay open, try again later",
        "NotDue" => "this may be done only when the deadline has passed",
        "StillPending" => "submissions are pending; try again when they are settled",
        "HeadNotRevealed" => {
            "the first submission of the queue may still be revealed; wait for its deadline"
        }
        "TaskOpen" => "another submission to this request is being evaluated; wait for it",
        "EpochNotUsable" => {
            "no epoch of operators is usable; somebody has to call AvsGovernance.rollEpoch"
        }
        "WrongRequestState" => "`zarathustra request show` tells the state",
        "WrongSubmissionState" => "`zarathustra submission show` tells the state",
        "NothingToWithdraw" => "nothing is credited to this account in this token",
        "AlreadyRegistered" => "`zarathustra operator status` shows the membership",
        "NotAllowed" => "governance admits operators one by one; ask to be allowed",
        "KeyInUse" => "make another BLS key with `zarathustra keys new-bls`",
        "SignerInUse" => "name another address with --signer",
        "unknown" => "the refusal comes from a contract that is not ours: a token or EigenLayer",
        _ => return None,
    })
}

fn content_hint(error: &ContentError) -> Option<&'static str> {
    Some(match error {
        ContentError::Rpc { .. } => {
            "is an IPFS node running? start one with `zarathustra ipfs serve`, or name one with --ipfs"
        }
        ContentError::Unavailable { .. } | ContentError::Timeout { .. } => {
            "connect the IPFS node with one that has the file: `zarathustra ipfs serve --peer`"
        }
        ContentError::UrlMalformed { .. } => {
            "--ipfs takes an address such as http://127.0.0.1:5001"
        }
        ContentError::CidMalformed { .. } | ContentError::CidUnsupported { .. } => {
            "a CID of version 1 with SHA2-256, such as bafkrei..., is expected"
        }
        ContentError::AddressMalformed { .. } => {
            "a peer is named /ip4/127.0.0.1/tcp/4001/p2p/12D3Koo..., as `zarathustra ipfs serve` prints it"
        }
        ContentError::QuotaExceeded { .. } => "raise the node's --quota-bytes",
        _ => return None,
    })
}

fn keystore_hint(error: &KeystoreError) -> Option<&'static str> {
    Some(match error {
        KeystoreError::Read { .. } => {
            "`zarathustra keys new` makes a keystore; the password is the first line of a file of your own"
        }
        KeystoreError::Write { .. } => {
            "an existing keystore is never replaced; choose another path"
        }
        KeystoreError::WrongPassword { .. } => "check --password-file",
        KeystoreError::NotAKey { .. } => {
            "accounts and BLS keys have keystores of their own; check which one this is"
        }
        KeystoreError::EmptyPassword { .. } => "write a password into the first line of the file",
        _ => return None,
    })
}

fn local_hint(error: &LocalFailure) -> Option<&'static str> {
    Some(match error {
        LocalFailure::NoWorker { .. } => {
            "build it with `cargo build -p zarathustra-worker`, or name it with --worker"
        }
        LocalFailure::Sandbox { .. } => {
            "strangers' code runs only where all of the sandbox holds: Linux 5.13 or later with Landlock and seccomp"
        }
        LocalFailure::TimedOut { .. } => "operators on slower machines would abstain as well",
        _ => return None,
    })
}

fn plan_hint(error: &PlanError) -> Option<&'static str> {
    Some(match error {
        PlanError::PilotTooSmall { .. } => "raise --pilot",
        PlanError::Correlation { .. } => "write --correlation 0.9",
        PlanError::Power { .. } => "write --power 0.8",
        PlanError::TooSmall { .. } => {
            "ask for a larger --improvement, or lower terms.min_improvement"
        }
        PlanError::NoRoom { .. } => "is the score_range wide enough?",
        PlanError::TooMany { .. } => {
            "ask for a larger --improvement or less --power, or narrow the score_range"
        }
    })
}

#[cfg(test)]
mod tests {
    use eyre::WrapErr;

    use super::*;

    #[test]
    fn the_hint_of_the_innermost_cause_is_found_through_contexts() {
        let inner: Result<(), _> = Err(refusal("no_salt", "there is no salt", "look for it"));
        let error = inner.wrap_err("reveal").expect_err("an error");
        let diagnosis = Diagnosis::of(&error);
        assert_eq!(
            diagnosis.text(),
            "error: reveal: there is no salt\nhint: look for it\n"
        );
        assert_eq!(
            diagnosis.json(),
            json!({ "error": { "code": "no_salt", "message": "reveal: there is no salt", "hint": "look for it" } })
        );
    }

    #[test]
    fn what_nodes_say_becomes_one_line() {
        let error = eyre::eyre!("first\n  second");
        assert_eq!(Diagnosis::of(&error).text(), "error: first second\n");
        assert_eq!(Diagnosis::of(&error).code, "failed");
    }
}
