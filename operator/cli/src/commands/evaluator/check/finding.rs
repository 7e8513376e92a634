//! What a check can find: a closed set, with what each costs and what to do about it.

use serde_json::{Value, json};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Evaluations fail, or somebody can make them fail.
    Error,
    /// Evaluations succeed, and may not tell what they should.
    Warning,
}

impl Severity {
    /// Stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What was found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Where and how it shows.
    pub detail: String,
}

impl Finding {
    /// A finding.
    pub const fn new(kind: Kind, detail: String) -> Self {
        Self { kind, detail }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "code": self.kind.code(),
            "severity": self.kind.severity().code(),
            "meaning": self.kind.meaning(),
            "detail": self.detail,
            "cost": self.kind.cost(),
            "remedy": self.kind.remedy(),
        })
    }
}

const BOND: &str =
    "every evaluation is void; fee and compensation are paid from the evaluator bond";
const SOMETIMES: &str =
    "such an evaluation is void; fee and compensation are paid from the evaluator bond";
const ABSTAIN: &str = "operators abstain: no certificate, and no improvement for the request";
const SPLIT: &str = "operators disagree and abstain or vote against honest claims: no certificate";
const BLIND: &str = "rewards are paid for what is no improvement";

macro_rules! kinds {
    ($($kind:ident $code:literal $severity:ident $meaning:literal, $cost:expr, $remedy:literal;)*) => {
        /// What can be found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $meaning] $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Stable name.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$kind => Severity::$severity,)* }
            }

            /// What it is.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$kind => $meaning,)* }
            }

            /// What it costs.
            pub const fn cost(self) -> &'static str {
                match self { $(Self::$kind => $cost,)* }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$kind => $remedy,)* }
            }
        }
    };
}

kinds! {
    NotAComponent "not_a_component" Error "the file is not a WebAssembly component", BOND,
        "build it with `zarathustra evaluator build`";
    ImportForeign "import_foreign" Error "the program imports what operators do not offer", BOND,
        "import wasi:nn alone; `zarathustra evaluator build` leaves files, clocks and random numbers of the system out";
    ExportMissing "export_missing" Error "the program does not export `evaluate`", BOND,
        "export the function of the contract, as `zarathustra evaluator new` does";
    ExportType "export_type" Error "the program's `evaluate` has another type than the contract's", BOND,
        "write it for the contract that `zarathustra evaluator new` puts into a project";
    Refused "refused" Error "the worker refuses the program", BOND,
        "read the detail: it is what operators will see";
    Traps "traps" Error "the program traps", SOMETIMES,
        "look for the operation that fails on this seed; a division by zero or an index out of range, most often";
    MemoryExhausted "memory_exhausted" Error "the program wants more memory than its limit", SOMETIMES,
        "score in smaller batches, or raise limits.memory_bytes";
    FuelExhausted "fuel_exhausted" Error "the program uses up its fuel", SOMETIMES,
        "do less work per sample, take fewer samples, or raise limits.fuel";
    AnswersError "answers_error" Error "the program answers an error", SOMETIMES,
        "the detail is the program's own text";
    ScoreNotANumber "score_not_a_number" Error "a score is not a number", SOMETIMES,
        "look for 0/0, inf - inf and roots or logarithms of negative numbers in the score";
    ScoreCount "score_count" Error "the scores are more or fewer than the samples", SOMETIMES,
        "answer exactly one score for each sample";
    InputInvalid "input_invalid" Error "the program asks the model about a number that is not finite, or an index that its embeddings do not have", SOMETIMES,
        "bound what is drawn before the model is asked";
    FailsOnModel "fails_on_model" Error "the program fails on a model that is within the rules",
        "anyone who submits such parameters voids the evaluation and is compensated from the evaluator bond",
        "score whatever finite numbers the model answers: bound them before exp, log, ** and divisions";
    ParametersUnusable "parameters_unusable" Error "the model cannot be evaluated",
        "optimizers start from a baseline that scores the least",
        "name finite parameters that fit the architecture and the limits";
    StackExhausted "stack_exhausted" Error "the program uses up the worker's stack", ABSTAIN,
        "use less recursion";
    TimeExceeded "time_exceeded" Error "the evaluation takes longer than its limit", ABSTAIN,
        "do less work, or raise limits.wall_seconds";
    WorkerMemory "worker_memory" Error "the worker runs out of memory", ABSTAIN,
        "use a smaller model or smaller batches, or lower limits.memory_bytes to what operators can give";
    NotRepeatable "not_repeatable" Error "the same evaluation gives other scores the second time", SPLIT,
        "nothing but the seed may enter the scores; if the program imports wasi:nn alone, suspect this machine";
    DependsOnMachine "depends_on_machine" Error "scores differ beyond the tolerance under other settings of the machine", SPLIT,
        "make the score smooth in the model's answers, or raise the tolerance; thresholds and ties amplify last bits";
    DependsOnOrder "depends_on_order" Error "scores of a model depend on which of the two it is", SPLIT,
        "score a model by its answers alone";
    SeedIgnored "seed_ignored" Error "different seeds give the same scores",
        "the test data can be known before: optimizers learn them by heart and are paid for it",
        "draw all data from the whole seed";
    ModelNotAsked "model_not_asked" Error "the model is never asked", BLIND,
        "ask the model under test: load_by_name(\"model\")";
    SamplesRepeat "samples_repeat" Warning "samples repeat within a seed or between seeds",
        "a small pool of data can be learnt by heart, and repeated samples are not independent: the bound is too narrow",
        "draw every sample afresh from the seed, or alter what is drawn from a pool";
    ScoresConstant "scores_constant" Warning "every sample has the same score", BLIND,
        "look whether the score depends on the model's answer; a baseline that always fails looks the same";
    RowsUneven "rows_uneven" Warning "the rows are no multiple of the samples",
        "a champion with one row that is not finite loses all samples instead of one",
        "ask equally many rows for each sample, in the order of the samples";
    ScoreClipped "score_clipped" Warning "more than a twentieth of the scores lie outside the score range",
        "improvements beyond the ends of the range do not count",
        "widen score_range, which takes more samples, or let the score saturate on purpose";
    FuelHalf "fuel_half" Warning "the program uses more than half of its fuel",
        "a seed or model that takes twice the work voids the evaluation at the owner's cost",
        "raise limits.fuel to twice what is used";
    FuelScarce "fuel_scarce" Error "the program uses more than four fifths of its fuel",
        "a seed or model that takes a quarter more work voids the evaluation at the owner's cost",
        "raise limits.fuel to twice what is used";
    MemoryHalf "memory_half" Warning "the program uses more than half of its memory",
        "a seed or model that takes twice the memory voids the evaluation at the owner's cost",
        "raise limits.memory_bytes to twice what is used, or score in smaller batches";
    MemoryScarce "memory_scarce" Error "the program uses more than four fifths of its memory",
        "a seed or model that takes a quarter more memory voids the evaluation at the owner's cost",
        "raise limits.memory_bytes to twice what is used, or score in smaller batches";
    TimeHalf "time_half" Warning "the evaluation takes more than half of its time here",
        "operators on slower or busier machines abstain",
        "raise limits.wall_seconds, or do less work";
    TimeScarce "time_scarce" Error "the evaluation takes more than four fifths of its time here",
        "operators on slower or busier machines abstain: no certificate",
        "raise limits.wall_seconds, or do less work";
}
