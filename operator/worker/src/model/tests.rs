use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::environment::BATCH_ROWS;
use zarathustra_eval::parameters;

use super::*;

mod pytorch;

fn architecture(input: &str, nodes: &[(&str, &str)]) -> Architecture {
    let mut source = "input".to_owned();
    let mut list = Vec::new();
    for (index, (op, more)) in nodes.iter().enumerate() {
        let name = format!("n{index}");
        list.push(format!(
            r#"{{"name":"{name}","op":"{op}","inputs":["{source}"]{more}}}"#
        ));
        source = name;
    }
    let text = format!(
        r#"{{"version":2,"inputs":[{{"name":"input","shape":{input},"dtype":"f32"}}],"nodes":[{}],"output":"{source}"}}"#,
        list.join(",")
    );
    Architecture::from_json(text.as_bytes()).expect("valid")
}

/// A model of one input, in libtorch.
struct Floats(Model);

impl Floats {
    fn forward(&self, input: &[f32]) -> Result<Vec<f32>, EngineError> {
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
        let rows = bytes.len() / self.0.inputs()[0].row_bytes as usize;
        let answers = self.0.forward(&[&bytes], rows)?;
        Ok(parameters::floats(&answers).collect())
    }
}

fn model(architecture: &Architecture, values: Vec<Vec<f32>>) -> Floats {
    let bytes = parameters::Parameters::new(architecture, values)
        .and_then(|parameters| Ok(parameters.to_safetensors()?))
        .expect("a file");
    let tensors = parameters::read(&bytes, architecture).expect("valid");
    let model = Model::new(architecture, &tensors, Engine::Libtorch, Device::Cpu);
    Floats(model.expect("libtorch"))
}

