//! The module tree: calls, containers, listings, hooks, state dicts.

use pleach::nn::layers::{BatchNorm2d, Conv2d, ReLU};
use pleach::nn::{
    Chain, Forward, ForwardMany, Listing, MemberMut, Module, ModuleDict, ModuleExt, ModuleList,
    Node, ParameterDict, Sequential, Setting, StateDict, Versions, fuse, fuse_conv_bn, same,
};
use pleach::{Error, Result, Tensor};

use super::functional::input;
use super::{Call, Program, call};

const NAMES: [&str; 12] = [
    "0",
    "1",
    "weight",
    "0.weight",
    "conv",
    "",
    ".",
    "a.b",
    "running_mean",
    "-1",
    "0.0",
    "é",
];

fn sequential(p: &mut Program) -> Sequential {
    let mut net = Sequential::new();
    for _ in 0..p.bytes.below(5) {
        net.push(p.module());
    }
    net
}

fn called(p: &mut Program) -> Result<()> {
    let (module, x) = (p.module(), p.tensor()?);
    let y = module.call(&x)?;
    p.keep_and_go_back(y)
}

fn build_sequential(p: &mut Program) -> Result<()> {
    let mut net = match p.bytes.flag() {
        true => Sequential::new(),
        false => Sequential::named("Net"),
    };
    for _ in 0..p.bytes.below(8) {
        let (at, name) = (p.bytes.whole(), p.bytes.text(&NAMES));
        let module = p.module();
        let done = match p.bytes.below(8) {
            0 => net.insert(at, module),
            1 => net.set(at, module).map(drop),
            2 => net.set(name, module).map(drop),
            3 => net.remove(at).map(drop),
            4 => net.push_named(name, module),
            5 => {
                net.pop();
                Ok(())
            }
            6 => {
                net = std::mem::take(&mut net).append(module);
                Ok(())
            }
            _ => {
                net.push(module);
                Ok(())
            }
        };
        if done.is_ok() {
            assert_eq!(net.is_empty(), net.iter().next().is_none());
            assert_eq!(net.iter().count(), net.len());
            assert_eq!(net.iter_mut().count(), net.len());
        }
    }
    let (a, b) = (p.bytes.whole(), p.bytes.whole());
    let part = match p.bytes.below(5) {
        0 => net.slice(a..b),
        1 => net.slice(a..=b),
        2 => net.slice(..b),
        3 => net.slice((std::ops::Bound::Excluded(a), std::ops::Bound::Unbounded)),
        _ => net.slice(..),
    };
    assert!(part.len() <= net.len());
    let _ = (
        net.get(a),
        net.get(p.bytes.text(&NAMES)),
        part.share(),
        part.deep_copy(),
    );
    if let Ok(child) = net.get_mut(p.bytes.size()) {
        child.eval();
    }
    let name = p.bytes.text(&["one", "two"]);
    p.keep_module(Sequential::new().append_named(name, part));
    p.keep_module(net);
    Ok(())
}

fn module_list(p: &mut Program) -> Result<()> {
    let mut list = ModuleList::new();
    for _ in 0..p.bytes.below(7) {
        let (at, module) = (p.bytes.whole(), sequential(p));
        let _ = match p.bytes.below(6) {
            0 => list.insert(at, module),
            1 => list.set(at, module).map(drop),
            2 => list.remove(at).map(drop),
            3 => {
                list.pop();
                Ok(())
            }
            4 => {
                list = std::mem::take(&mut list).append(module);
                Ok(())
            }
            _ => {
                list.push(module);
                Ok(())
            }
        };
    }
    assert_eq!(list.iter().count(), list.len());
    list.iter_mut().for_each(|m| m.train());
    let (a, b) = (p.bytes.whole(), p.bytes.whole());
    let part = list.slice(a..b);
    assert!(part.is_empty() || part.len() <= list.len());
    let _ = (
        part.to_string(),
        list.share().to_string(),
        list.deep_copy().state_dict(),
    );
    let _ = list.get_mut(b).map(|m| m.type_name());
    list.get(a).map(drop)
}

