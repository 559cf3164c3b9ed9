//! S7 and S7b: single convolutions, those of ResNet-18 and of MobileNetV2.

use pleach::prelude::*;
use serde_json::json;

use crate::scenario::{Scale, Scenario, run};

/// A square convolution without bias, as it stands in a network.
#[derive(Copy, Clone)]
pub struct Convolution {
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    /// Height and width of the input.
    side: usize,
    /// How often it stands in the network.
    times: usize,
    /// Whether its input needs a gradient: the first layer's does not.
    input_grad: bool,
}

impl Convolution {
    fn new(from: usize, to: usize, (kernel, stride): (usize, usize), side: usize) -> Self {
        Convolution {
            from,
            to,
            kernel,
            stride,
            groups: 1,
            side,
            times: 1,
            input_grad: true,
        }
    }

    fn times(self, times: usize) -> Self {
        Convolution { times, ..self }
    }

    fn depthwise(channels: usize, stride: usize, side: usize) -> Self {
        Convolution {
            groups: channels,
            ..Self::new(channels, channels, (3, stride), side)
        }
    }

    fn padding(&self) -> usize {
        self.kernel / 2
    }

    /// Floating-point operations of the forward pass, for one image.
    fn forward_flops(&self) -> f64 {
        let out = (self.side + 2 * self.padding() - self.kernel) / self.stride + 1;
        let taps = self.from / self.groups * self.kernel * self.kernel;
        2.0 * (self.to * out * out * taps) as f64
    }

    /// Those of the forward and backward pass.
    fn train_flops(&self) -> f64 {
        self.forward_flops() * if self.input_grad { 3.0 } else { 2.0 }
    }

    fn name(&self) -> String {
        let Convolution {
            from,
            to,
            kernel,
            stride,
            side,
            ..
        } = self;
        match self.groups {
            1 => format!("conv {kernel}x{kernel}/{stride} {from}-{to} @{side}"),
            _ => format!("depthwise {kernel}x{kernel}/{stride} {from} @{side}"),
        }
    }

    fn scenario(self, network: &str, batch: usize, backward: bool) -> Scenario {
        let pass = if backward { "fwd+bwd" } else { "fwd" };
        let scenario = Scenario::timed(
            format!("{} b{batch} {pass}", self.name()),
            "conv2d",
            json!({
                "batch": batch,
                "cin": self.from,
                "cout": self.to,
                "kernel": self.kernel,
                "stride": self.stride,
                "padding": self.padding(),
                "groups": self.groups,
                "side": self.side,
                "backward": backward,
                "input_grad": self.input_grad,
            }),
            move || self.prepare(batch, backward),
        )
        .part(format!("sum of {network} b{batch} {pass}"), self.times);
        let flops = if backward {
            self.train_flops()
        } else {
            self.forward_flops()
        };
        match self.groups {
            1 => scenario.flops(batch as f64 * flops),
            // These are bound by memory.
            _ => scenario,
        }
    }

    fn prepare(self, batch: usize, backward: bool) -> Result<crate::scenario::Run> {
        let x = Tensor::randn([batch, self.from, self.side, self.side]);
        let w = Tensor::randn([self.to, self.from / self.groups, self.kernel, self.kernel]);
        let apply = move |x: &Tensor, w: &Tensor| {
            functional::conv2d(
                x,
                w,
                None,
                functional::ConvOptions::new()
                    .stride(self.stride)
                    .padding(self.padding())
                    .groups(self.groups),
            )
        };
        if !backward {
            return run(move || no_grad(|| apply(&x, &w)));
        }
        let (x, w) = (x.requires_grad_(self.input_grad)?, w.requires_grad_(true)?);
        let grad = apply(&x, &w)?.ones_like();
        run(move || {
            if self.input_grad {
                x.set_grad(None)?;
            }
            w.set_grad(None)?;
            apply(&x, &w)?.backward_with(&grad)
        })
    }
}

/// The distinct convolutions of ResNet-18, for images of this side.
pub fn resnet18(side: usize) -> Vec<Convolution> {
    let conv = |from, to, shape, shrunk| Convolution::new(from, to, shape, side / shrunk);
    let mut all = vec![
        Convolution {
            input_grad: false,
            ..conv(3, 64, (7, 2), 1)
        },
        conv(64, 64, (3, 1), 4).times(4),
    ];
    for (width, shrunk) in [(128, 8), (256, 16), (512, 32)] {
        all.extend([
            conv(width / 2, width, (3, 2), shrunk / 2),
            conv(width / 2, width, (1, 2), shrunk / 2),
            conv(width, width, (3, 1), shrunk).times(3),
        ]);
    }
    all
}

