//! From a round's certificate to what `submitTask` takes.

use zarathustra_bls::{Signature, aggregate};
use zarathustra_chain::abi::attestation_center::IAttestationCenter::submitTaskCall;
use zarathustra_chain::abi::attestation_center::IAttestationCenterTypes::{Certificate, Claim};

use crate::desk::Ready;

/// The call that submits a certificate; `None` when its signatures do not add up, which votes that
/// were checked one by one do unless they cancel out.
pub(crate) fn call(ready: &Ready) -> Option<submitTaskCall> {
    let certificate = &ready.certificate;
    let signatures: Vec<Signature> = certificate
        .signers
        .iter()
        .map(|(_, signature)| Signature::decode(signature).ok())
        .collect::<Option<_>>()?;
    let body = &ready.message.body;
    let holder = ready
        .open
        .electorate
        .stakes
        .holder(ready.open.seed, body.turn);
    Some(submitTaskCall {
        taskId: body.task.get(),
        claim: Claim {
            turn: body.turn.get(),
            performerIndex: holder.get(),
            signature: ready.message.signature.as_bytes().to_vec().into(),
        },
        result: body.result.clone(),
        certificate: Certificate {
            kind: certificate.kind.to_u8(),
            nonSigners: certificate.non_signers.clone(),
            signature: aggregate(&signatures)?.to_words(),
        },
    })
}
