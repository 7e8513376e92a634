//! Import and export of Keras `Sequential` models as JSON: dense layers and activations, without
//! Python. The package in `python/` imports all other models.
//!
//! Taken is what `model.to_json()` of Keras 2 and 3 and the tools around TensorFlow.js write: the
//! topology as an object, under `modelTopology` or `model_config`, or as a JSON string that holds
//! JSON; the weights as a JSON list of nested arrays in the order of the layers, each kernel
//! `[inputs][units]` before its bias.

use serde_json::{Map, Value, json};

use crate::architecture::{Architecture, ArchitectureError, Input, InputType, Node, Op};
use crate::parameters::{Parameters, ParametersError};

/// Largest topology that is read.
pub const MAX_TOPOLOGY_BYTES: usize = 4 << 20;
/// Largest weights file that is read.
pub const MAX_WEIGHTS_BYTES: usize = 1 << 30;

/// How often JSON may be a string that holds JSON.
const MAX_ENCODINGS: usize = 2;

/// Why a Keras model is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KerasError {
    /// A file is larger than is read.
    #[error("{what} of {bytes} bytes is larger than {limit}")]
    TooLong {
        /// Topology or weights.
        what: &'static str,
        /// Size of the file.
        bytes: usize,
        /// Largest size that is read.
        limit: usize,
    },
    /// A file is not JSON.
    #[error("read {what}: {detail}")]
    Json {
        /// Topology or weights.
        what: &'static str,
        /// What the parser says.
        detail: String,
    },
    /// The topology lacks a field, or the field has a form that is not understood.
    #[error("{place}: {field} has to be {expected}")]
    Field {
        /// The model or a layer.
        place: String,
        /// The field.
        field: &'static str,
        /// What is understood.
        expected: &'static str,
    },
    /// A layer or activation has no counterpart here.
    #[error("{place}: {what} is not supported")]
    Unsupported {
        /// The layer.
        place: String,
        /// What it asks for.
        what: String,
    },
    /// The model is no valid architecture of ours.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The weights are not those of the model.
    #[error("weights: array {index} {problem}")]
    Weights {
        /// Which array, from 0.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The weights do not fit the architecture.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
}

impl KerasError {
    /// Stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "keras_too_long",
            Self::Json { .. } => "keras_json",
            Self::Field { .. } => "keras_field",
            Self::Unsupported { .. } => "keras_unsupported",
            Self::Architecture(error) => error.code(),
            Self::Weights { .. } => "keras_weights",
            Self::Parameters(error) => error.code(),
        }
    }
}

/// Reads the topology of a `Sequential` model.
///
/// Layers that do nothing when a model answers (dropout) are left out; an activation becomes a
/// node of its own, named after its layer.
///
/// # Errors
/// When the bytes are not such a model or use what has no counterpart.
pub fn import_architecture(topology: &[u8]) -> Result<Architecture, KerasError> {
    let mut model = parse("topology", topology, MAX_TOPOLOGY_BYTES)?;
    for wrapper in ["modelTopology", "model_config"] {
        if let Some(inner) = model.get_mut(wrapper) {
            model = decode_text("topology", inner.take())?;
        }
    }
    let field = |field, expected| KerasError::Field {
        place: "model".to_owned(),
        field,
        expected,
    };
    if model.get("class_name").and_then(Value::as_str) != Some("Sequential") {
        return Err(field("class_name", "\"Sequential\""));
    }
    // Keras before 2.2.3 wrote the layers as the config itself.
    let config = model.get("config");
    let layers = config
        .and_then(|config| config.get("layers").or(Some(config)))
        .and_then(Value::as_array)
        .ok_or_else(|| field("config.layers", "a list of layers"))?;

    let mut import = Import::default();
    for (index, layer) in layers.iter().enumerate() {
        import.layer(index, layer)?;
    }
    let shape = import
        .input
        .ok_or_else(|| field("input shape", "given by the first layer"))?;
    let input = Input {
        name: INPUT.to_owned(),
        shape,
        dtype: InputType::F32,
    };
    let output = import.last;
    Ok(Architecture::new(vec![input], import.nodes, &output)?)
}

