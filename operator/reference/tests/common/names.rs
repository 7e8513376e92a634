//! The names of operations.

use std::collections::BTreeSet;

/// The names of all operations, from the published schema.
pub fn operations() -> BTreeSet<String> {
    let schema = zarathustra_model::schema::architecture();
    let nodes = schema["properties"]["nodes"]["items"]["oneOf"].as_array();
    let nodes = nodes.expect("the schema lists the operations").iter();
    nodes
        .map(|node| node["properties"]["op"]["const"].as_str())
        .map(|name| name.expect("an operation has a name").to_owned())
        .collect()
}
