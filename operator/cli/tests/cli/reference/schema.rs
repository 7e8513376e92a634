//! The published JSON Schema of architecture files is that of the code.

use super::check;

#[test]
fn the_schema_of_architectures_is_current() {
    let text = format!("{:#}\n", zarathustra_model::schema::architecture());
    check("architecture.schema.json", &text);
}
