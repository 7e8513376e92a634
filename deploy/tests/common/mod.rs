//! A market on a local chain in which certificates can be made: operators with BLS keys and equal
//! stakes, a request, and an optimizer who submits to it.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

pub mod certificate;

use alloy::{
    primitives::{Address, B256, Bytes, U256, aliases::U96, keccak256},
    rpc::types::TransactionReceipt,
    sol,
    sol_types::{SolEvent, SolValue as _},
};
use eyre::{ContextCompat as _, Result, ensure};
use tempfile::TempDir;
use zarathustra_abi::{
    attestation_center::IAttestationCenter::{deliverCall, fixSeedCall},
    avs_governance::{IAvsGovernance::rollEpochCall, IAvsGovernanceTypes::Fault},
    model_submission::{
        IModelSubmission,
        IModelSubmissionTypes::{Content, RetentionTerms, Submission, Terms},
    },
};
use zarathustra_bls::SecretKey;
use zarathustra_chain::{Chain, FeePolicy, Task, read};
use zarathustra_deploy::{
    Account, AnvilOptions, Checkout, Devnet, DevnetOptions, ETHER, IMPROVE, Reverted,
};
use zarathustra_primitives::{
    BlsKey, BlsSignature, CommitmentPreimage, Digest, Domain, Reason, RequestId, SubmissionState,
    TaskId, possession_digest,
};

sol! {
    /// The reward token.
    interface IToken {
        function mint(address account, uint256 amount) external;
        function approve(address spender, uint256 amount) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
    }
}

/// Shares of the stake strategy behind each operator.
pub const STAKE: u64 = 500;

/// Reward of an accepted improvement, in the reward token.
pub const REWARD: u128 = 40 * ETHER;
/// What operators get for an evaluation.
pub const FEE: u128 = ETHER / 100;
/// What an optimizer deposits.
pub const DEPOSIT: u128 = ETHER / 10;
/// What an optimizer would get for an evaluator that fails.
const COMPENSATION: u128 = ETHER / 50;

/// The native token, where a token's address is asked for.
pub const NATIVE: Address = Address::ZERO;

/// An operator with its keys, and the staker behind it.
pub struct Operator {
    pub account: Account,
    pub staker: Account,
    pub bls: SecretKey,
}

impl Operator {
    pub async fn new(devnet: &Devnet, number: usize) -> Result<Self> {
        let name = format!("operator-{number}");
        let bls = SecretKey::from_seed(keccak256(&name).as_slice())?;
        Ok(Self {
            account: devnet.account(&name).await?,
            staker: devnet.account(&format!("staker of {name}")).await?,
            bls,
        })
    }

    pub fn address(&self) -> Address {
        self.account.address()
    }

    /// Brings stake into EigenLayer and joins the operator set.
    pub async fn join(&self, devnet: &Devnet) -> Result<()> {
        devnet
            .enlist(&self.account, &self.staker, U256::from(STAKE))
            .await?;
        register(
            devnet,
            &self.account,
            registration(devnet, self.address(), &self.bls),
        )
        .await
    }
}

/// What an operator hands to the registrar: its key, the proof that it has it, and its own address
/// as that of its claim signer.
pub fn registration(devnet: &Devnet, operator: Address, bls: &SecretKey) -> Bytes {
    let key = bls.public_key().encode();
    let digest = possession_digest(devnet.anvil.chain_id(), devnet.avs(), operator, &key);
    registration_data(&key, &bls.prove_possession(&digest).encode(), operator)
}

/// Arguments of `IAvsGovernance.registerOperator`, whatever they are worth.
pub fn registration_data(key: &BlsKey, possession: &BlsSignature, signer: Address) -> Bytes {
    (key.to_bytes(), possession.to_bytes(), signer)
        .abi_encode_params()
        .into()
}

/// Joins the operator set through EigenLayer.
pub async fn register(devnet: &Devnet, operator: &Account, data: Bytes) -> Result<()> {
    let (avs, set) = (devnet.avs(), devnet.operator_set());
    devnet
        .core
        .register_for_operator_sets(operator, avs, &[set], data)
        .await
}

/// Everybody who takes part.
pub struct Scene {
    pub devnet: Devnet,
    /// Reads the chain, and sends as the housekeeper.
    pub chain: Chain,
    pub operators: Vec<Operator>,
    pub owner: Account,
    pub optimizer: Account,
    /// Has no part in anything.
    pub stranger: Account,
    _housekeeping: TempDir,
}

impl Scene {
    /// A fresh deployment in which so many operators have joined. No epoch was rolled yet.
    pub async fn start(operators: usize) -> Result<Self> {
        Self::start_with(&DevnetOptions::new(&Checkout::find()?), operators).await
    }

    /// The same on a chain that is made as the options say.
    pub async fn start_with(options: &DevnetOptions, operators: usize) -> Result<Self> {
        let devnet = Devnet::fresh(&Checkout::find()?, options).await?;
        let scene = Self::on(devnet, operators).await?;
        for operator in &scene.operators {
            operator.join(&scene.devnet).await?;
        }
        Ok(scene)
    }

