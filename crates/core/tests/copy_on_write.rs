//! In-place methods never reach another tensor; random fills follow the layout.

use pleach_core::{DType, Generator, Tensor, manual_seed, slice, tensor};

fn values(t: &Tensor) -> Vec<f32> {
    t.to_vec::<f32>().unwrap()
}

#[test]
fn a_changed_view_leaves_its_base() {
    let base = tensor![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let before = values(&base);
    type Make = fn(&Tensor) -> pleach_core::Result<Tensor>;
    let views: [Make; 7] = [
        |x| Ok(x.clone()),
        |x| x.t(),
        |x| x.index(1),
        |x| x.index((.., slice(0, None, 2))),
        |x| x.view([6]),
        |x| x.diagonal(0),
        |x| x.narrow(0, 1, 1),
    ];
    for (i, make) in views.iter().enumerate() {
        type Change = fn(&mut Tensor) -> pleach_core::Result<()>;
        let changes: [Change; 9] = [
            |t| t.fill_(9.0).map(drop),
            |t| t.zero_().map(drop),
            |t| t.add_(1.0).map(drop),
            |t| t.mul_(-1.0).map(drop),
            |t| t.copy_(&Tensor::full((), 7.0)).map(drop),
            |t| t.index_put_(0, 8.0).map(drop),
            |t| t.masked_fill_(&t.gt(2.0)?, 0.0).map(drop),
            |t| t.normal_(0.0, 1.0).map(drop),
            |t| t.uniform_(10.0, 11.0).map(drop),
        ];
        for (j, change) in changes.iter().enumerate() {
            let mut view = make(&base).unwrap();
            let old = view.copy().unwrap();
            change(&mut view).unwrap();
            assert_eq!(values(&base), before, "view {i}, change {j}");
            assert_eq!(view.shape(), old.shape());
            assert!(
                !view.equal(&old).unwrap(),
                "view {i}, change {j} did nothing"
            );
        }
    }
}

#[test]
fn a_changed_base_leaves_its_views() {
    let mut base = tensor![[1.0, 2.0], [3.0, 4.0]];
    let (row, column) = (base.index(1).unwrap(), base.index((.., 0)).unwrap());
    base.fill_(0.0).unwrap();
    base += 1.0;
    assert_eq!(values(&row), [3.0, 4.0]);
    assert_eq!(values(&column), [1.0, 3.0]);
    assert_eq!(values(&base), [1.0; 4]);
}

#[test]
fn an_expanded_tensor_is_changed_element_by_element() {
    let base = tensor![1.0];
    let mut x = base.expand([3i64]).unwrap();
    x.index_put_(1, 5.0).unwrap();
    assert_eq!(values(&x), [1.0, 5.0, 1.0]);
    x.mul_(2.0).unwrap();
    assert_eq!(values(&x), [2.0, 10.0, 2.0]);
    assert_eq!(values(&base), [1.0]);
}

#[test]
fn a_value_that_does_not_fit_is_refused_and_nothing_changes() {
    let mut x = tensor![1.0, 2.0];
    assert_eq!(
        x.add_(Tensor::zeros([3, 2]))
            .unwrap_err()
            .kind()
            .to_string(),
        "output with shape [2] doesn't match the broadcast shape [3, 2]"
    );
    assert!(x.index_put_(0, Tensor::zeros([2])).is_err());
    assert!(x.index_put_(2, 1.0).is_err());
    assert_eq!(values(&x), [1.0, 2.0]);
    let mut n = tensor![1, 2];
    assert_eq!(
        n.add_(0.5).unwrap_err().kind().to_string(),
        "result type Float can't be cast to the desired output type Long"
    );
    // What PyTorch strips of a value: leading ones.
    let mut rows = Tensor::zeros([2, 3]);
    rows.index_put_(0, Tensor::ones([1, 3])).unwrap();
    assert_eq!(values(&rows), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_uniform_fill_of_a_transposed_tensor_follows_its_memory() {
    let generator = Generator::seeded(3);
    let mut straight = Tensor::zeros([3, 4]);
    generator
        .scope(|| straight.uniform_(0.0, 1.0).map(drop))
        .unwrap();
    let generator = Generator::seeded(3);
    let mut turned = Tensor::zeros([3, 4]).t().unwrap();
    generator
        .scope(|| turned.uniform_(0.0, 1.0).map(drop))
        .unwrap();
    assert_eq!(turned.shape(), [4, 3]);
    assert!(turned.t().unwrap().equal(&straight).unwrap());

    // Three dimensions, middle one slowest in memory.
    let generator = Generator::seeded(3);
    let mut x = Tensor::zeros([3, 2, 2]).permute([1, 0, 2]).unwrap();
    generator.scope(|| x.uniform_(0.0, 1.0).map(drop)).unwrap();
    assert_eq!(values(&x.permute([1, 0, 2]).unwrap()), values(&straight));

    // A slice with gaps: its own elements only, in memory order.
    let generator = Generator::seeded(3);
    let mut gaps = Tensor::zeros([3, 8])
        .index((.., slice(0, None, 2)))
        .unwrap();
    generator
        .scope(|| gaps.uniform_(0.0, 1.0).map(drop))
        .unwrap();
    assert_eq!(values(&gaps), values(&straight));
}

#[test]
fn a_normal_fill_chooses_its_path_by_the_layout() {
    // PyTorch draws 16 and more contiguous elements block by block, others one by one, so the
    // two differ though seed and number agree; the layout decides, not what is shared.
    let fill = |mut x: Tensor| {
        Generator::seeded(5)
            .scope(|| x.normal_(0.0, 1.0).map(drop))
            .unwrap();
        x
    };
    let straight = fill(Tensor::zeros([4, 8]));
    let turned = fill(Tensor::zeros([8, 4]).t().unwrap());
    assert_ne!(values(&straight), values(&turned.contiguous().unwrap()));
    assert_ne!(values(&straight), values(&turned.t().unwrap()));
    let shared = Tensor::zeros([4, 8]);
    let kept = shared.clone();
    assert!(fill(shared).equal(&straight).unwrap());
    assert_eq!(values(&kept), [0.0; 32]);
}

#[test]
fn empty_fills_draw_nothing() {
    manual_seed(1);
    let expected = values(&Tensor::rand([2]));
    manual_seed(1);
    for mut x in [
        Tensor::zeros([0]),
        Tensor::zeros([3, 0]),
        Tensor::zeros([0, 3]).t().unwrap(),
    ] {
        x.uniform_(0.0, 1.0)
            .unwrap()
            .normal_(0.0, 1.0)
            .unwrap()
            .bernoulli_(0.5)
            .unwrap();
        x.zero_().unwrap().fill_(1.0).unwrap().add_(1.0).unwrap();
        assert_eq!(x.numel(), 0);
    }
    assert_eq!(values(&Tensor::rand([2])), expected);
}

#[test]
fn fills_refuse_what_pytorch_refuses() {
    let text = |r: pleach_core::Result<&mut Tensor>| r.unwrap_err().kind().to_string();
    assert_eq!(
        text(Tensor::zeros([3]).bernoulli_(1.5)),
        "bernoulli_ expects p to be in [0, 1], but got p=1.5"
    );
    assert!(Tensor::zeros_of([3], DType::I64).normal_(0.0, 1.0).is_err());
    assert_eq!(
        text(Tensor::zeros([3]).normal_(0.0, -1.0)),
        "normal expects std >= 0.0, but found std -1"
    );
    assert_eq!(
        text(Tensor::zeros([3]).uniform_(1.0, 0.0)),
        "uniform_ expects to return a [from, to) range, but found from=1 > to=0"
    );
}

#[test]
fn arithmetic_in_place_stays_in_its_memory_unless_that_is_shared() {
    type Change = fn(&mut Tensor) -> pleach_core::Result<()>;
    let changes: [(Change, [f32; 2]); 8] = [
        (|t| t.add_(1.0).map(drop), [3.0, 5.0]),
        (|t| t.sub_(1.0).map(drop), [1.0, 3.0]),
        (|t| t.mul_(3.0).map(drop), [6.0, 12.0]),
        (|t| t.div_(2.0).map(drop), [1.0, 2.0]),
        (|t| t.add_(&tensor![1.0, 2.0]).map(drop), [3.0, 6.0]),
        (|t| t.sub_(&tensor![1.0, 2.0]).map(drop), [1.0, 2.0]),
        (|t| t.mul_(&tensor![1.0, 2.0]).map(drop), [2.0, 8.0]),
        (|t| t.div_(&tensor![1.0, 2.0]).map(drop), [2.0, 2.0]),
    ];
    for (i, (change, expected)) in changes.iter().enumerate() {
        let mut alone = tensor![2.0, 4.0];
        let place = alone.storage_id();
        change(&mut alone).unwrap();
        assert_eq!(values(&alone), expected, "change {i}");
        assert_eq!(alone.storage_id(), place, "change {i} moved the tensor");

        let mut shared = tensor![2.0, 4.0];
        let other = shared.view([2, 1]).unwrap();
        change(&mut shared).unwrap();
        assert_eq!(values(&shared), expected, "change {i}");
        assert_eq!(values(&other), [2.0, 4.0], "change {i} reached a view");
    }
    // With itself.
    let mut x = tensor![2.0, 4.0];
    let same = x.clone();
    x.mul_(&same).unwrap();
    drop(same);
    x.add_(x.clone()).unwrap();
    assert_eq!(values(&x), [8.0, 32.0]);
}

#[test]
fn arithmetic_in_place_broadcasts_converts_and_records_as_before() {
    let mut x = Tensor::ones([2, 2]);
    x.add_(&tensor![1.0, 2.0]).unwrap();
    assert_eq!(values(&x), [2.0, 3.0, 2.0, 3.0]);
    x.mul_(&tensor![2, 3]).unwrap(); // i64
    assert_eq!(values(&x), [4.0, 9.0, 4.0, 9.0]);
    let mut t = Tensor::ones([2, 3]).t().unwrap();
    t.add_(1.0).unwrap();
    assert_eq!((t.shape(), values(&t)), (&[3, 2][..], vec![2.0; 6]));

    let leaf = tensor![1.0, 2.0].requires_grad_(true).unwrap();
    let mut y = &leaf * 1.0;
    y.mul_(&leaf).unwrap(); // saves what it overwrites
    y.add_(5.0).unwrap();
    y.sum().unwrap().backward().unwrap();
    assert_eq!(values(&leaf.grad().unwrap()), [2.0, 4.0]);

    let mut leaf = leaf;
    assert!(leaf.add_(1.0).is_err());
    pleach_core::no_grad(|| leaf.add_(1.0).map(drop)).unwrap();
    assert!(leaf.requires_grad() && leaf.is_leaf());
    assert_eq!(values(&leaf), [2.0, 3.0]);
    assert_eq!(values(&leaf.grad().unwrap()), [2.0, 4.0]);
}
