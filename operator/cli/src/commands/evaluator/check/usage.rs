//! What evaluations take, against the request's limits.

use zarathustra_eval::{Timings, manifest::Limits};

use super::finding::{Finding, Kind};

/// More of a limit than this share is told of.
const HALF: f64 = 0.5;
/// More of it than this share may not be enough on another day or machine.
const SCARCE: f64 = 0.8;

/// The most that any evaluation took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Most {
    /// Fuel for one model.
    pub fuel: u64,
    /// Memory of the program.
    pub memory_bytes: u64,
    /// From start to result.
    pub seconds: f64,
}

impl Most {
    /// Takes one more evaluation in.
    pub fn add(&mut self, timings: &Timings) {
        let spent = timings.spent;
        // A champion that failed is taken to have used all of its fuel.
        self.fuel = self.fuel.max(spent.challenger_fuel);
        for seen in [spent.champion_seen, spent.challenger_seen] {
            self.memory_bytes = self.memory_bytes.max(seen.memory_bytes);
        }
        self.seconds = self.seconds.max(timings.total.as_secs_f64());
    }

    /// The limits of which much was used.
    pub fn findings(&self, limits: &Limits) -> Vec<Finding> {
        let fuel = (self.fuel as f64, limits.fuel, "units");
        let memory = (self.memory_bytes as f64, limits.memory_bytes, "bytes");
        let time = (self.seconds, limits.wall_seconds, "seconds");
        let uses = [
            (fuel, Kind::FuelHalf, Kind::FuelScarce),
            (memory, Kind::MemoryHalf, Kind::MemoryScarce),
            (time, Kind::TimeHalf, Kind::TimeScarce),
        ];
        let finding = |((used, limit, unit), half, scarce): ((f64, u64, &str), Kind, Kind)| {
            let kind = match used / limit as f64 {
                share if share > SCARCE => scarce,
                share if share > HALF => half,
                _ => return None,
            };
            Some(Finding::new(kind, format!("{used:.0} of {limit} {unit}")))
        };
        uses.into_iter().filter_map(finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        parameter_bytes: 1,
        parameters: 1,
        macs_per_sample: 1,
        activation_bytes: 1,
        fuel: 1000,
        memory_bytes: 2000,
        wall_seconds: 300,
    };

    fn told(fuel: u64, memory_bytes: u64, seconds: f64) -> Vec<String> {
        let most = Most {
            fuel,
            memory_bytes,
            seconds,
        };
        let findings = most.findings(&LIMITS).into_iter();
        findings
            .map(|finding| format!("{}: {}", finding.kind.code(), finding.detail))
            .collect()
    }

    #[test]
    fn half_of_a_limit_is_enough() {
        assert_eq!(told(0, 0, 0.0), [""; 0]);
        assert_eq!(told(500, 1000, 150.0), [""; 0]);
    }

    #[test]
    fn more_than_half_of_a_limit_is_told_of() {
        let half = [
            "fuel_half: 501 of 1000 units",
            "memory_half: 1001 of 2000 bytes",
            "time_half: 150 of 300 seconds",
        ];
        assert_eq!(told(501, 1001, 150.4), half);
        assert_eq!(told(0, 0, 240.0), ["time_half: 240 of 300 seconds"]);
    }

    #[test]
    fn more_than_four_fifths_of_a_limit_are_scarce() {
        let scarce = [
            "fuel_scarce: 801 of 1000 units",
            "memory_scarce: 1601 of 2000 bytes",
            "time_scarce: 240 of 300 seconds",
        ];
        assert_eq!(told(801, 1601, 240.4), scarce);
        assert_eq!(told(0, 0, 299.0), ["time_scarce: 299 of 300 seconds"]);
    }

    #[test]
    fn the_most_of_all_evaluations_counts() {
        let mut most = Most::default();
        let mut timings = Timings {
            total: std::time::Duration::from_secs(7),
            ..Timings::default()
        };
        timings.spent.champion_fuel = 900;
        timings.spent.challenger_fuel = 30;
        timings.spent.champion_seen.memory_bytes = 500;
        timings.spent.challenger_seen.memory_bytes = 400;
        most.add(&timings);
        most.add(&Timings::default());
        assert_eq!((most.fuel, most.memory_bytes), (30, 500));
        assert_eq!(most.seconds, 7.0);
    }
}
