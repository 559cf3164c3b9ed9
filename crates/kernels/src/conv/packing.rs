//! Copies of planes with zeros around their rows.

use super::geometry::Plan;
use crate::Float;
use crate::simd::Vector;

/// Columns of a packed row: `zeros` zeros, then `len` columns of the source from `from` on.
struct Part {
    zeros: usize,
    from: usize,
    len: usize,
}

/// How a plane is packed.
pub(super) struct Packing {
    /// For each packed row, where its source row starts, if it has one.
    rows: Vec<Option<usize>>,
    /// The largest of these.
    last_row: usize,
    /// Elements of a source row.
    width: usize,
    /// From one packed row to the next.
    pitch: usize,
    /// Source columns from one to the next in a part.
    stride: usize,
    /// What a packed row consists of, before the zeros at its end.
    parts: Vec<Part>,
}

impl Packing {
    /// The packing of a channel of a plan's source.
    pub(super) fn of_source(plan: &Plan) -> Self {
        let [d, h, w] = &plan.axes;
        let stride = w.stride();
        let [height, width] = [1, 2].map(|d| plan.source_size(d));
        let rows: Vec<_> = (0..d.packed() * h.packed())
            .map(|row| {
                let z = d.source_of(row / h.packed())?;
                let y = h.source_of(row % h.packed())?;
                Some((z * height + y) * width)
            })
            .collect();
        let mut parts: Vec<Part> = Vec::new();
        let (mut zeros, mut next) = (0, None);
        for column in (0..w.packed()).map(|q| w.source_of(q)) {
            match (column, parts.last_mut()) {
                (None, _) => zeros += 1,
                (Some(column), Some(part)) if zeros == 0 && next == Some(column) => part.len += 1,
                (Some(from), _) => {
                    parts.push(Part {
                        zeros,
                        from,
                        len: 1,
                    });
                    zeros = 0;
                }
            }
            next = column.map(|c| c.saturating_add(stride));
        }
        Packing {
            last_row: rows.iter().copied().flatten().max().unwrap_or(0),
            rows,
            width,
            pitch: w.packed(),
            stride,
            parts,
        }
    }

    /// The packing of a plane whose rows get zeros at their ends.
    pub(super) fn of_rows(rows: usize, width: usize, pitch: usize) -> Self {
        Packing {
            rows: (0..rows).map(|row| Some(row * width)).collect(),
            last_row: rows.saturating_sub(1) * width,
            width,
            pitch,
            stride: 1,
            parts: vec![Part {
                zeros: 0,
                from: 0,
                len: width,
            }],
        }
    }

    /// Elements of a packed plane.
    pub(super) fn len(&self) -> usize {
        self.rows.len() * self.pitch
    }

    /// Packs the plane at the start of `source`, which may be longer. `packed` has room for a
    /// vector more than the plane, which becomes zeros.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    pub(super) unsafe fn pack<T: Float, V: Vector<Elem = T>>(
        &self,
        source: &[T],
        packed: &mut [T],
    ) {
        assert!(self.len() + V::LANES <= packed.len());
        // The next plane, which mostly follows this one, unless asking costs more than waiting.
        let plane = self.last_row + self.width;
        let ahead = if plane < 512 { 0 } else { plane };
        let packed = packed.as_mut_ptr();
        if let ([part], 1) = (&self.parts[..], self.stride)
            && self.last_row + self.width + V::LANES <= source.len()
        {
            // SAFETY: as below, and vectors that are read beyond a row lie within the source.
            unsafe {
                self.pack_plain::<T, V>(part, source, packed);
                V::zero().store(packed.add(self.len()));
            }
            return;
        }
        for (index, row) in self.rows.iter().enumerate() {
            // SAFETY: the parts of a row are within it; what vectors write beyond their part is
            // written again with the next one, or lies in the room after the plane.
            unsafe {
                let to = packed.add(index * self.pitch);
                let mut q = 0;
                if let Some(start) = row {
                    // Vectors may read beyond the row, but not beyond the slice.
                    let row = &source[*start..];
                    assert!(self.width <= row.len());
                    for part in &self.parts {
                        fill_zeros::<T, V>(to, q, q + part.zeros);
                        q += part.zeros;
                        let row = &row[part.from..];
                        match self.stride {
                            1 => copy_row::<T, V>(row, part.len, to.add(q)),
                            2 => copy_even::<T, V>(row, part.len, to.add(q), ahead),
                            stride => {
                                for i in 0..part.len {
                                    *to.add(q + i) = row[i * stride];
                                }
                            }
                        }
                        q += part.len;
                    }
                }
                fill_zeros::<T, V>(to, q, self.pitch);
            }
        }
        // SAFETY: there is room, and the caller has the features.
        unsafe { V::zero().store(packed.add(self.len())) };
    }
}

