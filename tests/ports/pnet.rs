//! The first network of MTCNN (Zhang et al. 2016), as in facenet-pytorch: faces and their boxes.

use std::slice;

use pleach::nn::{Output, Tensors};
use pleach::prelude::*;

use crate::check;
use crate::layers::{PReLU, Softmax};

#[derive(Module)]
struct PNet {
    node: Node,
    conv1: Conv2d,
    prelu1: PReLU,
    pool1: MaxPool2d,
    conv2: Conv2d,
    prelu2: PReLU,
    conv3: Conv2d,
    prelu3: PReLU,
    conv4_1: Conv2d,
    softmax4_1: Softmax,
    conv4_2: Conv2d,
}

impl PNet {
    fn new() -> Result<Self> {
        Ok(PNet {
            node: Node::new(),
            conv1: Conv2d::new(3, 10, 3),
            prelu1: PReLU::new(10),
            pool1: MaxPool2d::builder(2).stride(2).ceil_mode(true).build()?,
            conv2: Conv2d::new(10, 16, 3),
            prelu2: PReLU::new(16),
            conv3: Conv2d::new(16, 32, 3),
            prelu3: PReLU::new(32),
            conv4_1: Conv2d::new(32, 2, 1),
            softmax4_1: Softmax::new(1),
            conv4_2: Conv2d::new(32, 4, 1),
        })
    }
}

struct Detections {
    boxes: Tensor,
    faces: Tensor,
}

impl Output for Detections {
    fn returned<'a>(&'a self, all: &mut Tensors<'a>) {
        self.boxes.returned(all);
        self.faces.returned(all);
    }
    fn set_returned(&mut self, new: &mut slice::Iter<'_, Tensor>) -> Result<()> {
        self.boxes.set_returned(new)?;
        self.faces.set_returned(new)
    }
}

impl ForwardMany for PNet {
    type Arguments<'a> = &'a Tensor;
    type Output = Detections;

    fn forward(&self, x: &Tensor) -> Result<Detections> {
        let x = Chain::of(x)
            .call(&self.conv1)
            .call(&self.prelu1)
            .call(&self.pool1)
            .call(&self.conv2)
            .call(&self.prelu2)
            .call(&self.conv3)
            .call(&self.prelu3)
            .run()?;
        Ok(Detections {
            faces: self.softmax4_1.call(&self.conv4_1.call(&x)?)?,
            boxes: self.conv4_2.call(&x)?,
        })
    }
}

#[test]
fn mtcnns_first_net_is_pytorchs() -> Result<()> {
    check(
        "pnet",
        PNet::new,
        || {
            let (x, boxes) = (Tensor::randn([2, 3, 15, 17]), Tensor::randn([2, 4, 3, 4]));
            Ok((x, boxes, Tensor::randint(0, 2, [2, 3, 4])?))
        },
        |net, (x, boxes, faces)| {
            let found = net.call(x)?;
            let log_probs = found.faces.log()?;
            let of_faces = functional::nll_loss(&log_probs, faces, Default::default())?;
            let of_boxes = functional::mse_loss(&found.boxes, boxes, "mean")?;
            let loss = of_faces + of_boxes * 0.5;
            Ok((vec![found.boxes, found.faces], loss))
        },
        |net| net.call(&Tensor::zeros([1, 1, 12, 12])).map(drop),
    )
}

#[test]
fn hooks_see_and_replace_both_heads() -> Result<()> {
    let net = PNet::new()?;
    let x = Tensor::randn([1, 3, 12, 12]);
    let before = net.call(&x)?;
    let hook =
        net.register_forward_hook(|_, _, heads| Ok(vec![heads[0].neg()?, heads[1].clone()]))?;
    let after = net.call(&x)?;
    hook.remove();
    assert!(after.boxes.equal(&before.boxes.neg()?)?);
    assert!(after.faces.equal(&before.faces)?);
    Ok(())
}
