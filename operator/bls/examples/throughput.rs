//! Votes decoded and checked per second, one in a hundred false.
//!
//! `cargo run -p zarathustra-bls --example throughput`

use std::time::Instant;

use zarathustra_bls::{PublicKey, SecretKey, Signature, SignedBy, find_invalid};
use zarathustra_primitives::{B256, BlsSignature};

const OPERATORS: u64 = 100;
const ROUNDS: u32 = 50;
const DIGEST: B256 = B256::repeat_byte(7);

fn check(
    round: u32,
    votes: &[(PublicKey, BlsSignature)],
) -> Result<(), Box<dyn std::error::Error>> {
    let decoded = votes.iter().map(|(key, signature)| {
        Ok(SignedBy {
            key: *key,
            signature: Signature::decode(signature)?,
        })
    });
    let mut decoded = decoded.collect::<Result<Vec<_>, zarathustra_bls::DecodeError>>()?;
    let culprit = (round as usize * 37) % decoded.len();
    decoded[culprit].signature = decoded[(culprit + 1) % decoded.len()].signature;
    let found = find_invalid(&DIGEST, &decoded)?;
    if found != [culprit] {
        return Err(format!("found {found:?} instead of {culprit}").into());
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut votes = Vec::new();
    for operator in 0..OPERATORS {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&operator.to_le_bytes());
        let secret = SecretKey::from_seed(&seed)?;
        votes.push((secret.public_key(), secret.sign(&DIGEST).encode()));
    }
    for threads in [1, 2] {
        let started = Instant::now();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        (0..ROUNDS).try_for_each(|round| {
                            check(round, &votes).map_err(|error| error.to_string())
                        })
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .map_err(|_| "a thread panicked".to_owned())
                    .flatten()
            })
        })?;
        let checked = f64::from(threads * ROUNDS) * OPERATORS as f64;
        let rate = checked / started.elapsed().as_secs_f64();
        println!("{threads} thread(s): {rate:.0} votes per second");
    }
    Ok(())
}
