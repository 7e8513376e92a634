//! Scaled dot-product attention. Projections, scores and weights stay in 64 bits until the end.

use crate::{
    activation::softmax,
    kernel::Kernel,
    linear::Linear,
    math::{cos, pow, sin},
    matmul::Packed,
};

/// Attention with several heads.
pub struct Attention {
    /// Projection of the query.
    pub query: Linear,
    /// Projection of the key.
    pub key: Linear,
    /// Projection of the value.
    pub value: Linear,
    /// Projection of the heads' results.
    pub output: Linear,
    /// Heads of the query.
    pub heads: usize,
    /// Heads of key and value.
    pub key_value_heads: usize,
    /// Features of a head.
    pub head_size: usize,
    /// Features of the result.
    pub units: usize,
    /// Places of the query.
    pub queries: usize,
    /// Places of key and value.
    pub keys: usize,
    /// Whether place `i` sees no place behind `i`.
    pub causal: bool,
    /// Rotation of queries and keys, if any.
    pub rotary: Option<Rotary>,
}

impl Kernel for Attention {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let width = self.heads * self.head_size;
        let key_value_width = self.key_value_heads * self.head_size;
        let mut query = project(&self.query, inputs[0], self.queries * width);
        let mut key = project(&self.key, inputs[1], self.keys * key_value_width);
        let value = project(&self.value, inputs[2], self.keys * key_value_width);
        if let Some(rotary) = &self.rotary {
            rotary.turn(&mut query, width, self.head_size);
            rotary.turn(&mut key, key_value_width, self.head_size);
        }
        let mut context = vec![0.0; self.queries * width];
        for head in 0..self.key_value_heads {
            let at = |place: usize, k: usize| place * key_value_width + head * self.head_size + k;
            let keys = Packed::new(self.keys, self.head_size, |place, k| key[at(place, k)]);
            let values = Packed::new(self.head_size, self.keys, |k, place| value[at(place, k)]);
            let sharing = self.heads / self.key_value_heads;
            for head in head * sharing..(head + 1) * sharing {
                for place in 0..self.queries {
                    let start = place * width + head * self.head_size;
                    let query = &query[start..][..self.head_size];
                    let context = &mut context[start..][..self.head_size];
                    self.attend(place, query, &keys, &values, context);
                }
            }
        }
        let mut result = vec![0.0; self.queries * self.units];
        self.output
            .map(&context, |place, sum| result[place] = sum as f32);
        result
    }
}

fn project(linear: &Linear, x: &[f32], size: usize) -> Vec<f64> {
    let mut result = vec![0.0; size];
    linear.map(x, |place, sum| result[place] = sum);
    result
}

impl Attention {
    /// What one head makes of one place. Places that it does not see take part in no sum.
    fn attend(
        &self,
        place: usize,
        query: &[f64],
        keys: &Packed<f64>,
        values: &Packed<f64>,
        context: &mut [f64],
    ) {
        let seen = if self.causal { place + 1 } else { self.keys };
        let scale = (self.head_size as f64).sqrt();
        let mut scores = vec![0.0; self.keys];
        keys.multiply_one(query, |place, sum| scores[place] = sum / scale);
        let scores = &mut scores[..seen];
        softmax(scores);
        values.multiply_one(scores, |k, sum| context[k] = sum);
    }
}

/// Rotary position embedding.
pub struct Rotary {
    /// Cosine and sine for each place and pair.
    angles: Vec<(f64, f64)>,
    pairs: usize,
    interleaved: bool,
}

impl Rotary {
    /// The rotation of the first `size` features of a head for this many places.
    pub fn new(base: f64, size: usize, interleaved: bool, places: usize) -> Self {
        let pairs = size / 2;
        let frequencies: Vec<f64> = (0..pairs)
            .map(|pair| pow(base, -((2 * pair) as f64) / size as f64))
            .collect();
        let angle = |place: usize, frequency: f64| {
            let angle = place as f64 * frequency;
            (cos(angle), sin(angle))
        };
        let angles = (0..places)
            .flat_map(|place| frequencies.iter().map(move |f| angle(place, *f)))
            .collect();
        Self {
            angles,
            pairs,
            interleaved,
        }
    }

    /// Turns all heads of all places.
    fn turn(&self, x: &mut [f64], width: usize, head_size: usize) {
        let places = x.chunks_mut(width).zip(self.angles.chunks(self.pairs));
        for (place, angles) in places {
            for head in place.chunks_mut(head_size) {
                for (pair, (cos, sin)) in angles.iter().enumerate() {
                    let (i, j) = if self.interleaved {
                        (2 * pair, 2 * pair + 1)
                    } else {
                        (pair, pair + self.pairs)
                    };
                    let (a, b) = (head[i], head[j]);
                    head[i] = a * cos - b * sin;
                    head[j] = b * cos + a * sin;
                }
            }
        }
    }
}
