//! The example's network for x², small enough to be evaluated here, and those who copy it.

use std::collections::HashMap;

use zarathustra_primitives::{SampleScore, Score};

use crate::Random;

/// Widths of the layers, as in `examples/x-squared/architecture.json`.
const LAYERS: [usize; 4] = [1, 5, 10, 1];
/// Variance of x² for x uniform on [-1, 1], by which the example's evaluator divides.
const VARIANCE: f64 = 4.0 / 45.0;
/// The mean of x², the best answer to an unknown x.
const MEAN: f32 = 1.0 / 3.0;
/// Points and steps of the training.
const POINTS: usize = 128;
const STEPS: u32 = 3_000;

/// Something that answers for x.
pub trait Model: Sync {
    /// The answer.
    fn answer(&self, x: f32) -> f32;
}

/// Fresh test points of a seed: uniform on [-1, 1].
pub fn points(random: &mut Random, count: u32) -> Vec<f32> {
    (0..count)
        .map(|_| (2.0 * random.unit() - 1.0) as f32)
        .collect()
}

/// The scores of both models on a point, as the example's evaluator gives them, clipped to [-1, 1].
pub fn sample_score(champion: &dyn Model, challenger: &dyn Model, x: f32) -> SampleScore {
    let score = |model: &dyn Model| {
        let off = f64::from(x) * f64::from(x) - f64::from(model.answer(x));
        let score = (1.0 - off * off / VARIANCE).clamp(-1.0, 1.0);
        Score::from_micros((score * Score::SCALE as f64).round_ties_even() as i64)
    };
    SampleScore {
        champion: score(champion),
        challenger: score(challenger),
    }
}

/// Dense layers with tanh between them, in 32-bit floating point.
#[derive(Debug, Clone, PartialEq)]
pub struct Network(Vec<Layer>);

#[derive(Debug, Clone, PartialEq)]
struct Layer {
    /// One row for each unit, the bias at its end.
    units: Vec<Vec<f32>>,
}

impl Model for Network {
    fn answer(&self, x: f32) -> f32 {
        let mut values = vec![x];
        for (index, layer) in self.0.iter().enumerate() {
            let last = index + 1 == self.0.len();
            let unit = |row: &Vec<f32>| {
                let inputs = values.iter().chain(&[1.0]);
                let sum: f32 = row.iter().zip(inputs).map(|(w, v)| w * v).sum();
                if last { sum } else { sum.tanh() }
            };
            values = layer.units.iter().map(unit).collect();
        }
        values[0]
    }
}

impl Network {
    /// Trains a network honestly: Adam (Kingma and Ba 2015) on points of its own.
    pub fn trained(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let layer = |pair: &[usize], random: &mut Random| Layer {
            units: (0..pair[1])
                .map(|_| {
                    let scale = (1.0 / pair[0] as f64).sqrt();
                    (0..=pair[0])
                        .map(|_| (scale * random.normal()) as f32)
                        .collect()
                })
                .collect(),
        };
        let layers = LAYERS
            .windows(2)
            .map(|pair| layer(pair, &mut random))
            .collect();
        let mut network = Self(layers);
        let points = points(&mut random, POINTS as u32);
        let count = network.weights().count();
        let (mut first, mut second) = (vec![0.0; count], vec![0.0; count]);
        for step in 1..=STEPS {
            let gradient = network.gradient(&points);
            // From a rate of 0.02 down to 0.
            let rate = 0.02 * (1.0 - f64::from(step) / f64::from(STEPS + 1));
            let correct = |decay: f64| 1.0 - decay.powi(step as i32);
            for (index, weight) in network.weights().enumerate() {
                first[index] = 0.9 * first[index] + 0.1 * gradient[index];
                second[index] = 0.999 * second[index] + 0.001 * gradient[index].powi(2);
                let square: f64 = second[index] / correct(0.999);
                *weight -= (rate * first[index] / correct(0.9) / (square.sqrt() + 1e-8)) as f32;
            }
        }
        network
    }

    /// Every weight and bias, layer by layer and unit by unit.
    fn weights(&mut self) -> impl Iterator<Item = &mut f32> {
        self.0
            .iter_mut()
            .flat_map(|layer| layer.units.iter_mut().flatten())
    }

