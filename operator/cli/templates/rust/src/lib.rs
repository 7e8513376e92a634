//! Scores a model that should answer 2 * x + 1 for x in [-1, 1]; a perfect one scores 1.

wit_bindgen::generate!({ path: "wit", world: "evaluator", generate_all });

use wasi::nn::errors::Error;
use wasi::nn::graph::load_by_name;
use wasi::nn::inference::GraphExecutionContext;
use wasi::nn::tensor::{Tensor, TensorType};

/// Samples that are drawn, asked about and scored at a time.
const BATCH: u32 = 1024;

struct Program;

export!(Program);

impl Guest for Program {
    fn evaluate(seed: Vec<u8>, samples: u32) -> Result<Vec<f64>, String> {
        let mut random = Random::new(&seed);
        let model = load_by_name("model")
            .and_then(|graph| graph.init_execution_context())
            .map_err(text)?;
        let mut scores = Vec::with_capacity(samples as usize);
        while (scores.len() as u32) < samples {
            let count = BATCH.min(samples - scores.len() as u32);
            // The model gets x as a 32-bit float, and is judged on that.
            let questions: Vec<f32> = (0..count).map(|_| random.uniform() as f32).collect();
            let answers = ask(&model, &questions)?;
            scores.extend(questions.iter().zip(answers).map(|(x, answer)| {
                let error = 2.0 * f64::from(*x) + 1.0 - f64::from(answer);
                1.0 - error * error
            }));
        }
        Ok(scores)
    }
}

/// Answers rows of one number with as many numbers.
fn ask(model: &GraphExecutionContext, rows: &[f32]) -> Result<Vec<f32>, String> {
    let data: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
    let input = Tensor::new(&[rows.len() as u32, 1], TensorType::Fp32, &data);
    let outputs = model
        .compute(vec![("input".to_owned(), input)])
        .map_err(text)?;
    let (_, output) = outputs.first().ok_or("the model has no output")?;
    let floats = output.data();
    let floats = floats.chunks_exact(4);
    Ok(floats
        .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")))
        .collect())
}

fn text(error: Error) -> String {
    error.data()
}

/// Two over the number of 53-bit integers.
const SCALE: f64 = 2.0 / (1_u64 << 53) as f64;

/// SplitMix64 (Steele, Lea and Flood 2014), started from all words of the seed.
struct Random(u64);

impl Random {
    fn new(seed: &[u8]) -> Self {
        let mut random = Self(0);
        for word in seed.chunks(8) {
            let word = word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            random.0 = random.next() ^ word;
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform on [-1, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 * SCALE - 1.0
    }
}
