//! The comparison: a certificate check in the style of EigenLayer's middleware (see the fixture).

use Bn254CertificateCheck::{
    Bn254Point, Certificate, aggregateKeyCall, checkCall, hashToG1Call, keysCall, nothingCall,
    operatorIdCall, publicKeyCall, registerCall,
};
use alloy::{
    primitives::{B256, U256, uint},
    sol,
};
use eyre::Result;

use crate::{common::Scene, fixture, word};

sol! {
    contract Bn254CertificateCheck {
        struct Bn254Point {
            uint256 x;
            uint256 y;
        }

        struct Certificate {
            Bn254Point[] nonSigners;
            uint256[] quorumIndices;
            uint256[] stakeIndices;
            Bn254Point aggregateKey;
            uint256 aggregateIndex;
            uint256 totalIndex;
            uint256[4] signersKey;
            Bn254Point signature;
        }

        function register(uint256[] secrets) external;
        function publicKey(uint256 secret) external view returns (Bn254Point memory);
        function aggregateKey() external view returns (Bn254Point memory);
        function operatorId(Bn254Point key) external view returns (bytes32);
        function hashToG1(bytes32 digest) external view returns (Bn254Point memory);
        function keys() external view returns (address);
        function check(bytes32 digest, uint32 blockNumber, Certificate certificate) external;
        function nothing(bytes32 digest, uint32 blockNumber, Certificate certificate) external;
    }

    interface Bn254Keys {
        function count() external view returns (uint256);
    }
}

/// Order of the groups of BN254.
const ORDER: U256 = uint!(0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001_U256);

/// The generator of G2 (EIP-197), imaginary parts first.
const G2: [U256; 4] = uint!([
    0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2_U256,
    0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed_U256,
    0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b_U256,
    0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa_U256,
]);

/// Gas of the check where `missing` of `operators` did not sign. Secret keys are chosen so that
/// those of the signers add up to 1: then their key in G2 is the generator, and their signature
/// is the hashed digest itself. What the check does depends on neither.
pub async fn verify_gas(scene: &Scene, operators: usize, missing: usize) -> Result<u64> {
    let account = &scene.stranger;
    let code = fixture("Bn254CertificateCheck")?;
    let fixture = account.deploy("Bn254CertificateCheck", code).await?;
    let mut secrets: Vec<U256> = (0..operators)
        .map(|number| word(&format!("secret {number}")) % ORDER)
        .collect();
    let others = secrets[missing..operators - 1]
        .iter()
        .fold(U256::ZERO, |sum, secret| sum.add_mod(*secret, ORDER));
    secrets[operators - 1] = U256::ONE.add_mod(ORDER - others, ORDER);
    for page in secrets.chunks(25) {
        let secrets = page.to_vec();
        account.send(fixture, &registerCall { secrets }).await?;
    }
    let keys = account.call(fixture, &keysCall {}).await?;
    let pages = account.call(keys, &Bn254Keys::countCall {}).await?;
    let newest = pages - U256::ONE;

    let mut absent: Vec<(B256, Bn254Point)> = Vec::new();
    for secret in &secrets[..missing] {
        let key = account
            .call(fixture, &publicKeyCall { secret: *secret })
            .await?;
        let id = account
            .call(fixture, &operatorIdCall { key: key.clone() })
            .await?;
        absent.push((id, key));
    }
    absent.sort_by_key(|(id, _)| *id);
    let digest = B256::from(word("digest"));
    let certificate = Certificate {
        quorumIndices: vec![U256::ZERO; missing],
        stakeIndices: vec![U256::ZERO; missing],
        nonSigners: absent.into_iter().map(|(_, key)| key).collect(),
        aggregateKey: account.call(fixture, &aggregateKeyCall {}).await?,
        aggregateIndex: newest,
        totalIndex: newest,
        signersKey: G2,
        signature: account.call(fixture, &hashToG1Call { digest }).await?,
    };
    let block = u32::try_from(scene.block().await?)?;
    let check = checkCall {
        digest,
        blockNumber: block,
        certificate: certificate.clone(),
    };
    let nothing = nothingCall {
        digest,
        blockNumber: block,
        certificate,
    };
    let whole = account.send(fixture, &check).await?.gas_used;
    Ok(whole - account.send(fixture, &nothing).await?.gas_used)
}
