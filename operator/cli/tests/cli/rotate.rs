//! `operator rotate`, on a chain of its own: the double of a node mines nothing.

use eyre::{ContextCompat as _, Result};
use zarathustra_primitives::{Address, Epoch};
use zarathustra_signer::{create_bls_key, import_wallet};

use crate::{program::Program, scene::Scene};

/// Blocks after which an epoch can be rolled again.
const EPOCH_AGE: u64 = 60;

#[tokio::test]
async fn a_rotation_counts_from_the_next_epoch() -> Result<()> {
    let scene = Scene::start(2).await?;
    scene.roll_epoch().await?;
    let operator = &scene.operators[0];
    let program = Program::new();
    let password = program.file("password", "secret");
    let [addresses, account, bls] =
        ["addresses.json", "account.json", "bls.json"].map(|name| program.home().join(name));
    scene.devnet.addresses.write(&addresses)?;
    import_wallet(&account, &password, &operator.account.signer().to_bytes())?;
    let key = create_bls_key(&bls, &password)?;
    let signer = Address::repeat_byte(0x51);

    let program = program
        .with("ZARATHUSTRA_RPC_URL", scene.devnet.anvil.url())
        .with("ZARATHUSTRA_ADDRESSES", addresses.display())
        .with("ZARATHUSTRA_KEYSTORE", account.display())
        .with("ZARATHUSTRA_PASSWORD_FILE", password.display());
    let (bls, address) = (bls.display().to_string(), signer.to_string());
    let rotate = ["operator", "rotate", "--bls", &bls, "--signer", &address];
    let told = program.json(&rotate).await;
    let shown: Address = told["signer"].as_str().wrap_err("an address")?.parse()?;
    assert_eq!(shown, signer);
    let misses = serde_json::json!({ "level": 0, "total": 0, "limit": 50 });
    assert_eq!(told["misses"], misses, "the limit is that of a local chain");
    // At most once in a while, and a key is one operator's for ever.
    let again = program.run(&rotate).await;
    assert_eq!(again.code, Some(1), "{}", again.stdout);

    scene.devnet.anvil.mine(EPOCH_AGE).await?;
    scene.roll_epoch().await?;
    let keys = async |epoch| -> Result<_> {
        let table = scene.chain.epoch_table(Epoch::new(epoch)).await?;
        let row = table.row_of(operator.address()).wrap_err("a member")?;
        Ok((row.key, row.signer))
    };
    let before = operator.bls.public_key().encode();
    assert_eq!(keys(1).await?, (before, operator.address()));
    assert_eq!(keys(2).await?, (key, signer));
    Ok(())
}
