//! Norms, embeddings, bilinear maps, distances and attention: gradients and their gradients against
//! differences, what kernels give against what operations give, corners.

use pleach_core::autograd::{Options, grad_allow_unused, gradcheck, gradgradcheck};
use pleach_core::{DType, Generator, Result, Tensor, tensor};
use pleach_nn::functional::{
    self as F, AttentionOptions, EmbeddingBagOptions, EmbeddingOptions, InstanceNormOptions,
    PairwiseDistanceOptions,
};
use pleach_nn::layers::{
    Bilinear, Embedding, EmbeddingBag, GroupNorm, InstanceNorm1d, InstanceNorm2d, LayerNorm,
};
use pleach_nn::{Forward, ForwardMany, Module, StateDict};

/// f64 values in [-1, 1), the same for the same seed.
fn values(seed: u64, shape: &[usize]) -> Tensor {
    let drawn = Generator::seeded(seed).scope(|| Tensor::rand_of(shape, DType::F64));
    drawn.unwrap().mul(2.0).unwrap().sub(1.0).unwrap()
}

/// f64 values that are at least 0.1 apart.
fn distinct(seed: u64, shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let ranks = Generator::seeded(seed).scope(|| Tensor::randperm(n).double());
    ranks.unwrap().mul(0.1).unwrap().reshape(shape).unwrap()
}

/// The same values in another order of memory.
fn turned(x: &Tensor) -> Tensor {
    let order: Vec<i64> = (0..x.rank() as i64).rev().collect();
    let copy = x.permute(&order[..]).unwrap().contiguous().unwrap();
    copy.permute(&order[..]).unwrap()
}

type Function<'a> = Box<dyn Fn(&[Tensor]) -> Result<Tensor> + 'a>;
type Case<'a> = (&'static str, Function<'a>, Vec<Tensor>);