/// Reads the weights of a model whose topology was imported.
///
/// # Errors
/// When the bytes are not the list of arrays that the architecture implies.
pub fn import_weights(
    weights: &[u8],
    architecture: &Architecture,
) -> Result<Parameters, KerasError> {
    let weights = parse("weights", weights, MAX_WEIGHTS_BYTES)?;
    let Value::Array(arrays) = weights else {
        return Err(KerasError::Weights {
            index: 0,
            problem: "is no list of arrays".to_owned(),
        });
    };
    let specs = architecture.parameters();
    if arrays.len() != specs.len() {
        let problem = format!(
            "is wrong: {} arrays, expected {}",
            arrays.len(),
            specs.len()
        );
        return Err(KerasError::Weights {
            index: arrays.len().min(specs.len()),
            problem,
        });
    }
    let mut values = Vec::with_capacity(specs.len());
    for (index, (spec, array)) in specs.iter().zip(&arrays).enumerate() {
        let mut shape = spec.shape.clone();
        shape.reverse();
        let mut flat = Vec::new();
        flatten(array, &shape, &mut flat).map_err(|problem| KerasError::Weights {
            index,
            problem: format!("({:?}, expected shape {shape:?}) {problem}", spec.name),
        })?;
        values.push(match *spec.shape.as_slice() {
            [rows, columns] => transpose(&flat, columns as usize, rows as usize),
            _ => flat,
        });
    }
    Ok(Parameters::new(architecture, values)?)
}

/// Writes an architecture as the topology of a `Sequential` model.
///
/// # Errors
/// When an operation has no counterpart in Keras.
pub fn export_architecture(architecture: &Architecture) -> Result<Value, KerasError> {
    let mut layers = Vec::with_capacity(architecture.nodes().len());
    let [input] = architecture.inputs() else {
        return Err(KerasError::Unsupported {
            place: "the model".to_owned(),
            what: "more than one input".to_owned(),
        });
    };
    let mut last = &input.name;
    for (index, node) in architecture.nodes().iter().enumerate() {
        let unsupported = |what| KerasError::Unsupported {
            place: format!("node {:?}", node.name),
            what,
        };
        if node.inputs != [last.as_str()] {
            return Err(unsupported(
                "an input other than the node before".to_owned(),
            ));
        }
        last = &node.name;
        let rank = architecture.shape_of(index).len() as u64;
        let (class, mut config) = export_op(&node.op, rank)
            .ok_or_else(|| unsupported(format!("operation {}", node.op.name())))?;
        config.insert("name".to_owned(), node.name.as_str().into());
        config.insert("dtype".to_owned(), "float32".into());
        if index == 0 {
            let dimensions = input.shape.iter().map(|d| json!(d));
            let shape: Vec<_> = std::iter::once(Value::Null).chain(dimensions).collect();
            config.insert("batch_input_shape".to_owned(), shape.into());
        }
        layers.push(json!({"class_name": class, "config": config}));
    }
    Ok(json!({
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": layers},
        "keras_version": "2.15.0",
        "backend": "tensorflow",
    }))
}

/// Writes parameters as a list of arrays in the order of the layers.
pub fn export_weights(parameters: &Parameters) -> Value {
    parameters
        .iter()
        .map(|(_, shape, values)| match *shape {
            [rows, columns] => {
                let (rows, columns) = (rows as usize, columns as usize);
                transpose(values, rows, columns)
                    .chunks(rows)
                    .map(|row| json!(row))
                    .collect()
            }
            _ => json!(values),
        })
        .collect()
}

const INPUT: &str = "input";

fn parse(what: &'static str, bytes: &[u8], limit: usize) -> Result<Value, KerasError> {
    if bytes.len() > limit {
        return Err(KerasError::TooLong {
            what,
            bytes: bytes.len(),
            limit,
        });
    }
    let value = serde_json::from_slice(bytes).map_err(|error| json_error(what, &error))?;
    decode_text(what, value)
}

/// Undoes the encoding of JSON as a string.
fn decode_text(what: &'static str, mut value: Value) -> Result<Value, KerasError> {
    for _ in 0..MAX_ENCODINGS {
        match value {
            Value::String(text) => {
                value = serde_json::from_str(&text).map_err(|error| json_error(what, &error))?;
            }
            _ => break,
        }
    }
    Ok(value)
}

fn json_error(what: &'static str, error: &serde_json::Error) -> KerasError {
    KerasError::Json {
        what,
        detail: crate::text::brief(&error.to_string()),
    }
}

/// The model as far as its layers were read.
struct Import {
    nodes: Vec<Node>,
    input: Option<Vec<u64>>,
    /// Shape behind the last node, as far as it is known.
    shape: Vec<u64>,
    last: String,
}

impl Default for Import {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            input: None,
            shape: Vec::new(),
            last: INPUT.to_owned(),
        }
    }
}