    /// Gradient of the mean squared error, in the order of [`Self::weights`].
    fn gradient(&self, points: &[f32]) -> Vec<f64> {
        let mut total: Vec<Vec<Vec<f64>>> = self
            .0
            .iter()
            .map(|layer| layer.units.iter().map(|row| vec![0.0; row.len()]).collect())
            .collect();
        for x in points {
            // What goes into each layer, the 1 of the bias at its end, and what comes out at last.
            let mut inputs = vec![vec![f64::from(*x), 1.0]];
            for (index, layer) in self.0.iter().enumerate() {
                let unit = |row: &Vec<f32>| {
                    let terms = row.iter().zip(&inputs[index]);
                    let sum: f64 = terms.map(|(w, v)| f64::from(*w) * v).sum();
                    if index + 1 == self.0.len() {
                        sum
                    } else {
                        sum.tanh()
                    }
                };
                let mut outputs: Vec<f64> = layer.units.iter().map(unit).collect();
                outputs.push(1.0);
                inputs.push(outputs);
            }
            let answer = inputs[self.0.len()][0];
            let mut slopes = vec![2.0 * (answer - f64::from(*x).powi(2)) / points.len() as f64];
            for (index, layer) in self.0.iter().enumerate().rev() {
                let mut before = vec![0.0; inputs[index].len() - 1];
                for (unit, slope) in slopes.iter().enumerate() {
                    for (place, input) in inputs[index].iter().enumerate() {
                        total[index][unit][place] += slope * input;
                        if let Some(sum) = before.get_mut(place) {
                            *sum += slope * f64::from(layer.units[unit][place]);
                        }
                    }
                }
                // Through tanh; there is none before the first layer, nor anything to learn.
                let outputs = inputs[index].iter();
                slopes = before
                    .iter()
                    .zip(outputs)
                    .map(|(b, o)| b * (1.0 - o * o))
                    .collect();
            }
        }
        total.into_iter().flatten().flatten().collect()
    }

    /// The same network by another's hand.
    pub fn copied(&self, copier: Copier, random: &mut Random) -> Self {
        let mut copy = self.clone();
        match copier {
            Copier::Exact => {}
            Copier::Noised(scale) => {
                for weight in copy.weights() {
                    *weight *= 1.0 + (scale * random.normal()) as f32;
                }
            }
            Copier::Requantised => {
                let most = copy.weights().fold(0.0f32, |most, w| most.max(w.abs()));
                for weight in copy.weights() {
                    *weight = (*weight / most * 127.0).round() / 127.0 * most;
                }
            }
            Copier::Permuted => copy.permute(random),
        }
        copy
    }

    /// Exchanges units of the hidden layers, and what listens to them accordingly.
    fn permute(&mut self, random: &mut Random) {
        for index in 0..self.0.len() - 1 {
            let units = self.0[index].units.len();
            // Fisher and Yates 1938.
            for last in (1..units).rev() {
                let other = random.below(last + 1);
                self.0[index].units.swap(last, other);
                for row in &mut self.0[index + 1].units {
                    row.swap(last, other);
                }
            }
        }
    }
}

/// What a copier does to somebody's weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Copier {
    /// Nothing.
    Exact,
    /// Each weight times `1 + scale` times a normal draw.
    Noised(f64),
    /// Each weight rounded to one of 255 values.
    Requantised,
    /// Hidden units in another order.
    Permuted,
}

impl Copier {
    /// What a simulation tries.
    pub const ALL: [Self; 6] = [
        Self::Exact,
        Self::Noised(1e-4),
        Self::Noised(1e-3),
        Self::Noised(1e-2),
        Self::Requantised,
        Self::Permuted,
    ];

    /// A name.
    pub fn name(self) -> String {
        match self {
            Self::Exact => "exact copy".to_owned(),
            Self::Noised(scale) => format!("copy with noise {scale}"),
            Self::Requantised => "copy in 8 bits".to_owned(),
            Self::Permuted => "copy with permuted units".to_owned(),
        }
    }
}

/// A model that remembers the points of earlier evaluations, and nothing else.
#[derive(Debug, Clone)]
pub struct Table(HashMap<u32, f32>);

impl Table {
    /// Remembers `count` points.
    pub fn of_past_points(seed: u64, count: u32) -> Self {
        let mut random = Random::new(seed, 0);
        let past = points(&mut random, count);
        Self(past.into_iter().map(|x| (x.to_bits(), x * x)).collect())
    }

    /// Whether a point is remembered.
    pub fn knows(&self, x: f32) -> bool {
        self.0.contains_key(&x.to_bits())
    }
}

impl Model for Table {
    fn answer(&self, x: f32) -> f32 {
        self.0.get(&x.to_bits()).copied().unwrap_or(MEAN)
    }
}
