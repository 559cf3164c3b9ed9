//! Functions of `torchvision.models`.

use pleach::vision::models::ResNetBuilder;

use super::args::Args;
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
        _ => return None,
    })
}

fn resnet(mut builder: ResNetBuilder, a: Args) -> Eval {
    let names = [
        "*",
        "weights",
        "progress",
        "num_classes",
        "zero_init_residual",
        "groups",
        "width_per_group",
        "replace_stride_with_dilation",
    ];
    let a = a.bind("resnet", &names)?;
    if a.opt("weights").is_some() {
        return unknown("trained weights");
    }
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