/// First and second derivatives; and the gradients that are computed by kernels and, recorded, in
/// operations are the same.
fn check(cases: Vec<Case<'_>>) {
    for (name, f, inputs) in cases {
        for inputs in [inputs.iter().map(turned).collect(), inputs] {
            let run = || -> Result<()> {
                let gradients = |options| -> Result<Vec<Option<Tensor>>> {
                    let leaves = inputs.iter().map(|x| x.detach().requires_grad_(true));
                    let leaves = leaves.collect::<Result<Vec<_>>>()?;
                    let y = f(&leaves)?;
                    let arriving = values(99, y.shape());
                    let leaves: Vec<&Tensor> = leaves.iter().collect();
                    grad_allow_unused(&[&y], &leaves, &[Some(&arriving)], options)
                };
                let (fast, recorded) =
                    (gradients(Options::ONCE)?, gradients(Options::CREATE_GRAPH)?);
                for (a, b) in fast.into_iter().zip(recorded) {
                    let (a, b) = (a.expect("a gradient"), b.expect("a recorded gradient"));
                    assert!(a.allclose(&b, 1e-10, 1e-12)?, "{name}: {a} {b}");
                }
                gradcheck(&*f, &inputs)?;
                gradgradcheck(&*f, &inputs)
            };
            run().unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

fn boxed<'a>(f: impl Fn(&[Tensor]) -> Result<Tensor> + 'a) -> Function<'a> {
    Box::new(f)
}

macro_rules! case {
    ($name:expr, [$($input:expr),*], $f:expr) => {
        ($name, boxed($f), vec![$($input),*])
    };
}

const EPS: f64 = 1e-2;

#[test]
fn norms_have_the_right_derivatives() {
    let (x, w, b) = (values(1, &[2, 3, 4]), values(2, &[4]), values(3, &[4]));
    let (image, v, c) = (values(1, &[2, 4, 3]), values(2, &[4]), values(3, &[4]));
    let norm = |t: &[Tensor]| F::layer_norm(&t[0], [4], Some(&t[1]), Some(&t[2]), EPS);
    let group = |t: &[Tensor]| F::group_norm(&t[0], 2, Some(&t[1]), Some(&t[2]), EPS);
    let plain = || InstanceNormOptions::new().eps(EPS);
    check(vec![
        case!("layer_norm", [x.clone(), w.clone(), b.clone()], norm),
        case!(
            "layer_norm, of one row",
            [w.clone(), w.clone(), b.clone()],
            norm
        ),
        case!(
            "layer_norm, empty",
            [values(1, &[0, 4]), w.clone(), b.clone()],
            norm
        ),
        case!("layer_norm without a bias", [x.clone(), w.clone()], |t| {
            F::layer_norm(&t[0], [4], Some(&t[1]), None, EPS)
        }),
        case!(
            "layer_norm, a bias alone",
            [x.clone(), values(4, &[3, 4])],
            |t| F::layer_norm(&t[0], [3, 4], None, Some(&t[1]), EPS)
        ),
        case!("layer_norm of all", [x.clone()], |t| F::layer_norm(
            &t[0],
            [2, 3, 4],
            None,
            None,
            EPS
        )),
        case!(
            "layer_norm of constants",
            [w.clone(), b.clone()],
            move |t| F::layer_norm(&values(1, &[2, 3, 4]), [4], Some(&t[0]), Some(&t[1]), EPS)
        ),
        case!("rms_norm", [x.clone(), w.clone()], |t| F::rms_norm(
            &t[0],
            [4],
            Some(&t[1]),
            EPS
        )),
        case!("rms_norm, plain", [x.clone()], |t| F::rms_norm(
            &t[0],
            [3, 4],
            None,
            EPS
        )),
        case!("group_norm", [image.clone(), v.clone(), c.clone()], group),
        case!(
            "group_norm, flat",
            [values(1, &[3, 4]), v.clone(), c.clone()],
            group
        ),
        case!(
            "group_norm, empty",
            [values(1, &[0, 4, 2]), v.clone(), c.clone()],
            group
        ),
        case!(
            "group_norm, a weight alone",
            [image.clone(), v.clone()],
            |t| F::group_norm(&t[0], 1, Some(&t[1]), None, EPS)
        ),
        case!("instance_norm", [image.clone(), v, c], move |t| {
            let options = plain().weight(&t[1]).bias(&t[2]);
            F::instance_norm(&t[0], options)
        }),
        case!(
            "instance_norm, plain",
            [values(1, &[2, 1, 2, 3])],
            move |t| { F::instance_norm(&t[0], plain()) }
        ),
        case!("local_response_norm", [image.clone()], |t| {
            F::local_response_norm(&t[0], 3, 2.0, 0.75, 1.0)
        }),
        case!(
            "local_response_norm, 4-d",
            [values(1, &[2, 3, 1, 2])],
            |t| { F::local_response_norm(&t[0], 2, 2.0, 0.5, 1.0) }
        ),
        case!("normalize over two", [x], |t| F::normalize(
            &t[0],
            2.0,
            [0, 2],
            1e-12
        )),
    ]);
}

#[test]
fn tables_have_the_right_derivatives() {
    let table = || distinct(1, &[4, 2]);
    let options = EmbeddingOptions::new();
    let ids = || tensor![[2, 0], [2, 2]];
    let bags = |mode: &'static str| {
        move |t: &[Tensor]| {
            let offsets = tensor![0, 3, 3];
            let options = EmbeddingBagOptions::new().offsets(&offsets).mode(mode);
            F::embedding_bag(&tensor![3, 0, 3, 2, 1], &t[0], options.padding_idx(2))
        }
    };
    check(vec![
        case!("embedding", [table()], move |t| F::embedding(
            &ids(),
            &t[0],
            options
        )),
        case!("embedding bag, sum", [table()], bags("sum")),
        case!("embedding bag, mean", [table()], bags("mean")),
        case!("embedding bag, max", [table()], bags("max")),
        case!(
            "embedding bag, weights",
            [table(), values(2, &[2, 3])],
            |t| {
                let options = EmbeddingBagOptions::new().mode("sum");
                let options = options.per_sample_weights(&t[1]).padding_idx(-1);
                F::embedding_bag(&tensor![[0, 3, 0], [2, 1, 0]], &t[0], options)
            }
        ),
        case!("embedding bag, weights alone", [values(2, &[2, 2])], |t| {
            let options = EmbeddingBagOptions::new()
                .mode("sum")
                .per_sample_weights(&t[0]);
            F::embedding_bag(&tensor![[0, 1], [1, 1]], &values(1, &[2, 3]), options)
        }),
    ]);
    // The padding and the frequencies change the gradient alone: linear, but not what differences see.
    for padding in [None, Some(-2)] {
        let table = table();
        let f = |t: &Tensor| -> Result<Tensor> {
            let x = t.detach().requires_grad_(true)?;
            let by_frequency = options.scale_grad_by_freq(true).padding_idx(padding);
            let y = F::embedding(&ids(), &x, by_frequency)?;
            y.mul(t.reshape([2, 2, 2])?)?.sum()?.backward()?;
            Ok(x.grad().unwrap())
        };
        let grad = f(&table).unwrap().to_vec::<f64>().unwrap();
        let g = table.to_vec::<f64>().unwrap();
        let third = |i: usize| match padding {
            None => (g[i] + g[4 + i] + g[6 + i]) / 3.0,
            Some(_) => 0.0,
        };
        let wanted = [g[2], g[3], 0.0, 0.0, third(0), third(1), 0.0, 0.0];
        for (a, b) in grad.iter().zip(wanted) {
            assert!((a - b).abs() < 1e-14, "{grad:?} {wanted:?}");
        }
    }
}