#[test]
fn dense_layers_multiply_rows_with_the_weight_of_each_unit() {
    let architecture = architecture("[2]", &[("linear", r#","units":3,"bias":true"#)]);
    let model = model(
        &architecture,
        vec![vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![0.5, 0.0, -1.0]],
    );
    let answers = model.forward(&[1.0, 1.0, 2.0, -1.0]).expect("computed");
    assert_eq!(answers, [3.5, 7.0, 10.0, 0.5, 2.0, 3.0]);
    assert_eq!(model.0.output_shape(), [3]);
    assert!(model.forward(&[]).expect("nothing").is_empty());
}

#[test]
fn dense_acts_on_the_last_dimension_and_flatten_keeps_the_order() {
    let architecture = architecture(
        "[2,2]",
        &[
            ("linear", r#","units":1,"bias":false"#),
            ("reshape", r#","shape":[2]"#),
        ],
    );
    let model = model(&architecture, vec![vec![10.0, 1.0]]);
    let answers = model
        .forward(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
        .expect("computed");
    assert_eq!(answers, [12.0, 34.0, 56.0, 78.0]);
}

/// Each activation against its definition, in double precision.
#[test]
fn activations_are_what_their_names_say() {
    let erf_half = 0.520_499_877_813_046_5; // erf(0.5), Abramowitz and Stegun table 7.1
    let x = std::f64::consts::FRAC_1_SQRT_2; // so that x / sqrt(2) is one half
    let phi = (1.0 + erf_half) / 2.0;
    let tanh_gelu = |x: f64| {
        let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
        0.5 * x * (1.0 + inner.tanh())
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (scale, alpha) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
    let cases: [(&str, &str, [f64; 2]); 13] = [
        ("relu", "", [x, 0.0]),
        ("leaky_relu", r#","negative_slope":0.25"#, [x, -x / 4.0]),
        ("leaky_relu", r#","negative_slope":3.0"#, [x, -3.0 * x]),
        ("elu", r#","alpha":0.5"#, [x, 0.5 * (-x).exp_m1()]),
        ("selu", "", [scale * x, scale * alpha * (-x).exp_m1()]),
        (
            "gelu",
            r#","approximate":false"#,
            [x * phi, -x * (1.0 - phi)],
        ),
        (
            "gelu",
            r#","approximate":true"#,
            [tanh_gelu(x), tanh_gelu(-x)],
        ),
        ("silu", "", [x * sigmoid(x), -x * sigmoid(-x)]),
        ("sigmoid", "", [sigmoid(x), sigmoid(-x)]),
        ("tanh", "", [x.tanh(), -x.tanh()]),
        ("softplus", "", [x.exp().ln_1p(), (-x).exp().ln_1p()]),
        ("softsign", "", [x / (1.0 + x), -x / (1.0 + x)]),
        (
            "softmax",
            r#","dim":0"#,
            [sigmoid(2.0 * x), sigmoid(-2.0 * x)],
        ),
    ];
    for (op, more, expected) in cases {
        let model = model(&architecture("[2]", &[(op, more)]), vec![]);
        let answers = model.forward(&[x as f32, -x as f32]).expect("computed");
        for (answer, expected) in answers.into_iter().zip(expected) {
            assert!(
                (f64::from(answer) - expected).abs() < 1e-6,
                "{op}: {answer}, not {expected}"
            );
        }
    }
}

#[test]
fn elu_does_not_overflow_where_it_is_the_identity() {
    let model = model(&architecture("[1]", &[("elu", r#","alpha":1.0"#)]), vec![]);
    assert_eq!(
        model.forward(&[1000.0, 1e30]).expect("computed"),
        [1000.0, 1e30]
    );
}

#[test]
fn many_rows_are_computed_in_steps() {
    let model = model(
        &architecture("[1]", &[("linear", r#","units":1,"bias":true"#)]),
        vec![vec![2.0], vec![1.0]],
    );
    let rows = 3 * BATCH_ROWS + 17;
    let input: Vec<f32> = (0..rows).map(|row| row as f32).collect();
    let answers = model.forward(&input).expect("computed");
    assert!(
        answers
            .iter()
            .zip(input)
            .all(|(answer, x)| *answer == 2.0 * x + 1.0)
    );
    assert_eq!(answers.len(), rows);
}

/// Large enough for the way through oneDNN; sums in double precision are the measure.
#[test]
fn wide_layers_multiply_like_narrow_ones() {
    let (features, units) = (96_usize, 80_usize);
    let more = format!(r#","units":{units},"bias":true"#);
    let architecture = architecture(&format!("[3,{features}]"), &[("linear", &more)]);
    let value = |index: usize| (index * 37 % 101) as f32 / 101.0 - 0.5;
    let weight: Vec<f32> = (0..units * features).map(value).collect();
    let bias: Vec<f32> = (0..units).map(value).collect();
    let input: Vec<f32> = (0..2 * 3 * features)
        .map(|index| value(index + 5))
        .collect();
    let model = model(&architecture, vec![weight.clone(), bias.clone()]);
    let answers = model.forward(&input).expect("computed");
    assert_eq!(answers.len(), 2 * 3 * units);
    for (answers, input) in answers.chunks(units).zip(input.chunks(features)) {
        let weights = weight.chunks(features).zip(&bias);
        for (answer, (weight, bias)) in answers.iter().zip(weights) {
            let products = weight
                .iter()
                .zip(input)
                .map(|(w, x)| f64::from(*w) * f64::from(*x));
            let expected = products.sum::<f64>() + f64::from(*bias);
            assert!(
                (f64::from(*answer) - expected).abs() < 1e-5,
                "{answer}, not {expected}"
            );
        }
    }
}

/// Activations write over their input; what else has its memory must not see it.
#[test]
fn what_shares_memory_is_not_written_over() {
    let node = |name: &str, op: &str, inputs: &str| {
        format!(r#"{{"name":"{name}","op":"{op}","inputs":[{inputs}]"#)
    };
    let nodes = [
        node("a", "scale", r#""input""#) + r#","factor":-1.0,"offset":0.0}"#,
        node("view", "reshape", r#""a""#) + r#","shape":[2,1]}"#,
        node("relu", "relu", r#""view""#) + "}",
        node("flat", "reshape", r#""relu""#) + r#","shape":[2]}"#,
        node("sum", "add", r#""a","flat""#) + "}",
        node("twice", "add", r#""sum","sum""#) + "}",
        node("part", "slice", r#""twice""#) + r#","dim":0,"start":0,"length":1}"#,
        node("negative", "scale", r#""part""#) + r#","factor":-1.0,"offset":0.0}"#,
        node("end", "concatenate", r#""twice","negative""#) + r#","dim":0}"#,
    ];
    let text = format!(
        r#"{{"version":2,"inputs":[{{"name":"input","shape":[2],"dtype":"f32"}}],"nodes":[{}],"output":"end"}}"#,
        nodes.join(",")
    );
    let architecture = Architecture::from_json(text.as_bytes()).expect("valid");
    let answers = model(&architecture, vec![]).forward(&[3.0, -5.0]);
    // a = [-3, 5], relu = [0, 5], sum = [-3, 10], twice = [-6, 20].
    assert_eq!(answers.expect("computed"), [-6.0, 20.0, 6.0]);
}
