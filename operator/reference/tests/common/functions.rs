//! Every activation of single elements that has no parameters.

pub const FUNCTIONS: [&str; 15] = [
    r#""op":"relu""#,
    r#""op":"relu6""#,
    r#""op":"leaky_relu","negative_slope":0.01"#,
    r#""op":"elu","alpha":1.0"#,
    r#""op":"selu""#,
    r#""op":"gelu","approximate":false"#,
    r#""op":"gelu","approximate":true"#,
    r#""op":"silu""#,
    r#""op":"mish""#,
    r#""op":"sigmoid""#,
    r#""op":"hard_sigmoid""#,
    r#""op":"hard_silu""#,
    r#""op":"tanh""#,
    r#""op":"softplus""#,
    r#""op":"softsign""#,
];