fn module_dict(p: &mut Program) -> Result<()> {
    let mut dict = ModuleDict::new();
    for _ in 0..p.bytes.below(7) {
        let (name, module) = (p.bytes.text(&NAMES), sequential(p));
        match p.bytes.below(6) {
            0 => drop(dict.remove(name)),
            1 => drop(dict.get_mut(name).map(|m| m.eval())),
            2 if p.bytes.one_in(8) => dict.clear(),
            _ => drop(dict.insert(name, module)),
        }
        assert_eq!(dict.contains_key(name), dict.get(name).is_ok());
    }
    assert!(dict.keys().eq(dict.iter().map(|e| e.0)) && dict.values().count() == dict.len());
    dict.iter_mut().for_each(|(_, m)| m.zero_grad());
    assert_eq!(dict.is_empty(), dict.iter().next().is_none());
    let _ = (
        dict.to_string(),
        dict.share().named_modules().len(),
        dict.deep_copy(),
    );
    Ok(())
}

fn parameter_dict(p: &mut Program) -> Result<()> {
    let mut dict = ParameterDict::new();
    for _ in 0..p.bytes.below(7) {
        let (name, parameter) = (p.bytes.text(&NAMES), p.parameter()?);
        match p.bytes.below(7) {
            0 => drop(dict.remove(name)),
            1 => drop(dict.get_mut(name).map(|old| *old = parameter)),
            2 if p.bytes.one_in(8) => dict.clear(),
            _ => drop(dict.insert(name, parameter)),
        }
        assert_eq!(dict.contains_key(name), dict.get(name).is_ok());
    }
    assert!(dict.keys().count() == dict.len() && dict.iter().count() == dict.len());
    assert_eq!(dict.iter_mut().count(), dict.values().count());
    let _ = (
        dict.is_empty(),
        dict.to_string(),
        dict.share().num_parameters(),
    );
    let state = dict.deep_copy().state_dict();
    p.keep_state_dict(state);
    Ok(())
}

fn state(p: &mut Program) -> Result<()> {
    let net = sequential(p);
    let own = net.state_dict();
    assert!(
        net.load_state_dict(&own, true).is_ok(),
        "a model loads its own state"
    );
    let mut other = p.state_dict();
    let (name, x) = (p.bytes.text(&NAMES), p.tensor()?);
    match p.bytes.below(4) {
        0 => drop(other.insert(name, x)),
        1 => drop(other.remove(name)),
        2 => other.extend(own.iter().map(|(name, t)| (name.to_string(), t.clone()))),
        _ => {
            let mut versions = Versions::new();
            assert!(versions.is_empty());
            versions.insert(name, 7);
            assert_eq!(versions.get(name), Some(7));
            assert_eq!(versions.len(), versions.iter().count());
            assert_eq!(
                (versions.get(name), versions.len()),
                (Some(7), versions.iter().count())
            );
            assert!(!versions.is_empty());
            other.set_versions(Some(versions));
        }
    }
    assert_eq!(other.contains_key(name), other.get(name).is_some());
    assert_eq!(
        (other.keys().count(), other.values().count()),
        (other.len(), other.iter().count())
    );
    let _ = (
        format!("{other:?}"),
        other.is_empty(),
        other.versions().is_some() && other.uninitialized().is_empty(),
    );
    if let Ok(report) = net.load_matching(&other) {
        let _ = report.to_string();
    }
    let strict = p.bytes.flag();
    p.keep_state_dict(own);
    p.keep_state_dict(other.clone());
    let module = p.module();
    module
        .load_state_dict(&other, strict)
        .map(|keys| drop(keys.to_string()))
}