impl Packing {
    /// # Safety
    /// As [`Self::pack`], whose buffer this is; all rows of the source have a vector after them.
    #[inline(always)]
    unsafe fn pack_plain<T: Float, V: Vector<Elem = T>>(
        &self,
        part: &Part,
        source: &[T],
        packed: *mut T,
    ) {
        let mut to = packed;
        for row in &self.rows {
            // SAFETY: this function's contract.
            unsafe {
                if let Some(start) = row {
                    fill_zeros::<T, V>(to, 0, part.zeros);
                    let row = source.as_ptr().add(start + part.from);
                    let to = to.add(part.zeros);
                    let mut q = 0;
                    while q < part.len {
                        V::load(row.add(q)).store(to.add(q));
                        q += V::LANES;
                    }
                    fill_zeros::<T, V>(to, part.len, self.pitch - part.zeros);
                } else {
                    fill_zeros::<T, V>(to, 0, self.pitch);
                }
                to = to.add(self.pitch);
            }
        }
    }
}

/// Zeros from `first` to `end`, and up to a vector beyond.
///
/// # Safety
/// Inlined into a function with the features of `V`; there is room for all that.
#[inline(always)]
unsafe fn fill_zeros<T: Float, V: Vector<Elem = T>>(to: *mut T, first: usize, end: usize) {
    let mut q = first;
    while q < end {
        // SAFETY: this function's contract.
        unsafe { V::zero().store(to.add(q)) };
        q += V::LANES;
    }
}

/// Copies the first `len` elements of a row, and up to a vector beyond.
///
/// # Safety
/// Inlined into a function with the features of `V`; there is room for all that, and the row has
/// `len` elements.
#[inline(always)]
pub(super) unsafe fn copy_row<T: Float, V: Vector<Elem = T>>(row: &[T], len: usize, to: *mut T) {
    // SAFETY: this function's contract; vectors are read only where the row has them.
    unsafe {
        let mut q = 0;
        while q < len && q + V::LANES <= row.len() {
            V::load(row.as_ptr().add(q)).store(to.add(q));
            q += V::LANES;
        }
        while q < len {
            *to.add(q) = *row.as_ptr().add(q);
            q += 1;
        }
    }
}

/// Copies every second element of a row, `len` of them, and up to a vector beyond, and asks for what
/// is `ahead`.
///
/// # Safety
/// As [`copy_row`]; the row has that many second elements.
#[inline(always)]
unsafe fn copy_even<T: Float, V: Vector<Elem = T>>(
    row: &[T],
    len: usize,
    to: *mut T,
    ahead: usize,
) {
    // SAFETY: this function's contract; vectors are read only where the row has them.
    unsafe {
        let mut q = 0;
        while q < len && 2 * (q + V::LANES) <= row.len() {
            let coming = row.as_ptr().wrapping_add(2 * q + ahead);
            V::prefetch_second(coming);
            V::prefetch_second(coming.wrapping_add(V::LANES));
            V::load_even(row.as_ptr().add(2 * q)).store(to.add(q));
            q += V::LANES;
        }
        while q < len {
            *to.add(q) = *row.as_ptr().add(2 * q);
            q += 1;
        }
    }
}