#[test]
fn pairs_and_attention_have_the_right_derivatives() {
    let (x, y) = (distinct(1, &[3, 2]), distinct(2, &[3, 2]));
    let distance = |p: f64| {
        move |t: &[Tensor]| {
            let options = PairwiseDistanceOptions::new().p(p).eps(0.013);
            F::pairwise_distance(&t[0], &t[1], options)
        }
    };
    let bilinear = |t: &[Tensor]| F::bilinear(&t[0], &t[1], &t[2], t.get(3));
    let weight = values(3, &[2, 2, 3]);
    let (q, k, v) = (
        values(1, &[4, 2, 3]),
        values(2, &[2, 3, 3]),
        values(3, &[4, 3, 2]),
    );
    check(vec![
        case!("pairwise_distance", [x.clone(), y.clone()], distance(2.0)),
        case!(
            "pairwise_distance, p 1",
            [x.clone(), y.clone()],
            distance(1.0)
        ),
        case!(
            "pairwise_distance, p 3",
            [x.clone(), distinct(4, &[1, 2])],
            distance(3.0)
        ),
        case!(
            "pairwise_distance, largest",
            [x.clone(), y],
            distance(f64::INFINITY)
        ),
        case!(
            "bilinear",
            [x, values(2, &[3, 3]), weight.clone(), values(4, &[2])],
            bilinear
        ),
        case!(
            "bilinear, vectors",
            [values(1, &[2]), values(2, &[3]), weight],
            bilinear
        ),
        case!("grouped attention", [q, k, v], |t| {
            let options = AttentionOptions::new().enable_gqa(true);
            Generator::seeded(5).scope(|| {
                F::scaled_dot_product_attention(&t[0], &t[1], &t[2], options.dropout_p(0.3))
            })
        }),
    ]);
}

/// The error's text, without a hint.
fn text<T>(result: Result<T>) -> String {
    let text = result.err().expect("an error").to_string();
    text.split("\nhint: ")
        .next()
        .unwrap_or_default()
        .to_string()
}