impl Import {
    fn layer(&mut self, index: usize, layer: &Value) -> Result<(), KerasError> {
        let class = layer
            .get("class_name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let empty = Map::new();
        let config = layer
            .get("config")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let name = config.get("name").and_then(Value::as_str);
        let name = name.map_or_else(|| format!("layer_{index}"), ToOwned::to_owned);
        let layer = Layer {
            place: format!("layer {index} ({})", crate::text::brief(class)),
            config,
            built: layer
                .get("build_config")
                .and_then(|built| built.get("input_shape")),
        };
        layer.check_dtype()?;
        if self.input.is_none() {
            self.input = layer.input_shape()?;
            self.shape = self.input.clone().unwrap_or_default();
        }
        let last_dim = (self.shape.len() as u64).saturating_sub(1);
        match class {
            "InputLayer"
            | "Dropout"
            | "GaussianNoise"
            | "GaussianDropout"
            | "AlphaDropout"
            | "ActivityRegularization" => Ok(()),
            "Dense" => {
                let units = layer.whole("units")?;
                let bias = layer.flag("use_bias", true)?;
                self.push(name.clone(), Op::Linear { units, bias });
                if let Some(last) = self.shape.last_mut() {
                    *last = units;
                }
                self.activation(&name, &layer)
            }
            "Activation" => {
                if let Some(op) = layer.activation(last_dim)? {
                    self.push(name, op);
                }
                Ok(())
            }
            "Flatten" => {
                let product = self.shape.iter().try_fold(1_u64, |p, d| p.checked_mul(*d));
                self.shape = vec![product.unwrap_or(u64::MAX)];
                let shape = self.shape.clone();
                self.push(name, Op::Reshape { shape });
                Ok(())
            }
            "ReLU" => {
                if !layer.is_default("max_value", None) || !layer.is_default("threshold", Some(0.0))
                {
                    return Err(layer.unsupported("a maximum or threshold"));
                }
                match layer.number("negative_slope", 0.0)? {
                    0.0 => self.push(name, Op::Relu {}),
                    negative_slope => self.push(name, Op::LeakyRelu { negative_slope }),
                }
                Ok(())
            }
            "LeakyReLU" => {
                // Keras 3 renamed the attribute; the default stayed.
                let slope = layer.number("alpha", 0.3)?;
                let negative_slope = layer.number("negative_slope", slope)?;
                self.push(name, Op::LeakyRelu { negative_slope });
                Ok(())
            }
            "ELU" => {
                self.push(
                    name,
                    Op::Elu {
                        alpha: layer.number("alpha", 1.0)?,
                    },
                );
                Ok(())
            }
            "Softmax" => {
                if !layer.is_default("axis", Some(-1.0)) {
                    return Err(layer.unsupported("an axis other than the last"));
                }
                self.push(name, Op::Softmax { dim: last_dim });
                Ok(())
            }
            _ => Err(layer.unsupported("the layer")),
        }
    }

    fn activation(&mut self, name: &str, layer: &Layer<'_>) -> Result<(), KerasError> {
        let last_dim = (self.shape.len() as u64).saturating_sub(1);
        if let Some(op) = layer.activation(last_dim)? {
            self.push(format!("{name}_{}", op.name()), op);
        }
        Ok(())
    }

    fn push(&mut self, name: String, op: Op) {
        let source = std::mem::replace(&mut self.last, name.clone());
        self.nodes.push(Node {
            name,
            inputs: vec![source],
            op,
        });
    }
}

/// The config of a layer, and what to call it in a message.
struct Layer<'a> {
    place: String,
    config: &'a Map<String, Value>,
    /// The input shape that Keras 3 notes when a model was built.
    built: Option<&'a Value>,
}

