//! Prometheus metrics of a daemon.

use prometheus::{
    Encoder, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
    histogram_opts, opts,
};

/// Metrics that every role keeps. The label `reason` holds stable codes only, never identifiers.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// `zarathustra_tasks_total{role,outcome,reason}`: tasks that ended for this operator.
    pub tasks: IntCounterVec,
    /// `zarathustra_votes_total{verdict}`: votes signed.
    pub votes: IntCounterVec,
    /// `zarathustra_claims_total{outcome}`: claims sent or received.
    pub claims: IntCounterVec,
    /// `zarathustra_transactions_total{action,outcome}`: transactions sent.
    pub transactions: IntCounterVec,
    /// `zarathustra_evaluation_seconds`: wall time of evaluations.
    pub evaluation_seconds: HistogramVec,
    /// `zarathustra_chain_head_block`: newest block seen.
    pub chain_head: IntGauge,
    /// `zarathustra_cursor_block`: next block the cursor will read.
    pub cursor: IntGauge,
    /// `zarathustra_live_tasks`: tasks that are not over.
    pub live_tasks: IntGauge,
    /// `zarathustra_balance_gwei`: native balance of the sending account.
    pub balance_gwei: IntGauge,
    /// `zarathustra_content_bytes{kind}`: bytes pinned, and the quota.
    pub content_bytes: IntGaugeVec,
    /// `eigen_registered_stakes{quorum_number,quorum_name}` of the AVS node specification.
    pub eigen_stakes: IntGaugeVec,
    /// `eigen_performance_score` of the AVS node specification: share of the last tasks voted on.
    pub eigen_score: IntGauge,
    /// `eigen_rpc_request_duration_seconds{method,client_version}`.
    pub eigen_rpc_seconds: HistogramVec,
    /// `eigen_rpc_request_total{method,client_version}`.
    pub eigen_rpc_total: IntCounterVec,
}

impl Metrics {
    /// Registers all metrics, and `zarathustra_info{version,role}` as 1.
    ///
    /// # Errors
    /// Never on a fresh registry; the registry's own error is passed on.
    pub fn new(role: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(opts!(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(opts!(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let histograms = |name: &str, help: &str, labels: &[&str]| {
            let metric = HistogramVec::new(histogram_opts!(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        gauges(
            "zarathustra_info",
            "The program; always 1",
            &["version", "role"],
        )?
        .with_label_values(&[env!("CARGO_PKG_VERSION"), role])
        .set(1);
        let client = &["method", "client_version"];
        Ok(Self {
            tasks: counters(
                "zarathustra_tasks_total",
                "Tasks that ended for this operator",
                &["role", "outcome", "reason"],
            )?,
            votes: counters("zarathustra_votes_total", "Votes signed", &["verdict"])?,
            claims: counters(
                "zarathustra_claims_total",
                "Claims sent or received",
                &["outcome"],
            )?,
            transactions: counters(
                "zarathustra_transactions_total",
                "Transactions sent",
                &["action", "outcome"],
            )?,
            evaluation_seconds: histograms(
                "zarathustra_evaluation_seconds",
                "Wall time of evaluations",
                &["outcome"],
            )?,
            chain_head: gauge("zarathustra_chain_head_block", "Newest block seen")?,
            cursor: gauge(
                "zarathustra_cursor_block",
                "Next block the cursor will read",
            )?,
            live_tasks: gauge("zarathustra_live_tasks", "Tasks that are not over")?,
            balance_gwei: gauge(
                "zarathustra_balance_gwei",
                "Native balance of the sending account",
            )?,
            content_bytes: gauges(
                "zarathustra_content_bytes",
                "Bytes pinned, and the quota",
                &["kind"],
            )?,
            eigen_stakes: gauges(
                "eigen_registered_stakes",
                "Operator stake in the AVS's quorum",
                &["quorum_number", "quorum_name"],
            )?,
            eigen_score: gauge(
                "eigen_performance_score",
                "Share of the last tasks voted on, 0 to 100",
            )?,
            eigen_rpc_seconds: histograms(
                "eigen_rpc_request_duration_seconds",
                "Duration of RPC requests to the chain",
                client,
            )?,
            eigen_rpc_total: counters(
                "eigen_rpc_request_total",
                "RPC requests to the chain",
                client,
            )?,
            registry,
        })
    }

    /// All metrics in the text format.
    ///
    /// # Errors
    /// The encoder's own error.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut buffer = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut buffer)?;
        String::from_utf8(buffer).map_err(|e| prometheus::Error::Msg(e.to_string()))
    }
}