fn listings(p: &mut Program) -> Result<()> {
    let mut net = sequential(p);
    let (mut members, mut again) = (0, 0);
    net.visit(&mut |_, _| members += 1);
    net.visit_mut(&mut |_, _| again += 1);
    assert_eq!(members, again);
    assert!(net.node().is_some() && net.type_name() == "Sequential");
    let all = [
        Listing::default(),
        Listing::own(),
        Listing::with_duplicates(),
    ];
    let listing = p.bytes.pick(&all);
    let _ = net.named_modules_with(listing).len();
    let _ = net.named_parameters_with(listing).len() + net.named_buffers_with(listing).len();
    assert_eq!(net.named_parameters().len(), net.parameters().len());
    assert_eq!(net.named_buffers().len(), net.buffers().len());
    assert_eq!(net.named_modules().len(), net.modules().len());
    assert_eq!(net.named_children().len(), net.children().len());
    for (path, _) in net.named_modules() {
        assert!(net.get_module(&path).is_ok(), "{path}");
    }
    for parameter in net.parameters() {
        p.keep_parameter(parameter);
    }
    net.get_parameter(p.bytes.text(&NAMES))?;
    net.get_module(p.bytes.text(&NAMES)).map(drop)
}

fn changes(p: &mut Program) -> Result<()> {
    let mut net = sequential(p);
    let failing = p.bytes.below(5);
    let mut seen = 0;
    net.apply(&mut |module| module.eval());
    let applied = net.try_apply(&mut |_| {
        seen += 1;
        match seen == failing {
            true => Err(Error::other("here")),
            false => Ok(()),
        }
    });
    assert!(applied.is_ok() || seen == failing);
    net.apply_to::<BatchNorm2d>(|norm| norm.set_eps(1e-3));
    let _ = net.try_apply_to::<Conv2d>(|conv| conv.reset_parameters());
    let _ = net
        .get_module_as::<Conv2d>("0")
        .map(|conv| conv.in_channels);
    let _ = net
        .get_module_as_mut::<ReLU>(p.bytes.text(&NAMES))
        .map(|relu| relu.inplace = true);
    let _ = net
        .get_module_mut(p.bytes.text(&NAMES))
        .map(|m| m.is::<Sequential>());
    if let Ok(first) = net.get_mut(0) {
        let is_conv = first.downcast_ref::<Conv2d>().is_some();
        assert_eq!(first.downcast_mut::<Conv2d>().is_some(), is_conv);
    }
    let (module, parameter) = (p.module(), p.parameter()?);
    let _ = net.set_module(p.bytes.text(&NAMES), module);
    let _ = net.set_parameter(p.bytes.text(&NAMES), parameter);
    let (mut module, keep) = (Some(p.module()), p.bytes.flag());
    net.visit_mut(&mut |_, member| match (member, module.take()) {
        (MemberMut::Child(child), Some(_)) if keep => child.into_module().eval(),
        (MemberMut::Child(child), Some(module)) => drop(child.replace(module)),
        _ => {}
    });
    assert!(net.wrapped().is_none() && net.wrapped_mut().is_none() && !net.collapses());
    net.train();
    let dtype = p.bytes.dtype();
    match p.bytes.below(6) {
        0 => net.freeze(),
        1 => net.unfreeze(),
        2 => net.requires_grad_(p.bytes.flag()),
        3 => net.to_dtype(dtype)?,
        4 => net.set_training(p.bytes.flag()),
        _ => net.zero_grad(),
    }
    let _ = (
        net.is_training(),
        net.num_parameters(),
        net.extra_repr(),
        net.version(),
    );
    p.keep_module(net);
    Ok(())
}

fn hooks(p: &mut Program) -> Result<()> {
    let (net, other) = (sequential(p), p.tensor()?);
    let (replace, fail) = (p.bytes.flag(), p.bytes.one_in(6));
    let before = net.register_forward_pre_hook(move |module, _| {
        let _ = module.to_string();
        match fail {
            true => Err(Error::other("hooked")),
            false => Ok(replace.then(|| other.clone())),
        }
    })?;
    let after = net.register_forward_hook(|module, _, y| {
        module.zero_grad();
        Ok(y[0].clone())
    })?;
    let grads = net.register_full_backward_hook(|_, x, _| Ok(x.to_vec()))?;
    let out = net.register_full_backward_pre_hook(|_, _| Ok(()))?;
    let x = p.tensor()?;
    if let Ok(y) = net.call(&x) {
        p.keep(y)?;
    }
    if p.bytes.flag() {
        for handle in [before, after, grads, out] {
            handle.remove();
        }
    }
    p.keep_module(net);
    Ok(())
}

