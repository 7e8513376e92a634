//! What all operations have in common.

/// An operation with its parameters, prepared once and computed for each row.
pub trait Kernel: Send + Sync {
    /// The result for one row. Inputs have the shapes for which the kernel was made.
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32>;
}

/// Dimensions as sizes in memory.
pub fn sizes(shape: &[u64]) -> Vec<usize> {
    shape.iter().map(|size| *size as usize).collect()
}

/// How far apart neighbours are along each dimension of a tensor in row-major order.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for dim in (1..shape.len()).rev() {
        strides[dim - 1] = strides[dim] * shape[dim];
    }
    strides
}

/// Offsets of all elements of a shape in row-major order, under strides that need not be those of
/// row-major order.
pub struct Offsets<'a> {
    shape: &'a [usize],
    strides: &'a [usize],
    index: Vec<usize>,
    offset: usize,
    left: usize,
}

impl<'a> Offsets<'a> {
    /// Offsets of a tensor of this shape. There is a stride for each dimension.
    pub fn new(shape: &'a [usize], strides: &'a [usize]) -> Self {
        Self {
            shape,
            strides,
            index: vec![0; shape.len()],
            offset: 0,
            left: shape.iter().product(),
        }
    }
}

impl Iterator for Offsets<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.offset;
        for dim in (0..self.shape.len()).rev() {
            self.index[dim] += 1;
            self.offset += self.strides[dim];
            if self.index[dim] < self.shape[dim] {
                break;
            }
            self.offset -= self.shape[dim] * self.strides[dim];
            self.index[dim] = 0;
        }
        Some(offset)
    }

    // Whatever is collected from them has its size from the start.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_follow_the_strides() {
        assert_eq!(strides(&[2, 3, 4]), [12, 4, 1]);
        let all =
            |shape: &[usize], strides: &[usize]| Offsets::new(shape, strides).collect::<Vec<_>>();
        let expected: Vec<usize> = (0..24).collect();
        assert_eq!(expected, all(&[2, 3, 4], &[12, 4, 1]));
        // Transposed, and repeated.
        assert_eq!(vec![0, 3, 1, 4, 2, 5], all(&[3, 2], &[1, 3]));
        assert_eq!(vec![0, 0, 1, 1], all(&[2, 2], &[1, 0]));
        assert_eq!(vec![0], all(&[], &[]));
    }
}
