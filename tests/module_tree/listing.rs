//! Every listing of a tree, against PyTorch's.

use pleach::nn::Listing;
use pleach::prelude::{Module, ModuleExt, sequential};
use pleach::size_text;
use serde_json::{Value, json};

use crate::layers::*;

/// What `trees.json` records about a net, from ours.
fn listings(net: &mut dyn Module) -> Value {
    let own = Listing::own();
    let duplicates = Listing::with_duplicates();
    let dtype = |d: pleach::DType| d.to_string().replace("torch.", "");
    let names = |list: Vec<(String, pleach::Parameter)>| -> Vec<String> {
        list.into_iter().map(|entry| entry.0).collect()
    };
    let parameters: Vec<Value> = net
        .named_parameters()
        .iter()
        .map(|(name, p)| json!([name, p.shape(), p.requires_grad()]))
        .collect();
    let buffers: Vec<Value> = net
        .named_buffers()
        .iter()
        .map(|(name, b)| json!([name, b.shape(), dtype(b.dtype())]))
        .collect();
    let types = |list: Vec<(String, &dyn Module)>| -> Vec<Value> {
        list.iter()
            .map(|(n, m)| json!([n, m.type_name()]))
            .collect()
    };
    let state_dict: Vec<Value> = net
        .state_dict()
        .iter()
        .map(|(name, t)| json!([name, t.shape(), dtype(t.dtype())]))
        .collect();
    let module_names: Vec<String> = net
        .named_modules_with(duplicates)
        .into_iter()
        .map(|m| m.0)
        .collect();
    let mut out = json!({
        "named_parameters": parameters,
        "named_parameters_with_duplicates": names(net.named_parameters_with(duplicates)),
        "named_parameters_not_recursive": names(net.named_parameters_with(own)),
        "named_buffers": buffers,
        "named_children": types(net.named_children()),
        "named_modules": types(net.named_modules()),
        "named_modules_with_duplicates": module_names,
        "state_dict": state_dict,
        "counts": {
            "parameters": net.parameters().len(),
            "parameter_elements": net.num_parameters(),
            "buffers": net.buffers().len(),
            "children": net.children().len(),
            "modules": net.modules().len(),
            "state_dict": net.state_dict().len(),
        },
    });
    // The order of apply, by each module's first name.
    let first_names: Vec<(u64, String)> = net
        .named_modules()
        .into_iter()
        .filter_map(|(name, m)| Some((m.node()?.id(), name)))
        .collect();
    let mut order = Vec::new();
    net.apply(&mut |m| {
        let id = m.node().map(pleach::nn::Node::id);
        let found = first_names.iter().find(|(n, _)| Some(*n) == id);
        // Only the roots have no node here.
        order.push(found.map_or(String::new(), |(_, name)| name.clone()));
    });
    out["apply_order"] = json!(order);
    out
}

fn check(code: &str, net: &mut dyn Module) {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/modules/trees.json"
    );
    let file: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let trees = file["trees"].as_array().unwrap();
    let expected = trees.iter().find(|t| t["code"] == code).unwrap();
    let ours = listings(net);
    for (key, value) in ours.as_object().unwrap() {
        assert_eq!(value, &expected[key], "{key} of {code}");
    }
}

#[test]
fn a_user_net_lists_as_in_pytorch() {
    check("sim_net()", &mut SimNet::new());
}

#[test]
fn a_plain_tensor_is_no_parameter() {
    let mut net = MyModel::new();
    assert_eq!(net.plain().shape(), [20, 20]);
    check("MyModel()", &mut net);
}

#[test]
fn a_layer_under_two_names_lists_under_the_first() {
    check("SharedLayer()", &mut SharedLayer::new());
}

#[test]
fn a_layer_of_two_parents_is_applied_once_for_each() {
    check("SharedAcrossParents()", &mut SharedAcrossParents::new());
}

#[test]
fn a_tied_weight_is_one_parameter_and_two_state_dict_entries() {
    check("TiedWeights()", &mut TiedWeights::new());
}

#[test]
fn own_members_come_before_descendants_and_absent_ones_nowhere() {
    check("Own()", &mut Own::new());
}

#[test]
fn a_container_at_three_depths_lists_once() {
    check("Cyclic3()", &mut Cyclic3::new());
}

#[test]
fn a_sequential_lists_by_position() {
    check(
        "nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))",
        &mut sequential![Lin::new(4, 3), Relu::new(), Lin::new(3, 1)],
    );
    let l = Lin::without_bias(1, 1);
    check(
        "(lambda l: nn.Sequential(l, l))(nn.Linear(1, 1, bias=False))",
        &mut sequential![l.share(), l],
    );
}

#[test]
fn paths_find_modules_and_parameters() {
    let net = SharedAcrossParents::new();
    assert_eq!(
        net.get_module("right.0").unwrap().type_name(),
        "BatchNorm1d"
    );
    assert_eq!(
        net.get_module("").unwrap().type_name(),
        "SharedAcrossParents"
    );
    let core = net.get_module_as::<Lin>("right.1").unwrap();
    assert!(
        core.weight
            .same(&net.get_parameter("left.0.weight").unwrap())
    );
    let text = |r: pleach::Error| r.to_string();
    assert_eq!(
        net.get_module("left.7").map(|_| ()).map_err(text),
        Err("Sequential has no attribute `7`".to_string())
    );
    assert_eq!(
        sequential![Lin::new(2, 2)]
            .get_parameter("0.nope")
            .map(|_| ())
            .map_err(text),
        Err("Linear has no attribute `nope`".to_string())
    );
    assert_eq!(
        net.get_module_as::<Norm>("head").map(|_| ()).map_err(text),
        Err("`head` is a Linear, not a Norm".to_string())
    );
    assert!(net.get_module("left.").is_err());
    assert!(net.get_parameter("").is_err());
}

#[test]
fn a_parameter_list_goes_on_living_when_the_model_is_changed() {
    let mut net = SimNet::new();
    let parameters = net.parameters();
    for (name, p) in net.named_parameters() {
        if name.ends_with("bias") {
            p.data().fill_(2.0).unwrap();
        }
        // The model is not borrowed by the loop.
        net.apply(&mut |_| ());
    }
    assert_eq!(parameters[1].data().to_vec::<f32>().unwrap(), [2.0; 40]);
    assert_eq!(size_text(&parameters[0].shape()), "torch.Size([40, 30])");
}

#[test]
fn modules_are_send_and_sync() {
    fn check<T: Send + Sync + ?Sized>() {}
    check::<SharedLayer>();
    check::<dyn Module>();
    check::<dyn pleach::prelude::Forward>();
    check::<pleach::prelude::Sequential>();
    let net = SharedLayer::new();
    std::thread::scope(|s| {
        s.spawn(|| net.eval());
    });
    assert!(!net.a.is_training());
}
