//! Twins of the user classes that the golden data defines in Python (the files' `classes` text).

use pleach::nn::layers::{
    BatchNorm1d, BatchNorm2d, Conv2d, Embedding, GroupNorm, LayerNorm, Linear, PReLU, ReLU, Tanh,
};
use pleach::nn::{Forward, Module, ModuleDict, ModuleList, Node, ParameterList, Sequential};
use pleach::{Buffer, Parameter, Result, Tensor};

use super::module_object::ModuleHandle;
use super::value::Builtin;

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "sim_net" => |a| {
            a.none("sim_net")?;
            ModuleHandle::layer(SimNet::new()?)
        },
        "MyModel" => |a| {
            a.none("MyModel")?;
            ModuleHandle::tree(MyModel::new())
        },
        "MLP" => |a| {
            a.none("MLP")?;
            ModuleHandle::tree(Mlp::new())
        },
        "SharedLayer" => |a| {
            a.none("SharedLayer")?;
            ModuleHandle::layer(SharedLayer::new()?)
        },
        "Reassigned" => |a| {
            a.none("Reassigned")?;
            ModuleHandle::tree(Reassigned::new())
        },
        "Cyclic3" => |a| {
            a.none("Cyclic3")?;
            ModuleHandle::tree(Cyclic3::new())
        },
        "ParamsOnly" => |a| {
            a.none("ParamsOnly")?;
            ModuleHandle::tree(ParamsOnly::new())
        },
        "ExtraAndChildren" => |a| {
            a.none("ExtraAndChildren")?;
            ModuleHandle::tree(ExtraAndChildren::new())
        },
        "ExtraAndChildren2" => |a| {
            a.none("ExtraAndChildren2")?;
            ModuleHandle::tree(ExtraAndChildren2::new())
        },
        "MultiLineExtra" => |a| {
            a.none("MultiLineExtra")?;
            ModuleHandle::tree(MultiLineExtra)
        },
        "NoneChild" => |a| {
            a.none("NoneChild")?;
            ModuleHandle::tree(NoneChild::new())
        },
        "ListNet" => |a| {
            a.none("ListNet")?;
            ModuleHandle::tree(ListNet::new())
        },
        "Own" => |a| {
            a.none("Own")?;
            ModuleHandle::tree(Own::new()?)
        },
        "TiedWeights" => |a| {
            a.none("TiedWeights")?;
            ModuleHandle::tree(TiedWeights::new())
        },
        "BnNet" => |a| {
            a.none("BnNet")?;
            ModuleHandle::tree(BnNet::new()?)
        },
        "SharedAcrossParents" => |a| {
            a.none("SharedAcrossParents")?;
            ModuleHandle::tree(SharedAcrossParents::new())
        },
        "Lists" => |a| {
            a.none("Lists")?;
            ModuleHandle::tree(Lists::new()?)
        },
        _ => return None,
    })
}

#[derive(Module)]
#[module(name = "sim_net")]
struct SimNet {
    l1: Sequential,
    l2: Sequential,
    l3: Sequential,
}

impl SimNet {
    fn new() -> Result<Self> {
        let first = Linear::new(30, 40);
        first.weight.set_data(Tensor::randn([40, 30]))?;
        Ok(SimNet {
            l1: Sequential::new().append(first).append(ReLU::new()),
            l2: Sequential::new()
                .append(Linear::new(40, 50))
                .append(ReLU::new()),
            l3: Sequential::new()
                .append(Linear::new(50, 10))
                .append(ReLU::new()),
        })
    }
}

impl Forward for SimNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.l3.call(&self.l2.call(&self.l1.call(x)?)?)
    }
}

/// One layer in two containers.
#[derive(Module)]
struct SharedAcrossParents {
    left: Sequential,
    right: Sequential,
    head: Linear,
}