#[test]
fn what_pytorch_refuses_is_refused_with_its_text() -> Result<()> {
    let ones = |shape: &[usize]| Tensor::ones(shape);
    let x = ones(&[2, 4]);
    let double = Tensor::ones_of([4], DType::F64);
    let norm = |w: &Tensor| F::layer_norm(&x, [4], Some(w), None, 1e-5);
    assert_eq!(
        text(norm(&double)),
        "mixed dtype (CPU): expect parameter to have scalar type of Float"
    );
    assert_eq!(
        text(F::layer_norm(&double, [4], Some(&ones(&[4])), None, 1e-5)),
        "mixed dtype (CPU): all inputs must share same datatype."
    );
    assert_eq!(
        text(F::layer_norm(&ones(&[2, 5]), [4], None, None, 1e-5)),
        "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 5]"
    );
    assert_eq!(
        text(F::rms_norm(&ones(&[2, 5]), [4], None, None)),
        "Given normalized_shape=[4], expected input with shape [*4], but got input of size[2, 5]"
    );
    assert_eq!(
        text(F::group_norm(&ones(&[1, 4]), 4, None, None, 1e-5)),
        "Expected more than 1 value per channel when training, got input size [1, 4]"
    );
    assert_eq!(
        text(F::group_norm(&ones(&[2, 4, 0]), 2, None, None, 1e-5)),
        "Expected HxW to be greater than 0, got 0"
    );
    assert_eq!(
        text(F::instance_norm(
            &ones(&[2, 4, 1]),
            InstanceNormOptions::new()
        )),
        "Expected more than 1 spatial element when training, got input size torch.Size([2, 4, 1])"
    );
    let weight = ones(&[3]);
    assert_eq!(
        text(F::instance_norm(
            &ones(&[2, 4, 3]),
            InstanceNormOptions::new().weight(&weight)
        )),
        "weight should contain 8 elements not 6"
    );
    let affine = InstanceNorm1d::builder(4).affine(true).build()?;
    assert_eq!(
        text(affine.call(&ones(&[5, 3]))),
        "InstanceNorm1d: expected input's size at dim=0 to match num_features (4), but got: 5."
    );
    assert_eq!(
        text(InstanceNorm2d::new(4).call(&ones(&[5, 2]))),
        "InstanceNorm2d: expected 3D or 4D input (got 2D input)"
    );
    assert_eq!(
        text(GroupNorm::builder(0, 4).build()),
        "num_channels (4) must be divisible by num_groups (0)"
    );
    assert_eq!(
        text(LayerNorm::builder(-1).build()),
        "Trying to create tensor with negative dimension -1: [-1]"
    );
    assert_eq!(
        text(Bilinear::builder(0, 3, 2).build()),
        "in1_features must be > 0, but got (in1_features=0)"
    );
    assert_eq!(
        text(F::bilinear(
            &ones(&[2, 3]),
            &ones(&[3, 4]),
            &ones(&[5, 3, 4]),
            None
        )),
        "bilinear(): input batch dimensions do not match at dim 0: got 2 and 3"
    );
    assert_eq!(
        text(F::bilinear(&x, &x, &double.reshape([1, 4, 1])?, None)),
        "All tensors must have the same dtype, got input1: float, input2: float, weight: double"
    );
    let ids = tensor![1, 2, 1];
    let bag = |offsets: &[i64], last: bool| {
        let offsets = Tensor::from_slice(offsets, [offsets.len()])?;
        let options = EmbeddingBagOptions::new().offsets(&offsets);
        F::embedding_bag(&ids, &ones(&[4, 3]), options.include_last_offset(last))
    };
    assert_eq!(
        text(bag(&[1, 2], false)),
        "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got 1"
    );
    assert_eq!(
        text(bag(&[0, 4], false)),
        "offsets[-1] can not be greater than input's length 3 but got offsets[-1] of 4"
    );
    assert_eq!(
        text(bag(&[], true)),
        "include_last_offset: number of offset should be at least 1"
    );
    assert_eq!(
        text(bag(&[0, 2, 1], false)),
        "offsets have to increase, but 1 follows 2"
    );
    assert_eq!(bag(&[], false)?.shape(), [0, 3]);
    assert_eq!(
        text(EmbeddingBag::builder(4, 3).mode("median").build()),
        "mode has to be one of sum, mean or max"
    );
    let heads = ones(&[1, 4, 2, 3]);
    let (three, options) = (
        ones(&[1, 3, 2, 3]),
        AttentionOptions::new().enable_gqa(true),
    );
    assert_eq!(
        text(F::scaled_dot_product_attention(
            &heads, &three, &three, options
        )),
        "Number of heads in key and value must divide the number of heads in query"
    );
    Ok(())
}

