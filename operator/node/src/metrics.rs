//! Prometheus metrics of a daemon.

use std::sync::Arc;

use prometheus::{
    Encoder, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
    core::Collector, histogram_opts, opts, proto::MetricType,
};

/// Metrics that every role keeps. The label `reason` holds stable codes only, never identifiers.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    descriptions: Arc<[Description]>,
    /// `zarathustra_tasks_total{role,outcome,reason}`: tasks that ended for this operator.
    pub tasks: IntCounterVec,
    /// `zarathustra_votes_total{verdict}`: votes signed.
    pub votes: IntCounterVec,
    /// `zarathustra_claims_total{outcome}`: claims sent, and claims ignored.
    pub claims: IntCounterVec,
    /// `zarathustra_transactions_total{action,outcome}`: transactions sent.
    pub transactions: IntCounterVec,
    /// `zarathustra_evaluation_seconds{outcome}`: wall time of evaluations to attest.
    pub evaluation_seconds: HistogramVec,
    /// `zarathustra_chain_head_block`: newest block seen.
    pub chain_head: IntGauge,
    /// `zarathustra_cursor_block`: next block the cursor will read.
    pub cursor: IntGauge,
    /// `zarathustra_live_tasks`: tasks that are not over.
    pub live_tasks: IntGauge,
    /// `zarathustra_balance_gwei`: native balance of the sending account.
    pub balance_gwei: IntGauge,
    /// `zarathustra_content_bytes{kind}`: bytes used, bytes pinned, and the quota.
    pub content_bytes: IntGaugeVec,
}

/// What a metric is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name on the page.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels, in order.
    pub labels: Vec<String>,
    /// One sentence, without its period.
    pub help: String,
}

/// A registry that is being filled.
#[derive(Default)]
struct Filling {
    registry: Registry,
    descriptions: Vec<Description>,
}

impl Filling {
    /// Registers a metric and notes down what it says of itself.
    fn add<M: Collector + Clone + 'static>(
        &mut self,
        metric: Result<M, prometheus::Error>,
    ) -> Result<M, prometheus::Error> {
        let metric = metric?;
        self.registry.register(Box::new(metric.clone()))?;
        for (desc, family) in metric.desc().into_iter().zip(metric.collect()) {
            self.descriptions.push(Description {
                name: desc.fq_name.clone(),
                kind: match family.get_field_type() {
                    MetricType::COUNTER => "counter",
                    MetricType::GAUGE => "gauge",
                    MetricType::HISTOGRAM => "histogram",
                    MetricType::SUMMARY => "summary",
                    MetricType::UNTYPED => "untyped",
                },
                labels: desc.variable_labels.clone(),
                help: desc.help.clone(),
            });
        }
        Ok(metric)
    }
}

impl Metrics {
    /// Registers all metrics, and `zarathustra_info{version,role}` as 1.
    ///
    /// # Errors
    /// Never on a fresh registry; the registry's own error is passed on.
    pub fn new(role: &str) -> Result<Self, prometheus::Error> {
        let mut all = Filling::default();
        all.add(IntGaugeVec::new(
            opts!("zarathustra_info", "The program; always 1"),
            &["version", "role"],
        ))?
        .with_label_values(&[env!("CARGO_PKG_VERSION"), role])
        .set(1);
        Ok(Self {
            tasks: all.add(IntCounterVec::new(
                opts!(
                    "zarathustra_tasks_total",
                    "Tasks that ended for this operator"
                ),
                &["role", "outcome", "reason"],
            ))?,
            votes: all.add(IntCounterVec::new(
                opts!("zarathustra_votes_total", "Votes signed"),
                &["verdict"],
            ))?,
            claims: all.add(IntCounterVec::new(
                opts!(
                    "zarathustra_claims_total",
                    "Claims sent, and claims ignored"
                ),
                &["outcome"],
            ))?,
            transactions: all.add(IntCounterVec::new(
                opts!("zarathustra_transactions_total", "Transactions sent"),
                &["action", "outcome"],
            ))?,
            evaluation_seconds: all.add(HistogramVec::new(
                histogram_opts!(
                    "zarathustra_evaluation_seconds",
                    "Wall time of evaluations to attest"
                ),
                &["outcome"],
            ))?,
            chain_head: all.add(IntGauge::new(
                "zarathustra_chain_head_block",
                "Newest block seen",
            ))?,
            cursor: all.add(IntGauge::new(
                "zarathustra_cursor_block",
                "Next block the cursor will read",
            ))?,
            live_tasks: all.add(IntGauge::new(
                "zarathustra_live_tasks",
                "Tasks that are not over",
            ))?,
            balance_gwei: all.add(IntGauge::new(
                "zarathustra_balance_gwei",
                "Native balance of the sending account",
            ))?,
            content_bytes: all.add(IntGaugeVec::new(
                opts!(
                    "zarathustra_content_bytes",
                    "Bytes used, bytes pinned, and the quota"
                ),
                &["kind"],
            ))?,
            registry: all.registry,
            descriptions: all.descriptions.into(),
        })
    }

    /// What is registered, in the order in which it was.
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
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
