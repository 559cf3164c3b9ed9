//! A newcomer's program: a net of real layers, its weights set, its head replaced.

use pleach::prelude::*;

#[derive(Module)]
struct Net {
    conv: Conv2d,
    bn: BatchNorm2d,
    body: Sequential,
    fc: Linear,
}

#[test]
fn a_net_is_initialised_frozen_and_given_a_new_head() -> Result<()> {
    manual_seed(0);
    let mut net = Net {
        conv: Conv2d::new(3, 8, 3),
        bn: BatchNorm2d::new(8),
        body: sequential![Conv2d::new(8, 8, 3), ReLU::new()],
        fc: Linear::new(8, 10),
    };
    let mut convolutions = 0;
    net.apply(&mut |m| {
        if m.type_name().contains("Conv") {
            convolutions += 1;
        }
    });
    assert_eq!(convolutions, 2);
    net.try_apply(&mut |m| {
        if let Some(conv) = m.downcast_ref::<Conv2d>() {
            let std = 0.5;
            init::normal_(&conv.weight, 0.0, std)?;
        } else if let Some(bn) = m.downcast_mut::<BatchNorm2d>() {
            bn.set_momentum(Some(0.01));
            if let Some(weight) = &bn.weight {
                weight.data().fill_(2.0)?;
            }
        }
        Ok(())
    })?;
    assert_eq!(
        net.get_parameter("bn.weight")?.data().to_vec::<f32>()?,
        [2.0; 8]
    );
    let mut lines = Vec::new();
    for (name, p) in net.named_parameters() {
        lines.push(format!("{name} {:?}", p.shape()));
    }
    assert_eq!(lines[0], "conv.weight [8, 3, 3, 3]");
    net.requires_grad_(false);
    net.fc = Linear::new(8, 100);
    let trainable = net.parameters().into_iter().filter(|p| p.requires_grad());
    assert_eq!(trainable.count(), 2);
    let shared = Linear::new(1, 1);
    let tied = Sequential::new().append(shared.share()).append(shared);
    assert_eq!(tied.num_parameters(), 2);
    assert_eq!(tied.state_dict().len(), 4);
    Ok(())
}

#[test]
fn the_prelude_leaves_the_methods_of_collections_alone() {
    let mut numbers: Vec<i32> = (1..4).collect();
    assert_eq!(numbers.get(1), Some(&2));
    *numbers.get_mut(0).unwrap() = 7;
    assert_eq!((numbers.first(), numbers.len()), (Some(&7), 3));
    let payload: Box<dyn std::any::Any> = Box::new(5i32);
    assert!(payload.is::<i32>());
    assert_eq!(payload.downcast_ref::<i32>(), Some(&5));
}