impl SharedAcrossParents {
    fn new() -> Self {
        let core = Linear::new(2, 2);
        SharedAcrossParents {
            left: Sequential::new().append(core.share()).append(Tanh::new()),
            right: Sequential::new().append(BatchNorm1d::new(2)).append(core),
            head: Linear::new(2, 1),
        }
    }
}

/// Every container; what stands in a `Vec` that is no module is in no tree.
#[derive(Module)]
struct Lists {
    blocks: ModuleList,
    d: ModuleDict,
    ps: ParameterList,
}

impl Lists {
    fn new() -> Result<Self> {
        let mut blocks = ModuleList::new();
        blocks.push(Linear::new(2, 2));
        blocks.push(ReLU::new());
        blocks.push(Linear::new(2, 2));
        let mut d = ModuleDict::new();
        d.insert("z", Linear::new(1, 1))?;
        d.insert("a", PReLU::new())?;
        let mut ps = ParameterList::new();
        ps.push(Parameter::new(Tensor::zeros([1])));
        ps.push(Parameter::new(Tensor::zeros([2])));
        let _unseen = Linear::new(9, 9);
        Ok(Lists { blocks, d, ps })
    }
}

/// One parameter in two layers.
#[derive(Module)]
struct TiedWeights {
    emb: Embedding,
    proj: Linear,
}

impl TiedWeights {
    fn new() -> Self {
        let (emb, mut proj) = (Embedding::new(5, 3), Linear::new(3, 5));
        proj.weight = emb.weight.share();
        TiedWeights { emb, proj }
    }
}

/// Norms with and without parameters and statistics.
#[derive(Module)]
struct BnNet {
    conv: Conv2d,
    bn: BatchNorm2d,
    bn2: BatchNorm2d,
    bn3: BatchNorm2d,
    gn: GroupNorm,
    ln: LayerNorm,
}

impl BnNet {
    fn new() -> Result<Self> {
        let norm = || BatchNorm2d::builder(4);
        Ok(BnNet {
            conv: Conv2d::builder(3, 4, 3).bias(false).build()?,
            bn: norm().build()?,
            bn2: norm().affine(false).build()?,
            bn3: norm().track_running_stats(false).build()?,
            gn: GroupNorm::new(2, 4),
            ln: LayerNorm::builder(4).bias(false).build()?,
        })
    }
}

/// Parameters, buffers and children interleaved.
#[derive(Module)]
struct Own {
    child1: BatchNorm1d,
    w: Parameter,
    buf: Buffer,
    child2: Linear,
    tmp: Buffer,
    none_buf: Option<Buffer>,
    none_par: Option<Parameter>,
    v: Parameter,
    #[module(show_none)]
    none_mod: Option<Linear>,
}

impl Own {
    fn new() -> Result<Self> {
        Ok(Own {
            child1: BatchNorm1d::new(2),
            w: Parameter::new(Tensor::ones([2])),
            buf: Buffer::new(Tensor::zeros([3])),
            child2: Linear::builder(2, 2).bias(false).build()?,
            tmp: Buffer::non_persistent(Tensor::zeros([1])),
            none_buf: None,
            none_par: None,
            v: Parameter::frozen(Tensor::ones([1])),
            none_mod: None,
        })
    }
}

/// A plain tensor is no parameter.
#[derive(Module)]
struct MyModel {
    weight1: Parameter,
    _weight2: Tensor,
}

impl MyModel {
    fn new() -> Self {
        MyModel {
            weight1: Parameter::new(Tensor::rand([20, 20])),
            _weight2: Tensor::rand([20, 20]),
        }
    }
}

#[derive(Module)]
#[module(name = "MLP")]
struct Mlp {
    hidden: Conv2d,
    act: ReLU,
    output: Linear,
}

impl Mlp {
    fn new() -> Self {
        Mlp {
            hidden: Conv2d::new(1, 1, 3),
            act: ReLU::new(),
            output: Linear::new(10, 1),
        }
    }
}

/// One layer under two names of one parent, and again inside a child.
#[derive(Module)]
struct SharedLayer {
    node: Node,
    a: Linear,
    mid: ReLU,
    b: Linear,
    inner: Sequential,
}

