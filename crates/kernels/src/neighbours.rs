//! Groups of equal neighbours.

/// Gives each of the elements that `order` lists the number of its group: neighbours that are the
/// `same` share one. Returns where in `order` the groups begin.
///
/// ```
/// let (x, mut group) = ([5, 5, 7], [0; 3]);
/// let begins = pleach_kernels::group_neighbours(&[0, 1, 2], |a, b| x[a] == x[b], &mut group);
/// assert_eq!((begins, group), (vec![0, 2], [0, 0, 1]));
/// ```
///
/// # Panics
/// If `order` lists something that `group` does not have.
pub fn group_neighbours(
    order: &[i64],
    same: impl Fn(usize, usize) -> bool,
    group: &mut [i64],
) -> Vec<usize> {
    let mut begins: Vec<usize> = Vec::new();
    let mut before = None;
    for (i, &at) in order.iter().enumerate() {
        let at = at as usize;
        if before.is_none_or(|before| !same(before, at)) {
            begins.push(i);
        }
        group[at] = begins.len() as i64 - 1;
        before = Some(at);
    }
    begins
}