/// Floating-point operations of all convolutions and the head of ResNet-18, for one image: of a
/// forward pass, and of a forward and backward pass.
pub fn resnet18_flops(side: usize) -> (f64, f64) {
    let head = 2.0 * (512 * 1000) as f64;
    let sum = |flops: fn(&Convolution) -> f64| -> f64 {
        let all = resnet18(side);
        all.iter().map(|conv| conv.times as f64 * flops(conv)).sum()
    };
    (
        sum(Convolution::forward_flops) + head,
        sum(Convolution::train_flops) + 3.0 * head,
    )
}

/// An inverted residual block: input and output channels, expansion, stride, side of the input.
type Block = (usize, usize, usize, usize, usize);

/// MobileNetV2 (Sandler et al., 2018), for images of 224×224: its 17 blocks, after a stem that
/// leaves 32 channels of 112×112.
const MOBILENET_V2: [Block; 17] = [
    (32, 16, 1, 1, 112),
    (16, 24, 6, 2, 112),
    (24, 24, 6, 1, 56),
    (24, 32, 6, 2, 56),
    (32, 32, 6, 1, 28),
    (32, 32, 6, 1, 28),
    (32, 64, 6, 2, 28),
    (64, 64, 6, 1, 14),
    (64, 64, 6, 1, 14),
    (64, 64, 6, 1, 14),
    (64, 96, 6, 1, 14),
    (96, 96, 6, 1, 14),
    (96, 96, 6, 1, 14),
    (96, 160, 6, 2, 14),
    (160, 160, 6, 1, 7),
    (160, 160, 6, 1, 7),
    (160, 320, 6, 1, 7),
];

/// The distinct depthwise and 1×1 convolutions of MobileNetV2.
fn mobilenet_v2() -> Vec<Convolution> {
    let mut all: Vec<Convolution> = Vec::new();
    let mut add = |conv: Convolution| match all.iter_mut().find(|c| c.name() == conv.name()) {
        Some(same) => same.times += 1,
        None => all.push(conv),
    };
    for (from, to, expansion, stride, side) in MOBILENET_V2 {
        let hidden = from * expansion;
        if expansion > 1 {
            add(Convolution::new(from, hidden, (1, 1), side));
        }
        add(Convolution::depthwise(hidden, stride, side));
        add(Convolution::new(hidden, to, (1, 1), side / stride));
    }
    add(Convolution::new(320, 1280, (1, 1), 7));
    all.sort_by_key(|conv| conv.groups == 1);
    all
}

fn of_network(scale: Scale, name: &str, convolutions: Vec<Convolution>) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for batch in [scale.of(1, 1), scale.of(16, 2)] {
        for backward in [false, true] {
            for conv in &convolutions {
                scenarios.push(conv.scenario(name, batch, backward));
            }
        }
    }
    scenarios
}

/// The convolutions with fewer channels and pixels: equal ones stay apart.
fn shrink(scale: Scale, convolutions: Vec<Convolution>) -> Vec<Convolution> {
    match scale {
        Scale::Full => convolutions,
        Scale::Tiny => convolutions
            .into_iter()
            .map(|conv| Convolution {
                side: conv.side.div_ceil(16),
                ..conv
            })
            .collect(),
    }
}

/// S7: every distinct convolution of ResNet-18.
pub fn of_resnet18(scale: Scale) -> Vec<Scenario> {
    of_network(scale, "resnet18", shrink(scale, resnet18(224)))
}

/// S7b: the depthwise and 1×1 convolutions of MobileNetV2.
pub fn of_mobilenet_v2(scale: Scale) -> Vec<Scenario> {
    of_network(scale, "mobilenet_v2", shrink(scale, mobilenet_v2()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The multiplications of ResNet-18 are known to be 1.814 thousand millions
    /// (torchvision's documentation).
    #[test]
    fn the_convolutions_of_resnet18_are_all_there() {
        let layers: usize = resnet18(224).iter().map(|conv| conv.times).sum();
        assert_eq!(layers, 20);
        let (forward, train) = resnet18_flops(224);
        assert!((forward / 2e9 - 1.814).abs() < 0.001, "{forward}");
        // The first of them has one product less.
        let first = 2.0 * (64 * 112 * 112 * 3 * 49) as f64;
        assert_eq!(train, 3.0 * forward - first);
    }

    /// Of torchvision's `mobilenet_v2`: 17 depthwise and 34 of 1×1 (16 expansions, 17
    /// projections, the last layer).
    #[test]
    fn the_convolutions_of_mobilenet_v2_are_all_there() {
        let count = |depthwise: bool| -> usize {
            let all = mobilenet_v2();
            let these = all.iter().filter(|conv| (conv.groups > 1) == depthwise);
            these.map(|conv| conv.times).sum()
        };
        assert_eq!((count(true), count(false)), (17, 34));
    }
}