#[test]
fn a_sparse_gradient_is_refused_where_there_would_be_one() -> Result<()> {
    let layer = Embedding::builder(4, 2).sparse(true).build()?;
    assert_eq!(layer.to_string(), "Embedding(4, 2, sparse=True)");
    assert!(text(layer.call(&tensor![1])).contains("there are no sparse tensors"));
    layer.requires_grad_(false);
    assert_eq!(layer.call(&tensor![1])?.shape(), [1, 2]);
    let bag = EmbeddingBag::builder(4, 2).sparse(true).build()?;
    let ids = tensor![[1, 2]];
    assert!(text(bag.call((&ids, None, None))).contains("there are no sparse tensors"));
    pleach_core::no_grad(|| bag.call((&ids, None, None))).map(drop)
}

#[test]
fn running_statistics_of_old_files_are_refused_by_instance_norms_without_them() -> Result<()> {
    let norm = InstanceNorm2d::builder(4).affine(true).build()?;
    let mut old = StateDict::new();
    for (name, size) in [
        ("running_mean", 4),
        ("x", 3),
        ("weight", 3),
        ("running_var", 4),
    ] {
        old.insert(name, Tensor::zeros([size]));
    }
    // PyTorch's text.
    let about = "Unexpected running stats buffer(s) \"running_mean\" and \"running_var\" for InstanceNorm2d with track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected because InstanceNorm2d does not track running stats by default since 0.4.0. Please remove these keys from state_dict. If the running stats are actually needed, instead set track_running_stats=True in InstanceNorm2d to enable them. See the documentation of InstanceNorm2d for details.";
    let size = "size mismatch for weight: copying a param with shape torch.Size([3]) from checkpoint, the shape in current model is torch.Size([4]).";
    assert_eq!(
        text(norm.load_state_dict(&old, false)),
        format!("Error(s) in loading state_dict for InstanceNorm2d:\n\t{about}\n\t{size}")
    );
    assert_eq!(
        text(norm.load_state_dict(&old, true)),
        format!(
            "Error(s) in loading state_dict for InstanceNorm2d:\n\tMissing key(s) in state_dict: \"bias\". \n\tUnexpected key(s) in state_dict: \"x\". \n\t{about}\n\t{size}"
        )
    );
    // A file that knows its versions may have them: they are unexpected, as anything else.
    old.set_versions(Some([("", 2)].into_iter().collect()));
    old.remove("weight");
    let keys = norm.load_state_dict(&old, false)?;
    assert_eq!(keys.unexpected_keys, ["running_mean", "x", "running_var"]);
    Ok(())
}

#[test]
fn aliases_of_a_table_see_rows_that_a_call_has_scaled_down() -> Result<()> {
    let table = tensor![[3.0, 4.0], [30.0, 40.0]];
    let builder = Embedding::from_pretrained(&table)
        .max_norm(1.0)
        .freeze(false);
    let layer = builder.build()?;
    let tied = layer.weight.share();
    layer.call(&tensor![0])?.sum()?.backward()?;
    assert!(
        tied.data()
            .allclose(&tensor![[0.6, 0.8], [30.0, 40.0]], 1e-6, 0.0)?
    );
    assert_eq!(tied.grad().unwrap().to_vec::<f32>()?, [1.0, 1.0, 0.0, 0.0]);
    // What was given is a value.
    assert_eq!(table.to_vec::<f32>()?, [3.0, 4.0, 30.0, 40.0]);
    Ok(())
}
