//! Arguments at the ends of their types, and targets without elements: errors or nothing to do,
//! at once, and no panic.

use pleach_core::{Tensor, manual_seed};
use pleach_init as init;

#[test]
fn fans_that_no_usize_holds_are_errors() {
    for shape in [
        [1 << 40, 1 << 40, 1 << 40],
        [1, usize::MAX, 2],
        [usize::MAX; 3],
    ] {
        let error = init::calculate_fan_in_and_fan_out(&shape)
            .unwrap_err()
            .to_string();
        assert!(error.contains("too large to be counted"), "{error}");
    }
    let fans = init::calculate_fan_in_and_fan_out(&[usize::MAX, usize::MAX, 1]);
    assert_eq!(fans.expect("it fits"), (usize::MAX, usize::MAX));
    let fans = init::calculate_fan_in_and_fan_out(&[usize::MAX, usize::MAX, 0, usize::MAX]);
    assert_eq!(fans.expect("it is zero"), (0, 0));
    for shape in [&[][..], &[3]] {
        assert!(init::calculate_fan_in_and_fan_out(shape).is_err());
    }
}

#[test]
fn a_sparsity_that_is_no_number_is_an_error() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = init::sparse_(&mut Tensor::zeros([4, 3]), bad, 0.01).unwrap_err();
        assert!(
            error.to_string().contains("cannot convert float"),
            "{error}"
        );
    }
    for (sparsity, zeros) in [(1e300, 4), (-1e300, 0), (0.0, 0), (0.3, 2)] {
        let mut w = Tensor::zeros([4, 3]);
        init::sparse_(&mut w, sparsity, 1.0).expect("a sparsity");
        let found = w
            .to_vec::<f32>()
            .expect("f32")
            .iter()
            .filter(|&&v| v == 0.0)
            .count();
        assert_eq!(found, 3 * zeros, "{sparsity}");
    }
}

#[test]
fn a_target_without_elements_takes_no_time_and_draws_nothing() {
    manual_seed(0);
    let huge = 1usize << 40;
    init::sparse_(&mut Tensor::zeros([0, huge]), 0.5, 1.0).expect("nothing to do");
    init::sparse_(&mut Tensor::zeros([0, 0]), 0.5, 1.0).expect("nothing to do");
    init::eye_(&mut Tensor::zeros([0, huge])).expect("nothing to do");
    init::eye_(&mut Tensor::zeros([huge, 0])).expect("nothing to do");
    init::dirac_(&mut Tensor::zeros([huge, 4, 0]), 1).expect("nothing to do");
    init::dirac_(&mut Tensor::zeros([0, 4, 3]), 1).expect("nothing to do");
    init::orthogonal_(&mut Tensor::zeros([0, huge]), 1.0).expect("nothing to do");
    for mode in ["fan_in", "fan_out"] {
        let target = &mut Tensor::zeros([0, huge]);
        init::kaiming_normal_(target, 0.0, mode, "relu").expect("nothing to do");
    }
    let _ = init::xavier_normal_(&mut Tensor::zeros([0, 1 << 30, 1 << 30]), 1.0);
    init::trunc_normal_(&mut Tensor::zeros([0]), 0.0, 1.0, -1.0, 1.0).expect("nothing to do");
    // torch.manual_seed(0); torch.rand(1)
    let mut next = Tensor::zeros([1]);
    init::uniform_(&mut next, 0.0, 1.0).expect("a draw");
    assert_eq!(next.to_vec::<f32>().expect("f32"), [0.496_256_6]);
}

#[test]
fn numbers_that_are_none_are_errors_and_no_endless_search() {
    let target = || Tensor::zeros([3, 3]);
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(init::uniform_(&mut target(), bad, 1.0).is_err());
        assert!(init::uniform_(&mut target(), 0.0, bad).is_err());
        assert!(init::trunc_normal_(&mut target(), 0.0, 1.0, -1.0, -bad).is_err());
    }
    for std in [-1.0, f64::NAN] {
        assert!(init::normal_(&mut target(), 0.0, std).is_err());
        let _ = init::trunc_normal_(&mut target(), 0.0, std, -2.0, 2.0);
    }
    assert!(init::trunc_normal_(&mut target(), 0.0, 0.0, -2.0, 2.0).is_err());
    assert!(init::trunc_normal_(&mut target(), 0.0, 1.0, 2.0, -2.0).is_err());
    assert!(init::dirac_(&mut Tensor::zeros([2, 2, 3]), 0).is_err());
    assert!(init::dirac_(&mut Tensor::zeros([2, 2, 3]), usize::MAX).is_err());
    for gain in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e300] {
        let _ = init::xavier_uniform_(&mut target(), gain);
        let _ = init::xavier_normal_(&mut target(), gain);
        let _ = init::orthogonal_(&mut target(), gain);
        let _ = init::kaiming_uniform_(&mut target(), gain, "fan_in", "leaky_relu");
    }
}
