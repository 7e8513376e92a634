//! Counts the tests that ran, from what the test runners print.

use std::ops::AddAssign;

/// Tests that passed and failed; skipped ones are neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that ran and passed.
    pub passed: u64,
    /// Tests that ran and failed.
    pub failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// Reads the summary lines of cargo, nextest, forge, halmos and pytest in `output`.
    pub fn read(output: &str) -> Self {
        let mut tally = Self::default();
        for line in output.lines().map(str::trim) {
            // cargo:   test result: ok. 3 passed; 0 failed; 1 ignored; …
            // nextest: Summary [   1.204s] 12 tests run: 11 passed (1 slow), 1 failed, 2 skipped
            // forge:   Ran 5 test suites in 1.2s (2.1s CPU time): 20 tests passed, 0 failed, …
            // pytest:  12 passed, 1 failed in 3.21s
            // halmos:  Symbolic test result: 12 passed; 1 failed; time: 3.21s
            let summary = line.starts_with("test result:")
                || line.starts_with("Symbolic test result:")
                || line.starts_with("Summary [")
                || is_pytest(line)
                || line.starts_with("Ran ") && line.contains(" test suite") && line.contains("):");
            if summary {
                tally += Self {
                    passed: before(line, &[" passed", " tests passed"]),
                    failed: before(line, &[" failed", " timed out"]),
                };
            }
        }
        tally
    }
}

/// Whether a line is pytest's last, with or without a frame of `=`.
fn is_pytest(line: &str) -> bool {
    let line = line.trim_matches(['=', ' ']);
    let counts = line.starts_with(|c: char| c.is_ascii_digit());
    let Some((head, tail)) = line.rsplit_once(" in ") else {
        return false;
    };
    let seconds = tail
        .split(' ')
        .next()
        .and_then(|time| time.strip_suffix('s'))
        .is_some_and(|s| s.parse::<f64>().is_ok());
    counts && seconds && (head.contains(" passed") || head.contains(" failed"))
}

/// The sum of the numbers that stand directly before any of `words`.
fn before(line: &str, words: &[&str]) -> u64 {
    let number = |word: &&str| -> Option<u64> {
        let (head, _) = line.split_once(*word)?;
        head.rsplit(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    words.iter().filter_map(number).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runner_is_understood() {
        let cargo = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                     test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured\n";
        assert_eq!(
            Tally::read(cargo),
            Tally {
                passed: 5,
                failed: 4
            }
        );

        let nextest = "     Summary [   1.204s] 12 tests run: 9 passed (1 slow), 1 failed, \
                       2 timed out, 2 skipped\n";
        assert_eq!(
            Tally::read(nextest),
            Tally {
                passed: 9,
                failed: 3
            }
        );

        let forge = "Suite result: ok. 7 passed; 0 failed; 0 skipped; finished in 1.20ms\n\
                     Ran 2 test suites in 5.1s (2.9s CPU time): 20 tests passed, 1 failed, \
                     0 skipped (21 total tests)\n";
        assert_eq!(
            Tally::read(forge),
            Tally {
                passed: 20,
                failed: 1
            }
        );

        let one = "Ran 1 test suite in 5.1s (2.9s CPU time): 1 tests passed, 0 failed, 0 skipped";
        assert_eq!(
            Tally::read(one),
            Tally {
                passed: 1,
                failed: 0
            }
        );
    }

    #[test]
    fn halmos_is_understood() {
        let halmos = "Symbolic test result: 10 passed; 2 failed; time: 42.15s\n";
        assert_eq!(
            Tally::read(halmos),
            Tally {
                passed: 10,
                failed: 2
            }
        );
    }

    #[test]
    fn pytest_is_understood_with_and_without_a_frame() {
        let (passed, failed) = (12, 1);
        for line in [
            "12 passed, 1 failed in 3.21s",
            "1 failed, 12 passed, 2 warnings in 65.12s (0:01:05)",
            "=========== 1 failed, 12 passed in 0.50s ===========",
        ] {
            assert_eq!(Tally::read(line), Tally { passed, failed }, "{line}");
        }
    }

    #[test]
    fn other_lines_do_not_count() {
        let text = "Ran 7 tests for test/Quorum.t.sol:QuorumTest\n3 passed\nno tests run\n\
                    1 error in 0.50s\n2 passed in time";
        assert_eq!(Tally::read(text), Tally::default());
    }
}
