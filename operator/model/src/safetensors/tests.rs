use proptest::prelude::*;

use super::*;

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn refused(header: &str, data: &[u8], code: &str) {
    let error = read(&file(header, data)).expect_err(header);
    assert_eq!(error.code(), code, "{header}: {error}");
    assert!(error.to_string().len() < 1000);
}

#[test]
fn tensors_are_read_in_the_order_of_their_bytes() {
    let header = r#"{"__metadata__":{"made":"by hand"},
        "b":{"dtype":"F32","shape":[1,2],"data_offsets":[2,10]},
        "a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
        "empty":{"dtype":"F64","shape":[0,3],"data_offsets":[10,10]}}  "#
        .replace('\n', " ");
    let bytes = file(&header, &[1, 2, 0, 0, 128, 63, 0, 0, 0, 64]);
    let tensors = read(&bytes).expect("valid");
    let seen: Vec<_> = tensors
        .iter()
        .map(|t| (t.name.as_str(), t.elements(), t.data))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", 2, &[1, 2][..]),
            ("b", 2, &[0, 0, 128, 63, 0, 0, 0, 64][..]),
            ("empty", 0, &[][..])
        ]
    );
}

#[test]
fn hostile_headers_are_refused() {
    assert_eq!(
        read(&[]).expect_err("empty").code(),
        "safetensors_truncated"
    );
    assert_eq!(
        read(&[1, 0, 0]).expect_err("short").code(),
        "safetensors_truncated"
    );
    let huge = u64::MAX.to_le_bytes();
    assert_eq!(
        read(&huge).expect_err("huge").code(),
        "safetensors_header_too_large"
    );
    let beyond = 1000_u64.to_le_bytes();
    assert_eq!(
        read(&beyond).expect_err("beyond").code(),
        "safetensors_truncated"
    );
    refused("", b"", "safetensors_header");
    refused(" {}", b"", "safetensors_header");
    refused("[]", b"", "safetensors_header");
    refused("{}x", b"", "safetensors_header");
    refused(
        &format!("{{\"a\":{}", "[".repeat(100_000)),
        b"",
        "safetensors_header",
    );
    refused(r#"{"a":{"dtype":"F32"}}"#, b"", "safetensors_header");
    refused(
        r#"{"a":{"dtype":"F31","shape":[],"data_offsets":[0,4]}}"#,
        &[0; 4],
        "safetensors_header",
    );
    refused(
        r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        &[0; 4],
        "safetensors_header",
    );
    refused(
        r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"code":"x"}}"#,
        &[0],
        "safetensors_header",
    );
    let entry = r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#;
    refused(
        &format!(r#"{{"a":{entry},"a":{entry}}}"#),
        &[0],
        "safetensors_header",
    );
    refused(r#"{"__metadata__":{"a":1}}"#, b"", "safetensors_header");
}

#[test]
fn byte_ranges_have_to_cover_the_data_once() {
    let two = |first: &str, second: &str| {
        format!(
            r#"{{"a":{{"dtype":"U8","shape":[2],"data_offsets":{first}}},"b":{{"dtype":"U8","shape":[2],"data_offsets":{second}}}}}"#
        )
    };
    refused(&two("[0,2]", "[1,3]"), &[0; 4], "safetensors_range");
    refused(&two("[0,2]", "[0,2]"), &[0; 4], "safetensors_range");
    refused(&two("[0,2]", "[3,5]"), &[0; 5], "safetensors_range");
    refused(&two("[1,3]", "[3,5]"), &[0; 5], "safetensors_range");
    refused(&two("[0,2]", "[2,4]"), &[0; 3], "safetensors_range");
    refused(&two("[2,0]", "[2,4]"), &[0; 4], "safetensors_range");
    refused(
        &two("[0,2]", "[2,18446744073709551615]"),
        &[0; 4],
        "safetensors_range",
    );
    refused(&two("[0,2]", "[2,4]"), &[0; 5], "safetensors_trailing");
    refused(&two("[0,2]", "[2,3]"), &[0; 3], "safetensors_size");
    refused(
        r#"{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
        b"",
        "safetensors_size",
    );
}

#[test]
fn a_name_twice_is_not_written() {
    let tensor = TensorView {
        name: "a".to_owned(),
        dtype: Dtype::U8,
        shape: vec![1],
        data: &[7],
    };
    assert!(write(std::slice::from_ref(&tensor)).is_ok());
    assert!(write(&[tensor.clone(), tensor]).is_err());
}

prop_compose! {
    fn arbitrary_file()(
        sizes in prop::collection::vec((0_u64..4, 0_u64..4), 0..6),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) -> Vec<u8> {
        let data: Vec<u8> = (0..=255).cycle().take(4096).collect();
        let mut at = 0;
        let tensors: Vec<_> = sizes.iter().enumerate().map(|(index, (rows, columns))| {
            let end = at + (rows * columns * 4) as usize;
            let tensor = TensorView {
                name: format!("t{index}"),
                dtype: Dtype::F32,
                shape: vec![*rows, *columns],
                data: &data[at..end],
            };
            at = end;
            tensor
        }).collect();
        let mut bytes = write(&tensors).expect("valid");
        if let Some((index, byte)) = damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let bytes = if header { file(&String::from_utf8_lossy(&bytes), &bytes) } else { bytes };
        drop(read(&bytes));
    }

    #[test]
    fn what_we_take_the_published_reader_takes_alike(bytes in arbitrary_file()) {
        if let Ok(ours) = read(&bytes) {
            let theirs = ::safetensors::SafeTensors::deserialize(&bytes).expect("the crate takes it");
            prop_assert_eq!(theirs.len(), ours.len());
            for tensor in ours {
                let other = theirs.tensor(&tensor.name).expect("same names");
                prop_assert_eq!(other.data(), tensor.data);
                let shape: Vec<u64> = other.shape().iter().map(|d| *d as u64).collect();
                prop_assert_eq!(shape, tensor.shape);
            }
        }
    }

    #[test]
    fn what_the_published_writer_writes_we_take(values in prop::collection::vec(any::<u32>(), 1..40)) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = ::safetensors::tensor::TensorView::new(
            ::safetensors::Dtype::F32, vec![values.len()], &data,
        ).expect("view");
        let bytes = ::safetensors::serialize([("layer.weight", view)], None).expect("serialize");
        let ours = read(&bytes).expect("taken");
        prop_assert_eq!(ours.len(), 1);
        prop_assert_eq!(ours[0].data, data.as_slice());
        prop_assert_eq!(&ours[0].shape, &vec![values.len() as u64]);
    }
}
