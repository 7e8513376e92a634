//! Architectures and parameters, in our formats and in those of Keras.

use std::sync::LazyLock;

use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::cost::Cost;
use zarathustra_eval::parameters::{self, Parameters};
use zarathustra_eval::{keras, safetensors};

/// The architecture that parameters are read for.
static X_SQUARED: LazyLock<Architecture> = LazyLock::new(|| {
    let file = include_bytes!("../../../examples/x-squared/architecture.json");
    Architecture::from_json(file).expect("the example is valid")
});

pub fn architecture(bytes: &[u8]) {
    let Ok(architecture) = Architecture::from_json(bytes) else {
        return;
    };
    let text = architecture.to_json();
    let again = Architecture::from_json(text.as_bytes()).expect("what was written is read");
    assert_eq!(again, architecture);
    assert_eq!(again.to_json(), text);
    assert_eq!(Cost::of(&again), Cost::of(&architecture));
    // What engines rely on.
    let values = architecture.inputs().len();
    for (index, step) in architecture.steps().iter().enumerate() {
        assert!(step.inputs.iter().all(|value| *value < values + index));
        let parameters = architecture.parameters().len();
        assert!(step.parameters.iter().all(|index| *index < parameters));
    }
    assert!(architecture.output_value() < values + architecture.steps().len());
}

pub fn safetensors(bytes: &[u8]) {
    let Ok(tensors) = safetensors::read(bytes) else {
        return;
    };
    let file = safetensors::write(&tensors).expect("what was read can be written");
    assert_eq!(safetensors::read(&file).expect("what was written"), tensors);
    // The format's own library takes what we take and finds the same in it.
    let theirs = ::safetensors::SafeTensors::deserialize(bytes).expect("ours is no wider");
    assert_eq!(theirs.len(), tensors.len());
    for tensor in &tensors {
        let same = theirs.tensor(&tensor.name).expect("it has the same names");
        assert_eq!(same.data(), tensor.data);
        let shape = same.shape().iter().map(|size| *size as u64);
        assert!(shape.eq(tensor.shape.iter().copied()));
        assert_eq!(format!("{:?}", same.dtype()), format!("{:?}", tensor.dtype));
    }
}

pub fn parameters(bytes: &[u8]) {
    let Ok(read) = Parameters::from_safetensors(bytes, &X_SQUARED) else {
        return;
    };
    let file = read.to_safetensors().expect("what was read can be written");
    let again = Parameters::from_safetensors(&file, &X_SQUARED);
    assert_eq!(again.expect("what was written"), read);
    let tensors = parameters::read(bytes, &X_SQUARED).expect("read before");
    let finite =
        |tensor: &safetensors::TensorView<'_>| parameters::floats(tensor.data).all(f32::is_finite);
    assert!(tensors.iter().all(finite));
}

pub fn keras(bytes: &[u8]) {
    let Ok(architecture) = keras::import_architecture(bytes) else {
        return;
    };
    // What Keras can name, our format can hold.
    let text = architecture.to_json();
    let ours = Architecture::from_json(text.as_bytes()).expect("our form of it is read");
    assert_eq!(ours, architecture);
    let exported = keras::export_architecture(&architecture).expect("what came from Keras");
    let again = keras::import_architecture(exported.to_string().as_bytes());
    assert_eq!(again.expect("what was exported is imported"), architecture);
}

pub fn keras_weights(bytes: &[u8]) {
    let Ok(weights) = keras::import_weights(bytes, &X_SQUARED) else {
        return;
    };
    let file = weights.to_safetensors().expect("imported weights fit");
    let again = Parameters::from_safetensors(&file, &X_SQUARED);
    assert_eq!(again.expect("imported weights are finite"), weights);
}