fn fused(p: &mut Program) -> Result<()> {
    let c = 1 + p.bytes.below(4);
    let conv = Conv2d::builder(c, c, 1 + p.bytes.below(4))
        .padding(p.bytes.padding())
        .build()?;
    let norm = BatchNorm2d::new(c + usize::from(p.bytes.one_in(8)));
    if !p.bytes.one_in(6) {
        conv.eval();
        norm.eval();
    }
    if let Ok(both) = fuse_conv_bn(&conv, &norm) {
        p.keep_module(both);
    }
    let net = Sequential::new()
        .append(conv)
        .append(norm)
        .append(p.module());
    let x = input::<2>(p, c)?;
    let mut fused = net.share();
    let _ = fuse(&mut fused, |net| net.call(&x));
    let _ = (fused.call(&x).is_ok(), net.call(&x).is_ok());
    p.keep_module(fused);
    Ok(())
}

/// One module for one or two tensors.
#[derive(pleach::nn::Module)]
struct Both(Box<dyn Forward>);

impl ForwardMany for Both {
    type Arguments<'a> = (&'a Tensor, Option<&'a Tensor>);
    type Output = (Tensor, Option<Tensor>);
    fn forward(&self, (x, y): Self::Arguments<'_>) -> Result<Self::Output> {
        let y = y.map(|y| self.0.call(y)).transpose()?;
        Ok((self.0.call(x)?, y))
    }
}

