//! The JSON Schema of architecture files, as it is published in `docs/reference`.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::architecture::{Input, MAX_INPUTS, MAX_NODES, Op, VERSION};

const ABOUT: &str = "A graph of named nodes, in the order in which they are computed. Shapes are \
    those of one row; rows come in front of them and are never named. Rules beyond this schema \
    (shapes that fit, names that are defined before they are used, every value used, attributes in \
    range) are checked when the file is read.";
const NAME: &str = "^[A-Za-z0-9_.-]{1,128}$";

/// The schema, a JSON document of draft 2020-12.
pub fn architecture() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let input = generator.subschema_for::<Input>();
    let node = node(&mut generator);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Architecture of a model",
        "description": ABOUT,
        "type": "object",
        "additionalProperties": false,
        "required": ["version", "inputs", "nodes", "output"],
        "properties": {
            "version": { "const": VERSION, "description": "Version of the format." },
            "inputs": {
                "description": "What the model is fed.",
                "type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": input,
            },
            "nodes": {
                "description": "The steps of the computation.",
                "type": "array", "minItems": 1, "maxItems": MAX_NODES, "items": node,
            },
            "output": { "description": "The node whose result is the answer.", "type": "string", "pattern": NAME },
        },
    });
    schema["$defs"] = Value::Object(generator.take_definitions(true));
    schema
}

/// The schema of a node: that of each operation, with the fields that all nodes have.
fn node(generator: &mut SchemaGenerator) -> Value {
    let schema: Schema = <Op as schemars::JsonSchema>::json_schema(generator);
    let operations = schema.get("oneOf").and_then(Value::as_array);
    let operations: Vec<_> = operations
        .into_iter()
        .flatten()
        .map(|operation| with_common_fields(operation, generator.definitions()))
        .collect();
    json!({ "oneOf": operations })
}

/// An operation that refers to the definition of its attributes is written out, since a closed
/// object cannot be extended from outside.
fn with_common_fields(operation: &Value, definitions: &Map<String, Value>) -> Value {
    let mut object = operation.as_object().cloned().unwrap_or_default();
    if let Some(Value::String(reference)) = object.remove("$ref") {
        let name = reference.rsplit('/').next().unwrap_or_default();
        for (key, value) in definitions
            .get(name)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            match (object.get_mut(key), value) {
                (Some(Value::Object(own)), Value::Object(theirs)) => own.extend(theirs.clone()),
                (Some(Value::Array(own)), Value::Array(theirs)) => own.extend(theirs.clone()),
                (Some(Value::String(own)), Value::String(theirs)) if key == "description" => {
                    *own = format!("{own} {theirs}");
                }
                (Some(_), _) => {}
                (None, value) => drop(object.insert(key.clone(), value.clone())),
            }
        }
    }
    let mut properties = Map::from_iter([
        (
            "name".to_owned(),
            json!({ "description": "Unique name; also the prefix of its parameters' names.",
                "type": "string", "pattern": NAME }),
        ),
        (
            "inputs".to_owned(),
            json!({ "description": "Names of what feeds it: earlier nodes or the model's inputs.",
                "type": "array", "minItems": 1, "items": { "type": "string", "pattern": NAME } }),
        ),
    ]);
    if let Some(Value::Object(own)) = object.remove("properties") {
        properties.extend(own);
    }
    let mut required = vec![json!("name"), json!("inputs")];
    if let Some(Value::Array(own)) = object.remove("required") {
        required.extend(own);
    }
    object.insert("properties".to_owned(), properties.into());
    object.insert("required".to_owned(), required.into());
    object.insert("additionalProperties".to_owned(), false.into());
    object.into()
}
