//! A proxy that makes an honest performer lie. It stands between the production programs and the
//! aggregator, holds the performers' claim keys, and replaces the figures of one claim by better
//! ones. Only tests and the demo have it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::{
    primitives::Address,
    signers::{SignerSync, local::PrivateKeySigner},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use eyre::{Result, eyre};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zarathustra_chain::Chain;
use zarathustra_primitives::{
    ClaimSignature, Engine, EvaluationResult, Figures, ResultHash, Score, TaskId, Turn,
};
use zarathustra_wire::{ClaimMessage, RpcRequest, RpcResponse};

/// How much better the lie is, in millionths.
const EXAGGERATION: i64 = 500_000;

/// What is false about a falsified claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The challenger's scores are better.
    Better,
    /// The figures are said to be libtorch's.
    OfLibtorch,
}

/// What the proxy is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Plan {
    /// Pass everything through.
    #[default]
    Honest,
    /// Falsify the next claim.
    Armed(Lie),
    /// This claim is the falsified one, however often it is sent.
    Lied {
        lie: Lie,
        performer: Address,
        task: TaskId,
        turn: Turn,
    },
}

#[derive(Clone)]
struct Proxy {
    upstream: String,
    chain: Chain,
    keys: Arc<HashMap<Address, PrivateKeySigner>>,
    http: reqwest::Client,
    plan: Arc<Mutex<Plan>>,
}

/// The running proxy; it ends with the runtime.
pub struct Liar {
    /// Where the performers reach it.
    pub url: String,
    plan: Arc<Mutex<Plan>>,
}

impl Liar {
    /// Starts the proxy for performers with these keys. It passes everything through until it is
    /// told to lie.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(upstream: &str, chain: Chain, keys: Vec<PrivateKeySigner>) -> Result<Self> {
        let plan = Arc::new(Mutex::new(Plan::default()));
        let proxy = Proxy {
            upstream: upstream.to_owned(),
            chain,
            keys: Arc::new(keys.into_iter().map(|key| (key.address(), key)).collect()),
            http: reqwest::Client::new(),
            plan: Arc::clone(&plan),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/", post(forward))
            .route("/events", get(events))
            .with_state(proxy);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, plan })
    }

    /// Falsifies the next claim, and that one only.
    pub fn lie_once(&self, lie: Lie) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Plan::Armed(lie);
    }

    /// Who was made to lie, and in which task.
    pub fn lied(&self) -> Option<(Address, TaskId)> {
        match *self.plan.lock().unwrap_or_else(PoisonError::into_inner) {
            Plan::Lied {
                performer, task, ..
            } => Some((performer, task)),
            Plan::Honest | Plan::Armed(_) => None,
        }
    }
}

async fn forward(State(proxy): State<Proxy>, body: Bytes) -> Response {
    let answer = async {
        let mut request: RpcRequest = serde_json::from_slice(&body)?;
        if request.method == "sendTask" {
            let claim = ClaimMessage::from_params(&request.params)?;
            if let Some(lie) = proxy.chosen(&claim) {
                request.params = proxy.falsify(claim, lie).await?;
            }
        }
        let answer = proxy
            .http
            .post(&proxy.upstream)
            .json(&request)
            .send()
            .await?;
        Ok::<_, eyre::Report>(answer.bytes().await?)
    };
    match answer.await {
        Ok(bytes) => bytes.into_response(),
        Err(error) => {
            let refusal = zarathustra_wire::RpcError::refused("proxy_failed", error.to_string());
            axum::Json(RpcResponse::new(Value::Null, Err(refusal))).into_response()
        }
    }
}

async fn events(State(proxy): State<Proxy>) -> Response {
    match proxy
        .http
        .get(format!("{}/events", proxy.upstream))
        .send()
        .await
    {
        Ok(answer) => axum::body::Body::from_stream(answer.bytes_stream()).into_response(),
        Err(error) => axum::Json(json!({ "error": error.to_string() })).into_response(),
    }
}

impl Proxy {
    /// What to falsify about this claim, if it is the one.
    fn chosen(&self, claim: &ClaimMessage) -> Option<Lie> {
        let lied = |lie| Plan::Lied {
            lie,
            performer: claim.performer,
            task: claim.body.task,
            turn: claim.body.turn,
        };
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let (Plan::Armed(lie) | Plan::Lied { lie, .. }) = *plan else {
            return None;
        };
        if *plan == Plan::Armed(lie) {
            *plan = lied(lie);
        }
        (*plan == lied(lie)).then_some(lie)
    }

    /// The claim with something false in it, signed by the performer's key.
    async fn falsify(&self, mut claim: ClaimMessage, lie: Lie) -> Result<Value> {
        let key = self
            .keys
            .get(&claim.performer)
            .ok_or_else(|| eyre!("a stranger's claim"))?;
        let honest = EvaluationResult::decode(&claim.body.result)?;
        let (Some(figures), Some(root)) = (honest.figures(), honest.scores_root()) else {
            return Err(eyre!("there is no score to falsify"));
        };
        let better = |score: Score| Score::from_micros(score.micros() + EXAGGERATION);
        let (engine, figures) = match lie {
            Lie::Better => (
                honest.engine(),
                Figures {
                    challenger_score: better(figures.challenger_score),
                    improvement: better(figures.improvement),
                    lower: better(figures.lower),
                    upper: better(figures.upper),
                    ..*figures
                },
            ),
            Lie::OfLibtorch => (Engine::Libtorch, *figures),
        };
        let lie = EvaluationResult::scored(honest.environment(), engine, figures, root)?;
        claim.body.result = lie.encode().to_vec().into();
        let task = self.chain.task_hash(claim.body.task).await?;
        let mut signed = claim.claim(task);
        signed.result = ResultHash::of(&claim.body.result);
        let signature = key.sign_hash_sync(&signed.digest(&self.chain.domain()))?;
        claim.signature = ClaimSignature::new(signature.as_bytes());
        Ok(claim.to_params())
    }
}
