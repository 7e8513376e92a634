//! Architectures of one operation.

use zarathustra_model::architecture::Architecture;

/// An input of this shape and type, which feeds an operation this often.
pub fn operation(shape: &str, dtype: &str, sources: usize, op: &str) -> Architecture {
    let inputs = vec![r#""x""#; sources].join(",");
    let text = format!(
        r#"{{"version":2,"inputs":[{{"name":"x","shape":{shape},"dtype":"{dtype}"}}],
            "nodes":[{{"name":"y","inputs":[{inputs}],{op}}}],"output":"y"}}"#
    );
    Architecture::from_json(text.as_bytes()).expect(op)
}
