//! What a worker says of an evaluation program that voids an evaluation.
//!
//! The status of a result is coarser than what its owner needs to know to put it right; these
//! words, which stand in the result's detail, tell the cases of one status apart.

/// The program wanted more memory than the request allows (EvaluatorTrapped).
pub const MEMORY: &str = "the evaluator needs more memory than the request allows";
/// A score is not a number (EvaluatorInvalid).
pub const NOT_A_NUMBER: &str = "a score is not a number";
/// The program answered an error (EvaluatorInvalid); what it says follows.
pub const SAYS: &str = "the evaluator says: ";
/// The model was asked about something that is not finite (EvaluatorInvalid).
pub const INPUT: &str = "an input to the model is not finite";

/// The model was asked about an integer that its embeddings do not have (EvaluatorInvalid).
pub const INDEX: &str = "an integer is not in the range of the model's input";

/// Another number of scores than samples (EvaluatorInvalid).
pub fn count(scores: usize, samples: u32) -> String {
    format!("{scores} scores for {samples} samples")
}

/// Whether these words are those of [`count`].
pub fn is_count(detail: &str) -> bool {
    let words: Vec<_> = detail.split(' ').collect();
    matches!(words.as_slice(), [_, "scores", "for", _, "samples"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_the_count_are_recognised() {
        assert!(is_count(&count(3, 4)));
        assert!(!is_count(NOT_A_NUMBER));
    }
}
