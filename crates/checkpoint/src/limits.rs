//! [`Limits`]: how much a file may ask for.

/// How much a file may ask for before it is refused.
///
/// Whatever a file says of sizes is checked against its own length before memory is taken: a
/// stored tensor costs its bytes, once, however many tensors share them. What a file can ask for
/// beyond its length is bounded by these. The defaults let every checkpoint through that training
/// writes; they exist for files made to exhaust memory or the stack.
///
/// ```
/// use pleach::checkpoint::{Limits, Loader};
/// let mut limits = Limits::default();
/// limits.depth = 2;
/// let nested = b"\x80\x02]]]]aaa."; // four lists in each other
/// let error = Loader::new().limits(limits).load_pickle(nested).unwrap_err();
/// assert_eq!(error.to_string(), "pickle: containers within containers (the limit is 2)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Values within containers within containers (default 200; more than 500, where Python itself
    /// gives up, count as 500).
    pub depth: usize,
    /// Values in a pickle, containers and their items alike (default 4,000,000). Each costs less
    /// than 200 bytes; 16 bytes of a text that is copied count as one. What is shared becomes
    /// several values, but at most four times as many as there are, plus 100,000.
    pub values: usize,
    /// Bytes of a pickle, which holds names, numbers and structure, not tensors (default 64 MiB).
    pub pickle_bytes: usize,
    /// Members of a zip archive (default 1,000,000).
    pub members: usize,
    /// Bytes that deflated members of a zip archive unpack to, together (default 1 GiB). PyTorch
    /// writes none.
    pub inflated_bytes: usize,
    /// Bytes of a `.safetensors` header (default 100 MB, as in the `safetensors` crate).
    pub header_bytes: usize,
    /// Elements of a tensor that repeats its memory, as an expanded one does (default 2^31). It
    /// takes no memory itself; but what copies it does.
    pub repeated_elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 200,
            values: 4_000_000,
            pickle_bytes: 64 << 20,
            members: 1_000_000,
            inflated_bytes: 1 << 30,
            header_bytes: 100_000_000,
            repeated_elements: 1 << 31,
        }
    }
}