impl Layer<'_> {
    fn field(&self, field: &'static str, expected: &'static str) -> KerasError {
        KerasError::Field {
            place: self.place.clone(),
            field,
            expected,
        }
    }

    fn unsupported(&self, what: &str) -> KerasError {
        KerasError::Unsupported {
            place: self.place.clone(),
            what: what.to_owned(),
        }
    }

    /// A field, unless it is absent or null.
    fn get(&self, field: &str) -> Option<&Value> {
        self.config.get(field).filter(|value| !value.is_null())
    }

    fn whole(&self, field: &'static str) -> Result<u64, KerasError> {
        self.get(field)
            .and_then(Value::as_u64)
            .ok_or_else(|| self.field(field, "a positive integer"))
    }

    fn flag(&self, field: &'static str, default: bool) -> Result<bool, KerasError> {
        self.get(field).map_or(Ok(default), |value| {
            value
                .as_bool()
                .ok_or_else(|| self.field(field, "true or false"))
        })
    }

    fn number(&self, field: &'static str, default: f32) -> Result<f32, KerasError> {
        self.get(field).map_or(Ok(default), |value| {
            value
                .as_f64()
                .map(|number| number as f32)
                .filter(|number| number.is_finite())
                .ok_or_else(|| self.field(field, "a number"))
        })
    }

    fn is_default(&self, field: &str, default: Option<f64>) -> bool {
        self.get(field)
            .is_none_or(|value| value.as_f64() == default && default.is_some())
    }

    fn check_dtype(&self) -> Result<(), KerasError> {
        let name = match self.get("dtype") {
            None => return Ok(()),
            // Keras 3 writes a dtype policy.
            Some(Value::Object(policy)) => policy.get("config").and_then(|c| c.get("name")),
            Some(value) => Some(value),
        };
        match name.and_then(Value::as_str) {
            Some("float32") => Ok(()),
            _ => Err(self.field("dtype", "\"float32\"")),
        }
    }

    /// Dimensions of the input for one sample, where the layer states them.
    fn input_shape(&self) -> Result<Option<Vec<u64>>, KerasError> {
        let stated = self.get("batch_input_shape").or(self.get("batch_shape"));
        let Some(shape) = stated.or(self.built) else {
            return Ok(None);
        };
        let dimensions = shape
            .as_array()
            .and_then(|shape| shape.split_first())
            .and_then(|(_, dimensions)| dimensions.iter().map(Value::as_u64).collect());
        match dimensions {
            Some(dimensions) => Ok(Some(dimensions)),
            None => Err(self.field("input shape", "null for the rows and then integers")),
        }
    }

    fn activation(&self, last_dim: u64) -> Result<Option<Op>, KerasError> {
        let Some(value) = self.get("activation") else {
            return Ok(None);
        };
        Ok(Some(match value.as_str().unwrap_or_default() {
            "linear" => return Ok(None),
            "relu" => Op::Relu {},
            "elu" => Op::Elu { alpha: 1.0 },
            "selu" => Op::Selu {},
            "gelu" => Op::Gelu { approximate: false },
            "swish" | "silu" => Op::Silu {},
            "sigmoid" => Op::Sigmoid {},
            "tanh" => Op::Tanh {},
            "softplus" => Op::Softplus {},
            "softsign" => Op::Softsign {},
            "softmax" => Op::Softmax { dim: last_dim },
            _ => {
                let what = format!("activation {}", crate::text::brief(&value.to_string()));
                return Err(self.unsupported(&what));
            }
        }))
    }
}

/// Class and config of an operation's layer; none where Keras' JSON has no word for it.
fn export_op(op: &Op, rank: u64) -> Option<(&'static str, Map<String, Value>)> {
    let layer = |class, fields: &[(&str, Value)]| {
        let fields = fields
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()));
        Some((class, fields.collect()))
    };
    let activation = |name: &str| layer("Activation", &[("activation", name.into())]);
    match op {
        Op::Linear { units, bias } => layer(
            "Dense",
            &[
                ("units", json!(units)),
                ("activation", "linear".into()),
                ("use_bias", json!(bias)),
            ],
        ),
        Op::Reshape { shape } if shape.len() == 1 => layer("Flatten", &[]),
        Op::LeakyRelu { negative_slope } => layer("LeakyReLU", &[("alpha", json!(negative_slope))]),
        Op::Elu { alpha } => layer("ELU", &[("alpha", json!(alpha))]),
        Op::Softmax { dim } if dim + 1 == rank => activation("softmax"),
        Op::Gelu { approximate: false } => activation("gelu"),
        Op::Silu {} => activation("swish"),
        Op::Relu {} => activation("relu"),
        Op::Selu {} => activation("selu"),
        Op::Sigmoid {} => activation("sigmoid"),
        Op::Tanh {} => activation("tanh"),
        Op::Softplus {} => activation("softplus"),
        Op::Softsign {} => activation("softsign"),
        _ => None,
    }
}

/// Appends the numbers of nested arrays of exactly this shape.
fn flatten(value: &Value, shape: &[u64], flat: &mut Vec<f32>) -> Result<(), String> {
    let Some((dimension, inner)) = shape.split_first() else {
        let number = value.as_f64().map(|number| number as f32);
        let number = number.filter(|number| number.is_finite());
        flat.push(number.ok_or("holds something other than 32-bit floats")?);
        return Ok(());
    };
    let elements = value.as_array().ok_or("has too few dimensions")?;
    if elements.len() as u64 != *dimension {
        return Err(format!(
            "has {} elements where {dimension} are expected",
            elements.len()
        ));
    }
    elements
        .iter()
        .try_for_each(|element| flatten(element, inner, flat))
}

/// Turns a row-major matrix of `rows` by `columns` around.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| values[row * columns + column]))
        .collect()
}

#[cfg(test)]
mod tests;