impl SharedLayer {
    fn new() -> Result<Self> {
        let fc = Linear::new(3, 3);
        Ok(SharedLayer {
            node: Node::new(),
            a: fc.share(),
            mid: ReLU::new(),
            b: fc.share(),
            inner: Sequential::new()
                .append(Linear::builder(3, 3).bias(false).build()?)
                .append(fc),
        })
    }
}

impl Forward for SharedLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.mid.call(&self.a.call(x)?)?;
        self.inner.call(&self.b.call(&x)?)
    }
}

/// In Python `a` is replaced and keeps its place; `b` is deleted and added again at the end. A
/// struct has its fields in the order that comes of it.
#[derive(Module)]
struct Reassigned {
    a: Linear,
    c: Linear,
    b: Linear,
}

impl Reassigned {
    fn new() -> Self {
        // The draws of the layers that are replaced.
        let _ = (Linear::new(1, 1), Linear::new(1, 1));
        let c = Linear::new(1, 1);
        Reassigned {
            a: Linear::new(1, 2),
            c,
            b: Linear::new(1, 3),
        }
    }
}

/// The same Sequential at three depths.
#[derive(Module)]
struct Cyclic3 {
    x: Sequential,
    y: Sequential,
    z: Sequential,
}

impl Cyclic3 {
    fn new() -> Self {
        let s = Sequential::new().append(Linear::new(1, 1));
        Cyclic3 {
            x: s.share(),
            y: Sequential::new()
                .append(s.share())
                .append(Sequential::new().append(s.share())),
            z: s,
        }
    }
}

/// Neither a parameter nor a buffer prints.
#[derive(Module)]
struct ParamsOnly {
    w: Parameter,
    b: Buffer,
}

impl ParamsOnly {
    fn new() -> Self {
        ParamsOnly {
            w: Parameter::new(Tensor::zeros([2])),
            b: Buffer::new(Tensor::zeros([3])),
        }
    }
}

#[derive(Module)]
#[module(extra_repr)]
struct ExtraAndChildren {
    fc: Linear,
    act: ReLU,
}

impl ExtraAndChildren {
    fn new() -> Self {
        ExtraAndChildren {
            fc: Linear::new(2, 3),
            act: ReLU::new(),
        }
    }

    fn extra_repr(&self) -> String {
        "size=3, mode=fast".to_string()
    }
}

#[derive(Module)]
#[module(extra_repr)]
struct ExtraAndChildren2 {
    block: Sequential,
    head: ExtraAndChildren,
}

impl ExtraAndChildren2 {
    fn new() -> Self {
        ExtraAndChildren2 {
            block: Sequential::new()
                .append(Conv2d::new(1, 2, 3))
                .append(ReLU::builder().inplace(true).build().expect("no error")),
            head: ExtraAndChildren::new(),
        }
    }

    fn extra_repr(&self) -> String {
        "depth=2".to_string()
    }
}

#[derive(Module)]
#[module(extra_repr)]
struct MultiLineExtra;

impl MultiLineExtra {
    fn extra_repr(&self) -> String {
        "first=1\nsecond=2".to_string()
    }
}

/// A child registered as None prints; an attribute that is None does not.
#[derive(Module)]
struct NoneChild {
    a: Linear,
    #[module(show_none)]
    down: Option<Linear>,
    b: Option<Linear>,
}

impl NoneChild {
    fn new() -> Self {
        NoneChild {
            a: Linear::new(1, 1),
            down: None,
            b: None,
        }
    }
}

#[derive(Module)]
struct ListNet {
    inp: Linear,
    hidden: ModuleList,
    out: Linear,
}

impl ListNet {
    fn new() -> Self {
        ListNet {
            inp: Linear::new(4, 8),
            hidden: (0..4).map(|_| Linear::new(8, 8)).collect(),
            out: Linear::new(8, 2),
        }
    }
}