    /// The same on a chain that goes on from here by itself; see [`zarathustra_deploy::Anvil::fork`].
    pub async fn fork(&self, chain_id: u64) -> Result<Self> {
        let checkout = Checkout::find()?;
        let options = AnvilOptions {
            chain_id,
            ..DevnetOptions::new(&checkout).anvil
        };
        Self::on(self.devnet.fork(&options).await?, self.operators.len()).await
    }

    async fn on(devnet: Devnet, count: usize) -> Result<Self> {
        let mut operators = Vec::new();
        for number in 0..count {
            operators.push(Operator::new(&devnet, number).await?);
        }
        let housekeeping = tempfile::tempdir()?;
        let store = Chain::open_store(&housekeeping.path().join("housekeeper.redb"))?;
        let housekeeper = devnet.account("housekeeper").await?.signer().clone();
        let policy = FeePolicy {
            poll_every: std::time::Duration::from_millis(15),
            ..FeePolicy::default()
        };
        let chain = Chain::connect(devnet.anvil.url(), devnet.addresses.clone()).await?;
        Ok(Self {
            chain: chain.with_sender(housekeeper, store, policy),
            operators,
            owner: devnet.account("owner").await?,
            optimizer: devnet.account("optimizer").await?,
            stranger: devnet.account("stranger").await?,
            devnet,
            _housekeeping: housekeeping,
        })
    }

    /// Where signatures count.
    pub fn domain(&self) -> Domain {
        self.chain.domain()
    }

    pub fn governance(&self) -> Address {
        self.chain.addresses().avs_governance
    }

    pub fn center(&self) -> Address {
        self.chain.addresses().attestation_center
    }

    pub fn market(&self) -> Address {
        self.chain.addresses().model_submission
    }

    /// The operator of an address.
    pub fn operator(&self, address: Address) -> &Operator {
        self.operators
            .iter()
            .find(|operator| operator.address() == address)
            .expect("one of ours")
    }

    /// Puts an operator in another's place.
    pub fn replace(&mut self, place: usize, operator: Operator) {
        self.operators[place] = operator;
    }

    /// Number of the newest block.
    pub async fn block(&self) -> Result<u64> {
        Ok(self.chain.head().await?.number)
    }

    /// The market's clock.
    pub async fn clock(&self) -> Result<u64> {
        Ok(self.chain.head().await?.clock)
    }

    /// A stranger writes a new epoch.
    pub async fn roll_epoch(&self) -> Result<()> {
        self.stranger
            .send(self.governance(), &rollEpochCall { maxRows: u32::MAX })
            .await
            .map(drop)
    }

    /// A recorded fault.
    pub async fn fault(&self, id: u64) -> Result<Fault> {
        let governance = self.chain.governance();
        Ok(read("fault", governance.fault(U256::from(id))).await?)
    }

    /// The owner asks for improvements, with money for two of them.
    pub async fn request(&self) -> Result<RequestId> {
        let token = self.reward_token()?;
        let escrow = 2 * REWARD;
        let mint = IToken::mintCall {
            account: self.owner.address(),
            amount: U256::from(escrow),
        };
        self.owner.send(token, &mint).await?;
        let approve = IToken::approveCall {
            spender: self.market(),
            amount: U256::from(escrow),
        };
        self.owner.send(token, &approve).await?;

        let (fees, bond) = (2 * FEE, FEE + COMPENSATION);
        let create = IModelSubmission::createRequestCall {
            terms: terms(token),
            manifest: content("manifest"),
            baseline: content("baseline"),
            rewardEscrow: escrow,
            feeEscrow: fees,
            evaluatorBond: bond,
        };
        let native = U256::from(fees + bond);
        let created = self
            .owner
            .send_value(self.market(), &create, native)
            .await?;
        let event = event::<IModelSubmission::RequestCreated>(&created)?;
        Ok(RequestId::new(event.requestId))
    }

    /// The optimizer commits to parameters and reveals them.
    pub async fn submit(&self, request: RequestId, parameters: &str) -> Result<u64> {
        let (content, salt) = (content(parameters), keccak256(parameters));
        let sender = self.optimizer.address();
        let preimage = CommitmentPreimage {
            chain_id: self.domain().chain_id,
            model_submission: self.market(),
            sender,
            request,
            digest: Digest::new(content.digest.0),
            cid: &content.cid,
            size: content.size,
            payout: sender,
            salt,
        };
        let commit = IModelSubmission::commitCall {
            requestId: request.get(),
            commitment: preimage.commitment(),
        };
        let deposit = U256::from(DEPOSIT);
        let committed = self
            .optimizer
            .send_value(self.market(), &commit, deposit)
            .await?;
        let submission = event::<IModelSubmission::Committed>(&committed)?.submissionId;
        let reveal = IModelSubmission::revealCall {
            submissionId: submission,
            content,
            payout: sender,
            salt,
        };
        self.optimizer.send(self.market(), &reveal).await?;
        Ok(submission)
    }

