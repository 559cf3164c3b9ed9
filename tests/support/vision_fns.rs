//! Functions of `torchvision.models`.

use pleach::vision::models::{
    AlexNetBuilder, DenseNetBuilder, MobileNetV2Builder, ResNetBuilder, SqueezeNetBuilder,
    VGGBuilder,
};

use super::args::{Args, Bound};
use super::module_object::ModuleHandle;
use super::value::{Builtin, Eval, Value, bug, unknown};

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "resnet18" => |a| resnet(ResNetBuilder::resnet18(), a),
        "resnet34" => |a| resnet(ResNetBuilder::resnet34(), a),
        "resnet50" => |a| resnet(ResNetBuilder::resnet50(), a),
        "resnet101" => |a| resnet(ResNetBuilder::resnet101(), a),
        "resnet152" => |a| resnet(ResNetBuilder::resnet152(), a),
        "resnext50_32x4d" => |a| resnet(ResNetBuilder::resnext50_32x4d(), a),
        "resnext101_32x8d" => |a| resnet(ResNetBuilder::resnext101_32x8d(), a),
        "resnext101_64x4d" => |a| resnet(ResNetBuilder::resnext101_64x4d(), a),
        "wide_resnet50_2" => |a| resnet(ResNetBuilder::wide_resnet50_2(), a),
        "wide_resnet101_2" => |a| resnet(ResNetBuilder::wide_resnet101_2(), a),
        "vgg11" => |a| vgg(VGGBuilder::vgg11(), a),
        "vgg11_bn" => |a| vgg(VGGBuilder::vgg11_bn(), a),
        "vgg13" => |a| vgg(VGGBuilder::vgg13(), a),
        "vgg13_bn" => |a| vgg(VGGBuilder::vgg13_bn(), a),
        "vgg16" => |a| vgg(VGGBuilder::vgg16(), a),
        "vgg16_bn" => |a| vgg(VGGBuilder::vgg16_bn(), a),
        "vgg19" => |a| vgg(VGGBuilder::vgg19(), a),
        "vgg19_bn" => |a| vgg(VGGBuilder::vgg19_bn(), a),
        "alexnet" => alexnet,
        "mobilenet_v2" => mobilenet_v2,
        "densenet121" => |a| densenet(DenseNetBuilder::densenet121(), a),
        "densenet161" => |a| densenet(DenseNetBuilder::densenet161(), a),
        "densenet169" => |a| densenet(DenseNetBuilder::densenet169(), a),
        "densenet201" => |a| densenet(DenseNetBuilder::densenet201(), a),
        "squeezenet1_0" => |a| squeezenet(SqueezeNetBuilder::squeezenet1_0(), a),
        "squeezenet1_1" => |a| squeezenet(SqueezeNetBuilder::squeezenet1_1(), a),
        _ => return None,
    })
}

/// The arguments that all models have, and these.
fn bind(a: Args, model: &str, own: &[&str]) -> Eval<Bound> {
    let names = [&["*", "weights", "progress", "num_classes"][..], own].concat();
    let a = a.bind(model, &names)?;
    match a.opt("weights") {
        Some(_) => unknown("trained weights"),
        None => Ok(a),
    }
}

/// Sets an option of a builder where it was given.
macro_rules! option {
    ($builder:ident.$method:ident($value:expr)) => {
        if let Some(value) = $value {
            $builder = $builder.$method(value);
        }
    };
}

fn resnet(mut builder: ResNetBuilder, a: Args) -> Eval {
    let a = bind(
        a,
        "resnet",
        &[
            "zero_init_residual",
            "groups",
            "width_per_group",
            "replace_stride_with_dilation",
        ],
    )?;
    if let Some(classes) = a.opt_usize("num_classes")? {
        builder = builder.num_classes(classes);
    }
    if let Some(groups) = a.opt_usize("groups")? {
        builder = builder.groups(groups);
    }
    if let Some(width) = a.opt_usize("width_per_group")? {
        builder = builder.width_per_group(width);
    }
    if let Some(stages) = a.opt("replace_stride_with_dilation") {
        let [Value::Bool(a), Value::Bool(b), Value::Bool(c)] = stages.items()?[..] else {
            return bug("replace_stride_with_dilation takes three truth values");
        };
        builder = builder.replace_stride_with_dilation([a, b, c]);
    }
    let zero = a.bool_or("zero_init_residual", false)?;
    ModuleHandle::layer(builder.zero_init_residual(zero).build()?)
}

fn vgg(mut builder: VGGBuilder, a: Args) -> Eval {
    let a = bind(a, "vgg", &["init_weights", "dropout"])?;
    option!(builder.num_classes(a.opt_usize("num_classes")?));
    option!(builder.dropout(a.opt_f64("dropout")?));
    let init = a.bool_or("init_weights", true)?;
    ModuleHandle::layer(builder.init_weights(init).build()?)
}

fn alexnet(a: Args) -> Eval {
    let a = bind(a, "alexnet", &["dropout"])?;
    let mut builder = AlexNetBuilder::new();
    option!(builder.num_classes(a.opt_usize("num_classes")?));
    option!(builder.dropout(a.opt_f64("dropout")?));
    ModuleHandle::layer(builder.build()?)
}

fn mobilenet_v2(a: Args) -> Eval {
    let a = bind(
        a,
        "mobilenet_v2",
        &["width_mult", "round_nearest", "dropout"],
    )?;
    let mut builder = MobileNetV2Builder::new();
    option!(builder.num_classes(a.opt_usize("num_classes")?));
    option!(builder.width_mult(a.opt_f64("width_mult")?));
    option!(builder.round_nearest(a.opt_usize("round_nearest")?));
    option!(builder.dropout(a.opt_f64("dropout")?));
    ModuleHandle::layer(builder.build()?)
}

fn densenet(mut builder: DenseNetBuilder, a: Args) -> Eval {
    let a = bind(a, "densenet", &["bn_size", "drop_rate"])?;
    option!(builder.num_classes(a.opt_usize("num_classes")?));
    option!(builder.bn_size(a.opt_usize("bn_size")?));
    option!(builder.drop_rate(a.opt_f64("drop_rate")?));
    ModuleHandle::layer(builder.build()?)
}

fn squeezenet(mut builder: SqueezeNetBuilder, a: Args) -> Eval {
    let a = bind(a, "squeezenet", &["dropout"])?;
    option!(builder.num_classes(a.opt_usize("num_classes")?));
    option!(builder.dropout(a.opt_f64("dropout")?));
    ModuleHandle::layer(builder.build()?)
}
