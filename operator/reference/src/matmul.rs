//! Sums of products, the one kernel that all linear algebra goes through.
//!
//! Each output is its own sum in 64 bits, over `k` in ascending order from 0: exact products of
//! 32-bit floats, each addition rounded once. Outputs stand side by side, so that a compiler can
//! compute several at a time without touching the order in any of them. Which outputs are computed
//! together therefore cannot change a bit.

/// Outputs that are computed side by side.
pub const LANES: usize = 8;

/// Rows of `width` numbers, at least one, packed in panels of [`LANES`] rows: number `k` of all rows of a panel
/// stand together. Rows that are missing in the last panel are zeros.
#[derive(Default)]
pub struct Packed<W> {
    panels: Vec<[W; LANES]>,
    rows: usize,
    width: usize,
}

impl<W: Copy + Default + Into<f64>> Packed<W> {
    /// Packs rows that stand one behind the other.
    pub fn rows(values: &[W], width: usize) -> Self {
        let rows = values.len() / width;
        Self::new(rows, width, |row, k| values[row * width + k])
    }

    /// Packs `rows` rows, whose numbers `at` answers.
    pub fn new(rows: usize, width: usize, at: impl Fn(usize, usize) -> W) -> Self {
        let mut panels = vec![[W::default(); LANES]; rows.div_ceil(LANES) * width];
        for row in 0..rows {
            let panel = &mut panels[row / LANES * width..][..width];
            for (k, lanes) in panel.iter_mut().enumerate() {
                lanes[row % LANES] = at(row, k);
            }
        }
        Self {
            panels,
            rows,
            width,
        }
    }

    /// Takes other rows of some width instead, at most [`LANES`], that are packed already.
    pub fn refill(&mut self, [rows, width]: [usize; 2], panel: impl Iterator<Item = [W; LANES]>) {
        self.panels.clear();
        self.panels.reserve_exact(width);
        self.panels.extend(panel);
        self.rows = rows;
        self.width = width;
    }

    /// Numbers of a row, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Multiplies each of the vectors in `a`, which stand one behind the other, with each packed
    /// row: `put(vector, row, sum)`. Vectors have the width of the rows.
    pub fn multiply<A: Copy + Into<f64>>(&self, a: &[A], mut put: impl FnMut(usize, usize, f64)) {
        for (index, panel) in self.panels.chunks_exact(self.width).enumerate() {
            let first = index * LANES;
            let lanes = LANES.min(self.rows - first);
            let mut vectors = a.chunks_exact(self.width).enumerate();
            while let Some((one, x)) = vectors.next() {
                let Some((other, y)) = vectors.next() else {
                    let sums = sums(x, panel);
                    (0..lanes).for_each(|lane| put(one, first + lane, sums[lane]));
                    break;
                };
                let [sums, others] = pair_of_sums(x, y, panel);
                (0..lanes).for_each(|lane| put(one, first + lane, sums[lane]));
                (0..lanes).for_each(|lane| put(other, first + lane, others[lane]));
            }
        }
    }

    /// Multiplies one vector with each packed row, as far as the vector reaches.
    pub fn multiply_one<A: Copy + Into<f64>>(&self, a: &[A], mut put: impl FnMut(usize, f64)) {
        for (index, panel) in self.panels.chunks_exact(self.width).enumerate() {
            let first = index * LANES;
            let sums = sums(a, panel);
            (0..LANES.min(self.rows - first)).for_each(|lane| put(first + lane, sums[lane]));
        }
    }
}

fn sums<A: Copy + Into<f64>, W: Copy + Into<f64>>(x: &[A], panel: &[[W; LANES]]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (x, weights) in x.iter().zip(panel) {
        let x: f64 = (*x).into();
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum += x * (*weight).into();
        }
    }
    sums
}

/// As [`sums`] for two vectors, so that a weight is loaded and widened once for both.
fn pair_of_sums<A: Copy + Into<f64>, W: Copy + Into<f64>>(
    x: &[A],
    y: &[A],
    panel: &[[W; LANES]],
) -> [[f64; LANES]; 2] {
    let mut of_x = [0.0; LANES];
    let mut of_y = [0.0; LANES];
    for ((x, y), weights) in x.iter().zip(y).zip(panel) {
        let (x, y): (f64, f64) = ((*x).into(), (*y).into());
        for lane in 0..LANES {
            let weight: f64 = weights[lane].into();
            of_x[lane] += x * weight;
            of_y[lane] += y * weight;
        }
    }
    [of_x, of_y]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out as the module's header says it.
    fn by_hand(a: &[f32], row: &[f32]) -> f64 {
        let mut sum = 0.0;
        for (x, weight) in a.iter().zip(row) {
            sum += f64::from(*x) * f64::from(*weight);
        }
        sum
    }

    #[test]
    fn every_sum_is_in_order_whatever_stands_beside_it() {
        let number = |i: usize| ((i * 7919 + 13) % 1009) as f32 / 31.0 - 16.0;
        for (vectors, rows, width) in [(1, 1, 1), (2, 8, 3), (3, 9, 17), (5, 20, 4), (4, 7, 64)] {
            let a: Vec<f32> = (0..vectors * width).map(number).collect();
            let b: Vec<f32> = (0..rows * width).map(|i| number(i + 500)).collect();
            let packed = Packed::rows(&b, width);
            let mut seen = vec![0; vectors * rows];
            packed.multiply(&a, |vector, row, sum| {
                let expected = by_hand(&a[vector * width..][..width], &b[row * width..][..width]);
                assert_eq!(sum.to_bits(), expected.to_bits());
                seen[vector * rows + row] += 1;
            });
            assert!(seen.iter().all(|times| *times == 1));
            packed.multiply_one(&a[..width], |row, sum| {
                let expected = by_hand(&a[..width], &b[row * width..][..width]);
                assert_eq!(sum.to_bits(), expected.to_bits());
            });
        }
    }

    #[test]
    fn a_shorter_vector_ends_the_sums() {
        let packed = Packed::rows(&[1.0_f32, 2.0, f32::INFINITY, 3.0, 4.0, f32::NAN], 3);
        let mut sums = Vec::new();
        packed.multiply_one(&[10.0_f64, 1.0], |_, sum| sums.push(sum));
        assert_eq!(sums, [12.0, 34.0]);
    }
}