    /// A stranger opens the task of the head of a request's queue.
    pub async fn open(&self, request: RequestId) -> Result<Task> {
        let open = IModelSubmission::openCall {
            requestId: request.get(),
        };
        let opened = self.stranger.send(self.market(), &open).await?;
        let event = event::<IModelSubmission::TaskAssigned>(&opened)?;
        Ok(self.chain.task(TaskId::new(event.taskId)).await?)
    }

    /// Passes a task's seed block and fixes the seed. Answers the task.
    pub async fn seed(&self, task: &Task) -> Result<Task> {
        self.devnet.anvil.mine_to(task.seed_block).await?;
        self.chain.fix_seed(task).await?;
        Ok(self.chain.task(task.id).await?)
    }

    /// A stranger shows a header as that of a task's seed block.
    pub async fn show(&self, task: TaskId, header: Bytes) -> Result<()> {
        let call = fixSeedCall {
            taskId: task.get(),
            proof: header,
        };
        self.stranger.send(self.center(), &call).await.map(drop)
    }

    /// A stranger passes the deadline of a submission's task.
    pub async fn expire(&self, submission: u64) -> Result<()> {
        let call = IModelSubmission::expireCall {
            submissionId: submission,
        };
        self.stranger.send(self.market(), &call).await.map(drop)
    }

    /// A stranger settles a certified submission once its appeal window is over.
    pub async fn settle(&self, submission: u64) -> Result<TransactionReceipt> {
        let from = self.submission(submission).await?.deadline;
        let left = from.saturating_sub(self.clock().await?);
        self.devnet.anvil.mine(left).await?;
        let task = TaskId::new(self.submission(submission).await?.taskId);
        let certified = self.chain.certified(&self.chain.task(task).await?).await?;
        let certified = certified.wrap_err("the task has no certificate")?;
        let call = deliverCall {
            taskId: task.get(),
            turn: certified.turn,
            performer: certified.performer,
            committed: certified.committed,
            result: certified.result,
        };
        self.stranger.send(self.center(), &call).await
    }

    /// A submission as the market shows it.
    pub async fn submission(&self, id: u64) -> Result<Submission> {
        Ok(read("submission", self.chain.market().submission(id)).await?)
    }

    /// Where a submission stands, and why.
    pub async fn standing(&self, id: u64) -> Result<(SubmissionState, Reason)> {
        let found = self.submission(id).await?;
        Ok((
            SubmissionState::from_u8(found.state)?,
            Reason::from_u8(found.reason)?,
        ))
    }

    /// What the market owes the optimizer in a token.
    pub async fn owed(&self, token: Address) -> Result<U256> {
        let market = self.chain.market();
        let credit = market.credit(self.optimizer.address(), token);
        Ok(read("credit", credit).await?)
    }

    pub fn reward_token(&self) -> Result<Address> {
        self.chain
            .addresses()
            .reward_token
            .wrap_err("the deployment has no reward token")
    }
}

/// The terms of the request: an improvement by a thousandth wins.
fn terms(reward_token: Address) -> Terms {
    Terms {
        kind: IMPROVE,
        queueCap: 4,
        minSamples: 1000,
        alphaPpb: 1_000_000,
        revealWindow: 50,
        queueWindow: 500,
        closeNotice: 50,
        maxParameterBytes: 1 << 20,
        minImprovement: 1000,
        tolerance: 10,
        slashMargin: 5000,
        advantage: 0,
        rewardToken: reward_token,
        advantagePeriod: 0,
        reward: REWARD,
        rewardValue: ETHER,
        evaluationFee: U96::from(FEE),
        deposit: U96::from(DEPOSIT),
        depositGrowthBps: 0,
        depositDecay: 0,
        unavailablePenalty: U96::from(FEE),
        compensation: U96::from(COMPENSATION),
        retention: RetentionTerms {
            time: 0,
            window: 0,
            bps: 0,
            kind: 0,
        },
    }
}

/// A file with this text. Contracts see no more of it than this.
pub fn content(text: &str) -> Content {
    let digest = Digest::of(text.as_bytes());
    // CIDv1, raw, SHA-256 of 32 bytes.
    let cid = [&[0x01, 0x55, 0x12, 0x20], &digest.get()[..]].concat();
    Content {
        cid: cid.into(),
        digest: B256::new(digest.get()),
        size: text.len() as u64,
    }
}

/// The one event of its kind among a transaction's.
pub fn event<E: SolEvent>(receipt: &TransactionReceipt) -> Result<E> {
    let mut found = receipt
        .logs()
        .iter()
        .filter_map(|log| E::decode_log(&log.inner).ok());
    let event = found.next().wrap_err(E::SIGNATURE)?;
    ensure!(found.next().is_none(), "more than one {}", E::SIGNATURE);
    Ok(event.data)
}

/// The error with which a contract refused, with its values where they are known.
pub fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    let report = result.expect_err("it should have been refused");
    let reverted: &Reverted = report
        .downcast_ref()
        .unwrap_or_else(|| panic!("not refused by a contract: {report:#}"));
    reverted.name.clone()
}

/// The name of the error with which a contract refused.
pub fn refused_as<T: std::fmt::Debug>(result: Result<T>) -> String {
    let full = refusal(result);
    full.split(' ').next().unwrap_or_default().to_owned()
}
