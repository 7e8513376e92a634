//! What can be said of a component without running it.

use eyre::Result;
use wasmparser::{
    Encoding, Parser, Payload, PrimitiveValType, Validator, WasmFeatures,
    component_types::{
        ComponentDefinedType, ComponentEntityType, ComponentFuncType, ComponentValType,
    },
    types::Types,
};

use super::finding::{Finding, Kind};
use crate::errors::refusal;

/// What a program may import.
const IMPORTS: [&str; 4] = [
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
    "wasi:nn/graph@0.2.0-rc-2024-10-28",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:nn/errors@0.2.0-rc-2024-10-28",
];
/// What a program exports.
const EXPORT: &str = "evaluate";

/// What is wrong with a component.
pub fn findings(bytes: &[u8]) -> Vec<Finding> {
    let imports = match imports(bytes) {
        Ok(imports) => imports,
        Err(detail) => return vec![Finding::new(Kind::NotAComponent, detail)],
    };
    let types = match Validator::new_with_features(WasmFeatures::default()).validate_all(bytes) {
        Ok(types) => types,
        Err(error) => return vec![Finding::new(Kind::NotAComponent, error.to_string())],
    };
    let foreign = imports
        .iter()
        .filter(|name| !IMPORTS.contains(&name.as_str()))
        .map(|name| Finding::new(Kind::ImportForeign, name.clone()));
    foreign.chain(export(&types)).collect()
}

/// Refuses a component that operators would refuse unseen.
pub fn require(bytes: &[u8]) -> Result<()> {
    match findings(bytes).as_slice() {
        [] => Ok(()),
        all @ [first, ..] => {
            let details: Vec<_> = all.iter().map(|finding| finding.detail.as_str()).collect();
            Err(refusal(
                first.kind.code(),
                format!("{}: {}", first.kind.meaning(), details.join(", ")),
                first.kind.remedy(),
            ))
        }
    }
}

/// Names of a component's imports, or why the bytes are no component.
fn imports(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut depth = 0_u32;
    let parser = Parser::new(0);
    for payload in parser.parse_all(bytes) {
        match payload.map_err(|error| error.to_string())? {
            Payload::Version { encoding, .. } if depth == 0 => {
                if encoding != Encoding::Component {
                    return Err("a core module, not a component".to_owned());
                }
                depth = 1;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(|error| error.to_string())?;
                    names.push(import.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn export(types: &Types) -> Option<Finding> {
    let Some(export) = types.component_item_for_export(EXPORT) else {
        return Some(Finding::new(
            Kind::ExportMissing,
            format!("no export named {EXPORT}"),
        ));
    };
    let fits = match export.ty {
        ComponentEntityType::Func(id) => is_evaluate(&types[id], types),
        _ => false,
    };
    let expected =
        "evaluate is not func(seed: list<u8>, samples: u32) -> result<list<f64>, string>";
    (!fits).then(|| Finding::new(Kind::ExportType, expected.to_owned()))
}

fn is_evaluate(function: &ComponentFuncType, types: &Types) -> bool {
    let [(_, seed), (_, samples)] = &*function.params else {
        return false;
    };
    let scores = function.result.as_ref().and_then(|result| match result {
        ComponentValType::Type(id) => match &types[*id] {
            ComponentDefinedType::Result {
                ok: Some(ok),
                err: Some(err),
                ..
            } => Some((ok, err)),
            _ => None,
        },
        ComponentValType::Primitive(_) => None,
    });
    !function.async_
        && is_list(seed, PrimitiveValType::U8, types)
        && is(samples, PrimitiveValType::U32, types)
        && scores.is_some_and(|(ok, err)| {
            is_list(ok, PrimitiveValType::F64, types) && is(err, PrimitiveValType::String, types)
        })
}

fn is(value: &ComponentValType, primitive: PrimitiveValType, types: &Types) -> bool {
    match value {
        ComponentValType::Primitive(found) => *found == primitive,
        ComponentValType::Type(id) => {
            matches!(&types[*id], ComponentDefinedType::Primitive(found) if *found == primitive)
        }
    }
}

fn is_list(value: &ComponentValType, primitive: PrimitiveValType, types: &Types) -> bool {
    match value {
        ComponentValType::Type(id) => matches!(
            &types[*id],
            ComponentDefinedType::List { element, .. } if is(element, primitive, types)
        ),
        ComponentValType::Primitive(_) => false,
    }
}