pub const CALLS: &[Call] = &[
    call("Forward::call", called),
    call("Forward::call Forward::forward", |p| {
        let (module, x) = (p.module(), p.tensor()?);
        let y = module.forward(&x)?;
        p.keep_and_go_back(y)
    }),
    call("Forward::call", called),
    call("Forward::call Module::to_string", |p| {
        let net = sequential(p);
        let x = p.tensor()?;
        let _ = format!("{net} {net:?}");
        p.keep_and_go_back(net.call(&x)?)
    }),
    call("ForwardMany::call ForwardMany::forward", |p| {
        let both = Both(p.module());
        let (x, y) = (p.tensor()?, p.tensor()?);
        let given = (&x, p.bytes.flag().then_some(&y));
        let _ = ForwardMany::forward(&both, given).is_ok();
        let (x, y) = both.call(given)?;
        p.keep_all(y.into_iter().collect())?;
        p.keep_and_go_back(x)
    }),
    call(
        "Chain::of Chain::call Chain::add Chain::add_with Chain::run",
        |p| {
            let (module, x) = (p.module(), p.tensor()?);
            let residual = p.same_shape(&x)?;
            let relu = ReLU::new();
            p.keep_and_go_back(Chain::of(&x).call(&*module).call(&relu).run()?)?;
            let sum = Chain::of(&x)
                .call(&*module)
                .add_with(|| Ok(residual.clone()));
            p.keep_and_go_back(sum.add(&x).call(&relu).run()?)
        },
    ),
    call(
        "Sequential::new Sequential::named Sequential::append Sequential::append_named \
         Sequential::push Sequential::push_named Sequential::insert Sequential::set \
         Sequential::remove Sequential::pop Sequential::get Sequential::get_mut Sequential::len \
         Sequential::is_empty Sequential::iter Sequential::iter_mut Sequential::slice",
        build_sequential,
    ),
    call(
        "ModuleList::new ModuleList::append ModuleList::push ModuleList::insert ModuleList::set \
         ModuleList::remove ModuleList::pop ModuleList::get ModuleList::get_mut ModuleList::len \
         ModuleList::is_empty ModuleList::iter ModuleList::iter_mut ModuleList::slice",
        module_list,
    ),
    call(
        "ModuleDict::new ModuleDict::insert ModuleDict::remove ModuleDict::clear ModuleDict::get \
         ModuleDict::get_mut ModuleDict::contains_key ModuleDict::len ModuleDict::is_empty \
         ModuleDict::keys ModuleDict::values ModuleDict::iter ModuleDict::iter_mut",
        module_dict,
    ),
    call(
        "ParameterDict::new ParameterDict::insert ParameterDict::remove ParameterDict::get \
         ParameterDict::get_mut ParameterDict::clear ParameterDict::contains_key \
         ParameterDict::len ParameterDict::is_empty ParameterDict::keys ParameterDict::values \
         ParameterDict::iter ParameterDict::iter_mut",
        parameter_dict,
    ),
    call(
        "StateDict::new StateDict::get StateDict::contains_key StateDict::insert \
         StateDict::remove StateDict::len StateDict::is_empty StateDict::iter StateDict::keys \
         StateDict::values StateDict::versions StateDict::uninitialized StateDict::set_versions Versions::new \
         Versions::get Versions::insert Versions::iter Versions::len Versions::is_empty \
         Module::state_dict \
         Module::load_state_dict Module::load_matching",
        state,
    ),
    call(
        "Listing::own Listing::with_duplicates Module::named_modules_with \
         Module::named_parameters_with Module::named_buffers_with Module::named_modules \
         Module::named_parameters Module::named_buffers Module::named_children Module::modules \
         Module::parameters Module::buffers Module::children Module::visit Module::visit_mut \
         Module::node Module::type_name Module::get_module Module::get_parameter",
        listings,
    ),
    call(
        "Module::apply Module::try_apply ModuleExt::apply_to ModuleExt::try_apply_to \
         ModuleExt::is ModuleExt::downcast_ref ModuleExt::downcast_mut Module::get_module_mut \
         Module::train Module::eval ModuleExt::is_training Module::num_parameters \
         Module::extra_repr Module::version \
         Module::collapses Module::wrapped Module::wrapped_mut ChildMut::into_module \
         ChildMut::replace ModuleExt::set_module ModuleExt::set_parameter \
         ModuleExt::get_module_as ModuleExt::get_module_as_mut Module::freeze Module::unfreeze \
         Module::requires_grad_ Module::to_dtype Module::set_training Module::zero_grad",
        changes,
    ),
    call(
        "ModuleExt::register_forward_pre_hook ModuleExt::register_forward_hook \
         ModuleExt::register_full_backward_hook ModuleExt::register_full_backward_pre_hook \
         HookHandle::remove",
        hooks,
    ),
    call("fuse_conv_bn fuse", fused),
    call(
        "Node::new Node::named Node::share Node::deep_copy Node::id Node::is_training \
         Node::set_training Node::is_frozen Node::set_frozen Node::name same Setting::new \
         Setting::get Setting::set Setting::share",
        |p| {
            let node = Node::named("Name");
            node.set_training(p.bytes.flag());
            node.set_frozen(p.bytes.flag());
            assert!(!(node.is_training() && node.is_frozen()));
            assert!(node.share().id() == node.id() && node.deep_copy().id() != Node::new().id());
            assert_eq!(node.name(), Some("Name"));
            let setting = Setting::new(p.bytes.float());
            let alias = setting.share();
            setting.set(1.0);
            assert_eq!(alias.get(), 1.0);
            let net = sequential(p);
            assert!(same(&net, &net.share()) && !same(&net, &net.deep_copy()));
            Ok(())
        },
    ),
    call("StateDict::from_iter", |p| {
        let (a, b) = (p.tensor()?, p.tensor()?);
        let dict = StateDict::from_iter([(p.bytes.text(&NAMES), a), (p.bytes.text(&NAMES), b)]);
        p.keep_state_dict(dict);
        Ok(())
    }),
];
