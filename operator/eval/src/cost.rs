//! What a model costs, derived from its architecture without running it.

use serde::Serialize;

use crate::architecture::{Architecture, Op, ParameterSpec};
use crate::manifest::Limits;

/// Multiply-adds that the reference engine does in a second: a low figure for one thread, so that a
/// request that fits it fits every operator's machine.
pub const REFERENCE_MACS_PER_SECOND: u64 = 200_000_000;

/// Static cost of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Number of parameters.
    pub parameters: u64,
    /// Bytes of the parameters alone.
    pub parameter_bytes: u64,
    /// Multiply-adds for one sample; element-wise operations count one for each element.
    pub macs_per_sample: u64,
    /// Elements of the widest value between two nodes, for one sample.
    pub widest_elements: u64,
}

impl Cost {
    /// Seconds that the reference engine takes for champion and challenger on this many samples,
    /// one row each, rounded up. A request must allow itself as many: what the margin decides is
    /// claimed with that engine.
    pub const fn reference_seconds(&self, samples: u32) -> u64 {
        const MODELS: u64 = 2;
        (samples as u64)
            .saturating_mul(MODELS)
            .saturating_mul(self.macs_per_sample)
            .div_ceil(REFERENCE_MACS_PER_SECOND)
    }

    /// Cost of a model of this architecture. Sums that exceed 64 bits stay at the maximum, which
    /// no limit allows.
    pub fn of(architecture: &Architecture) -> Self {
        let parameters = architecture
            .parameters()
            .iter()
            .map(ParameterSpec::elements)
            .fold(0_u64, u64::saturating_add);
        let mut macs_per_sample = 0_u64;
        let mut widest_elements = architecture.input().shape.iter().product();
        for (index, node) in architecture.nodes().iter().enumerate() {
            let before: u64 = architecture.shape_before(index).iter().product();
            let after: u64 = architecture.shape_after(index).iter().product();
            let macs = match node.op {
                Op::Dense { units, .. } => before.saturating_mul(units),
                Op::Flatten {} => 0,
                _ => after,
            };
            macs_per_sample = macs_per_sample.saturating_add(macs);
            widest_elements = after.max(widest_elements);
        }
        let parameter_bytes = parameters.saturating_mul(size_of::<f32>() as u64);
        Self {
            parameters,
            parameter_bytes,
            macs_per_sample,
            widest_elements,
        }
    }

    /// The first limit of the request that the architecture by itself exceeds.
    pub const fn exceeds(&self, limits: &Limits) -> Option<&'static str> {
        if self.parameters > limits.parameters {
            Some("parameters")
        } else if self.parameter_bytes > limits.parameter_bytes {
            Some("parameter_bytes")
        } else if self.macs_per_sample > limits.macs_per_sample {
            Some("macs_per_sample")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_x_squared_network_by_hand() {
        let text = include_bytes!("../../../examples/x-squared/architecture.json");
        let cost = Cost::of(&Architecture::from_json(text).expect("valid"));
        let expected = Cost {
            parameters: (5 + 5) + (5 * 10 + 10) + (10 + 1),
            parameter_bytes: 4 * 81,
            macs_per_sample: 5 + 5 + 5 * 10 + 10 + 10,
            widest_elements: 10,
        };
        assert_eq!(cost, expected);
    }

    #[test]
    fn the_reference_engines_time_is_rounded_up() {
        let cost = |macs_per_sample| Cost {
            parameters: 0,
            parameter_bytes: 0,
            macs_per_sample,
            widest_elements: 0,
        };
        // Two models on 1,000 samples: 2,000 times the cost of one.
        let second = REFERENCE_MACS_PER_SECOND / 2000;
        assert_eq!(cost(second).reference_seconds(1000), 1);
        assert_eq!(cost(second + 1).reference_seconds(1000), 2);
        assert_eq!(cost(7 * second).reference_seconds(1000), 7);
        let most = u64::MAX.div_ceil(REFERENCE_MACS_PER_SECOND);
        assert_eq!(cost(u64::MAX).reference_seconds(u32::MAX), most);
    }

    #[test]
    fn an_absurd_architecture_costs_more_than_any_limit() {
        let dense = |index: usize| {
            let source = match index {
                0 => "input".to_owned(),
                _ => format!("n{}", index - 1),
            };
            format!(
                r#"{{"name":"n{index}","op":"dense","inputs":["{source}"],"units":16777216,"bias":false}}"#
            )
        };
        let nodes: Vec<_> = (0..4096).map(dense).collect();
        let text = format!(
            r#"{{"version":1,"input":{{"name":"input","shape":[16777216]}},"nodes":[{}],"output":"n4095"}}"#,
            nodes.join(",")
        );
        let cost = Cost::of(&Architecture::from_json(text.as_bytes()).expect("valid"));
        assert_eq!(cost.parameters, 1 << 60);
        assert_eq!(cost.parameter_bytes, 1 << 62);
        assert_eq!(cost.macs_per_sample, 1 << 60);
    }
}
