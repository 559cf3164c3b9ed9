//! Layers, losses and parametrized layers: a row each, differentiated by inputs and parameters.

use pleach::nn::functional::Resize;
use pleach::nn::layers::*;
use pleach::nn::losses::*;
use pleach::nn::utils::parameters_to_vector;
use pleach::nn::utils::parametrizations::{
    OrthogonalMap, OrthogonalOptions, SpectralNormOptions, orthogonal, spectral_norm, weight_norm,
};
use pleach::nn::utils::prune::l1_unstructured;
use pleach::nn::{Forward, ForwardMany, Module};
use pleach::{DType, Result, Tensor, tensor};

use super::{Layer, apart, check_module, one};
use crate::common::{input, other, positive};

/// What the rows of parametrized layers check.
pub const FUNCTIONS: [&str; 5] = [
    "weight_norm",
    "spectral_norm",
    "orthogonal",
    "l1_unstructured",
    "parameters_to_vector",
];

/// `Linear = Linear::new(3, 2), [x], |m, x| m.call(&x[0]);`
macro_rules! layers {
    ($($name:ident = $make:expr, [$($input:expr),*], |$m:ident, $x:ident| $body:expr;)*) => {
        vec![$(Layer {
            name: stringify!($name),
            run: || {
                let made: $name = $make;
                made.to_dtype(DType::F64)?;
                let $m = &made;
                check_module(stringify!($name), made.parameters(), vec![$($input),*], &|$x| one($body))
            },
        }),*]
    };
    // Layers of one tensor.
    ($($name:ident = $make:expr, $input:expr;)*) => {
        layers! { $($name = $make, [$input], |m, x| m.call(&x[0]);)* }
    };
    // Losses of an input and a target that has no gradient.
    ($($name:ident = $make:expr, $input:expr, $target:expr;)*) => {
        layers! { $($name = $make, [$input], |m, x| m.call(&x[0], &$target);)* }
    };
}

fn line() -> Tensor {
    apart(&[1, 2, 9])
}

fn image() -> Tensor {
    apart(&[1, 2, 3, 5])
}

fn volume() -> Tensor {
    apart(&[1, 2, 2, 3, 4])
}

fn unit(shape: &[usize]) -> Tensor {
    other(shape).mul(0.25).unwrap().add(0.5).unwrap()
}

fn of_elements() -> Vec<Layer> {
    layers! {
        CELU = CELU::new(), input(&[2, 9]);
        ELU = ELU::new(), input(&[2, 9]);
        GELU = GELU::new(), input(&[2, 9]);
        GLU = GLU::new(1), input(&[2, 10]);
        Hardshrink = Hardshrink::new(), input(&[2, 9]);
        Hardsigmoid = Hardsigmoid::new(), input(&[2, 9]);
        Hardswish = Hardswish::new(), input(&[2, 9]);
        Hardtanh = Hardtanh::new(), input(&[2, 9]);
        LeakyReLU = LeakyReLU::new(), input(&[2, 9]);
        LogSigmoid = LogSigmoid::new(), input(&[2, 9]);
        Mish = Mish::new(), input(&[2, 9]);
        PReLU = PReLU::builder().num_parameters(9).build()?, input(&[2, 9]);
        RReLU = RReLU::new(), input(&[2, 9]);
        ReLU = ReLU::new(), input(&[2, 9]);
        ReLU6 = ReLU6::new(), input(&[2, 9]).mul(5.0)?;
        SELU = SELU::new(), input(&[2, 9]);
        SiLU = SiLU::new(), input(&[2, 9]);
        Sigmoid = Sigmoid::new(), input(&[2, 9]);
        Softplus = Softplus::new(), input(&[2, 9]);
        Softshrink = Softshrink::new(), input(&[2, 9]);
        Softsign = Softsign::new(), input(&[2, 9]);
        Tanh = Tanh::new(), input(&[2, 9]);
        Tanhshrink = Tanhshrink::new(), input(&[2, 9]);
        Threshold = Threshold::new(0.5, -3.0), input(&[2, 9]);
        Softmax = Softmax::new(1), input(&[2, 9]);
        Softmin = Softmin::new(0), input(&[2, 9]);
        LogSoftmax = LogSoftmax::new(-1), input(&[2, 9]);
        Softmax2d = Softmax2d::new(), image();
        Dropout = Dropout::new(0.3), input(&[2, 9]);
        Dropout1d = Dropout1d::new(0.3), line();
        Dropout2d = Dropout2d::new(0.3), image();
        Dropout3d = Dropout3d::new(0.3), volume();
        AlphaDropout = AlphaDropout::new(0.3), input(&[2, 9]);
        FeatureAlphaDropout = FeatureAlphaDropout::new(0.3), line();
        Identity = Identity::new(), input(&[2, 9]);
        Flatten = Flatten::new(), image();
        Unflatten = Unflatten::new(1, [3, 3]), input(&[2, 9]);
        Linear = Linear::new(9, 2), input(&[2, 9]);
        LazyLinear = { let m = LazyLinear::new(2); m.call(&Tensor::ones([1, 9]))?; m }, input(&[2, 9]);
    }
    .into_iter()
    .chain(layers! {
        Bilinear = Bilinear::new(3, 2, 2), [input(&[2, 3]), other(&[2, 2])], |m, x| m.call((&x[0], &x[1]));
        CosineSimilarity = CosineSimilarity::new(), [input(&[2, 9]), other(&[2, 9])], |m, x| m.call((&x[0], &x[1]));
        PairwiseDistance = PairwiseDistance::new(), [input(&[2, 9]), other(&[2, 9])], |m, x| m.call((&x[0], &x[1]));
        Embedding = Embedding::new(4, 3), [], |m, _x| m.call(&tensor![[3, 0], [3, 3]]);
        EmbeddingBag = EmbeddingBag::new(4, 3), [], |m, _x| m.call((&tensor![[3, 0], [3, 3]], None, None));
    })
    .collect()
}

fn of_images() -> Vec<Layer> {
    layers! {
        Conv1d = Conv1d::new(2, 3, 3), line();
        Conv2d = Conv2d::builder(2, 2, (3, 2)).padding(1).groups(2).build()?, image();
        Conv3d = Conv3d::new(2, 2, 2), volume();
        ConvTranspose1d = ConvTranspose1d::builder(2, 3, 3).stride(2).build()?, apart(&[1, 2, 4]);
        ConvTranspose2d = ConvTranspose2d::new(2, 2, (3, 2)), image();
        ConvTranspose3d = ConvTranspose3d::new(2, 1, 2), apart(&[1, 2, 2, 1, 3]);
        LazyConv1d = { let m = LazyConv1d::new(3, 3); m.call(&line().float()?)?; m }, line();
        LazyConv2d = { let m = LazyConv2d::new(2, 2); m.call(&image().float()?)?; m }, image();
        LazyConv3d = { let m = LazyConv3d::new(1, 2); m.call(&volume().float()?)?; m }, volume();
        LazyConvTranspose1d = { let m = LazyConvTranspose1d::new(1, 3); m.call(&line().float()?)?; m }, line();
        LazyConvTranspose2d = { let m = LazyConvTranspose2d::new(1, 2); m.call(&image().float()?)?; m }, image();
        LazyConvTranspose3d = { let m = LazyConvTranspose3d::new(1, 2); m.call(&volume().float()?)?; m }, volume();
        BatchNorm1d = BatchNorm1d::new(9), input(&[3, 9]);
        BatchNorm2d = BatchNorm2d::new(2), image();
        BatchNorm3d = BatchNorm3d::new(2), volume();
        LazyBatchNorm1d = { let m = LazyBatchNorm1d::new(); m.call(&line().float()?)?; m }, line();
        LazyBatchNorm2d = { let m = LazyBatchNorm2d::new(); m.call(&image().float()?)?; m }, image();
        LazyBatchNorm3d = { let m = LazyBatchNorm3d::new(); m.call(&volume().float()?)?; m }, volume();
        LazyInstanceNorm1d = { let m = LazyInstanceNorm1d::new(); m.call(&line().float()?)?; m }, line();
        LazyInstanceNorm2d = { let m = LazyInstanceNorm2d::new(); m.call(&image().float()?)?; m }, image();
        LazyInstanceNorm3d = { let m = LazyInstanceNorm3d::new(); m.call(&volume().float()?)?; m }, volume();
        InstanceNorm1d = InstanceNorm1d::builder(2).affine(true).build()?, line();
        InstanceNorm2d = InstanceNorm2d::new(2), image();
        InstanceNorm3d = InstanceNorm3d::new(2), volume();
        GroupNorm = GroupNorm::new(2, 4), input(&[2, 4, 3]);
        LayerNorm = LayerNorm::new([3, 5]), image();
        RMSNorm = RMSNorm::new([9]), input(&[2, 9]);
        LocalResponseNorm = LocalResponseNorm::builder(3).alpha(0.9).build()?, input(&[1, 4, 5]);
        AvgPool1d = AvgPool1d::new(2), line();
        AvgPool2d = AvgPool2d::new(2), image();
        AvgPool3d = AvgPool3d::new(2), volume();
        MaxPool1d = MaxPool1d::new(2), line();
        MaxPool2d = MaxPool2d::new(2), image();
        MaxPool3d = MaxPool3d::new(2), volume();
        LPPool1d = LPPool1d::new(2, 2), positive(&[1, 2, 9]);
        LPPool2d = LPPool2d::new(3, 2), positive(&[1, 2, 3, 5]);
        LPPool3d = LPPool3d::new(2, 2), positive(&[1, 2, 2, 3, 4]);
        AdaptiveAvgPool1d = AdaptiveAvgPool1d::new(4), line();
        AdaptiveAvgPool2d = AdaptiveAvgPool2d::new((2, 7)), image();
        AdaptiveAvgPool3d = AdaptiveAvgPool3d::new(3), volume();
        AdaptiveMaxPool1d = AdaptiveMaxPool1d::new(4), line();
        AdaptiveMaxPool2d = AdaptiveMaxPool2d::new((2, 7)), image();
        AdaptiveMaxPool3d = AdaptiveMaxPool3d::new(3), volume();
        FractionalMaxPool2d = FractionalMaxPool2d::builder(2).output_size(2).build()?, image();
        FractionalMaxPool3d = FractionalMaxPool3d::builder((1, 1, 2)).output_size((1, 2, 2)).build()?, volume();
        ZeroPad1d = ZeroPad1d::new(1), line();
        ZeroPad2d = ZeroPad2d::new(1), image();
        ZeroPad3d = ZeroPad3d::new(1), volume();
        ConstantPad1d = ConstantPad1d::new(1, 3), line();
        ConstantPad2d = ConstantPad2d::new([1, 2, -1, 0], 3), image();
        ConstantPad3d = ConstantPad3d::new(1, 3), volume();
        ReflectionPad1d = ReflectionPad1d::new(2), line();
        ReflectionPad2d = ReflectionPad2d::new([1, 2, 0, 2]), image();
        ReflectionPad3d = ReflectionPad3d::new(1), volume();
        ReplicationPad1d = ReplicationPad1d::new(2), line();
        ReplicationPad2d = ReplicationPad2d::new(2), image();
        ReplicationPad3d = ReplicationPad3d::new(1), volume();
        CircularPad1d = CircularPad1d::new(2), line();
        CircularPad2d = CircularPad2d::new(1), image();
        CircularPad3d = CircularPad3d::new(1), volume();
        ChannelShuffle = ChannelShuffle::new(2), input(&[1, 4, 3]);
        PixelShuffle = PixelShuffle::new(2), input(&[1, 4, 2, 3]);
        PixelUnshuffle = PixelUnshuffle::new(2), input(&[1, 1, 4, 6]);
        Fold = Fold::new((3, 4), 2), input(&[1, 4, 6]);
        Unfold = Unfold::new((2, 3)), image();
        Upsample = Upsample::builder(Resize::scale_factor(1.7)).mode("bicubic").build()?, image();
        UpsamplingNearest2d = UpsamplingNearest2d::new(Resize::size(4)), image();
        UpsamplingBilinear2d = UpsamplingBilinear2d::new(Resize::size(4)), image();
    }
    .into_iter()
    .chain(layers! {
        MaxUnpool1d = MaxUnpool1d::new(2), [input(&[1, 2, 4])], |m, x| {
            m.call((&x[0], &MaxPool1d::new(2).call_with_indices(&line())?.1))
        };
        MaxUnpool2d = MaxUnpool2d::new(2), [input(&[1, 2, 1, 2])], |m, x| {
            m.call((&x[0], &MaxPool2d::new(2).call_with_indices(&image())?.1))
        };
        MaxUnpool3d = MaxUnpool3d::new(1), [volume()], |m, x| {
            m.call((&x[0], &MaxPool3d::new(1).call_with_indices(&volume())?.1))
        };
    })
    .collect()
}

fn losses() -> Vec<Layer> {
    layers! {
        L1Loss = L1Loss::new(), input(&[3, 5]), other(&[3, 5]).mul(0.37)?;
        MSELoss = MSELoss::new(), input(&[3, 5]), other(&[3, 5]);
        SmoothL1Loss = SmoothL1Loss::new(), input(&[3, 5]), other(&[3, 5]).mul(0.37)?;
        HuberLoss = HuberLoss::new(), input(&[3, 5]), other(&[3, 5]).mul(0.37)?;
        BCELoss = BCELoss::builder().weight(unit(&[5])).build()?, unit(&[3, 5]), unit(&[3, 5]);
        BCEWithLogitsLoss = BCEWithLogitsLoss::builder().pos_weight(unit(&[5])).build()?, input(&[3, 5]), unit(&[3, 5]);
        SoftMarginLoss = SoftMarginLoss::new(), input(&[3]), tensor![1.0f64, -1.0, 1.0];
        MultiLabelSoftMarginLoss = MultiLabelSoftMarginLoss::new(), input(&[3, 5]), unit(&[3, 5]);
        MultiLabelMarginLoss = MultiLabelMarginLoss::new(), input(&[5]), tensor![2, 0, -1, 1, 0];
        MultiMarginLoss = MultiMarginLoss::builder().weight(unit(&[5])).build()?, input(&[3, 5]), tensor![2, 0, 4];
        HingeEmbeddingLoss = HingeEmbeddingLoss::new(), input(&[3]).mul(0.5)?, tensor![1.0f64, -1.0, 1.0];
        KLDivLoss = KLDivLoss::new(), input(&[3, 5]), unit(&[3, 5]);
        NLLLoss = NLLLoss::builder().weight(unit(&[5])).build()?, input(&[3, 5]), tensor![2, 0, 4];
        NLLLoss2d = NLLLoss2d::new(), input(&[1, 3, 1, 2]), tensor![[[2, 0]]];
        CrossEntropyLoss = CrossEntropyLoss::builder().label_smoothing(0.1).build()?, input(&[3, 5]), tensor![2, 0, 4];
        PoissonNLLLoss = PoissonNLLLoss::new(), input(&[3, 5]), positive(&[3, 5]);
        LinearCrossEntropyLoss = LinearCrossEntropyLoss::new(5, 3), input(&[4, 5]), tensor![2, 0, 1, 1];
    }
    .into_iter()
    .chain(layers! {
        CTCLoss = CTCLoss::new(), [input(&[5, 2, 4])], |m, x| {
            m.call((&x[0].log_softmax(2)?, &tensor![[2, 3], [1, 1]], &tensor![5, 5], &tensor![2, 2]))
        };
        GaussianNLLLoss = GaussianNLLLoss::new(), [input(&[3, 5]), other(&[3, 5]), positive(&[3, 5])], |m, x| {
            m.call((&x[0], &x[1], (&x[2]).into()))
        };
        MarginRankingLoss = MarginRankingLoss::builder().margin(0.4).build()?, [input(&[3]), other(&[3])], |m, x| {
            m.call((&x[0], &x[1], &tensor![1.0f64, -1.0, 1.0]))
        };
        CosineEmbeddingLoss = CosineEmbeddingLoss::builder().margin(-0.9).build()?, [input(&[3, 5]), other(&[3, 5])], |m, x| {
            m.call((&x[0], &x[1], &tensor![1.0f64, -1.0, 1.0]))
        };
        TripletMarginLoss = TripletMarginLoss::builder().margin(5.0).build()?, [input(&[3, 5]), other(&[3, 5]), apart(&[3, 5])], |m, x| {
            m.call((&x[0], &x[1], &x[2]))
        };
        TripletMarginWithDistanceLoss = TripletMarginWithDistanceLoss::builder().margin(5.0).build()?, [input(&[3, 5]), other(&[3, 5]), apart(&[3, 5])], |m, x| {
            m.call((&x[0], &x[1], &x[2]))
        };
        AdaptiveLogSoftmaxWithLoss = AdaptiveLogSoftmaxWithLoss::new(4, 7, [2, 4]), [input(&[3, 4])], |m, x| {
            m.call((&x[0], &tensor![1, 6, 3]))
        };
    })
    .collect()
}

/// A linear layer whose weight is computed, after a first call.
fn parametrized(
    rows: usize,
    columns: usize,
    how: impl FnOnce(&Linear) -> Result<()>,
) -> Result<Linear> {
    let linear = Linear::builder(columns, rows).dtype(DType::F64).build()?;
    linear.weight.set_data(input(&[rows, columns]).mul(0.3)?)?;
    linear
        .bias
        .as_ref()
        .expect("a bias")
        .set_data(other(&[rows]))?;
    how(&linear)?;
    // A spectral norm's vectors stay as they are.
    linear.eval();
    Ok(linear)
}

fn orthogonally(rows: usize, columns: usize, map: OrthogonalMap, around: bool) -> Result<Linear> {
    let options = OrthogonalOptions::new()
        .orthogonal_map(map)
        .use_trivialization(around);
    parametrized(rows, columns, |m| {
        orthogonal(m, "weight", options)?;
        // Reflections keep a sign on the diagonal, the whole part of its elements: away from a jump.
        let original = &m.parameters()[1];
        let grown = Tensor::eye_rect(rows, columns)
            .double()?
            .mul(0.3)?
            .add(1.0)?;
        original.set_data(original.data().mul(grown)?)
    })
}

fn computed() -> Vec<Layer> {
    use OrthogonalMap::{Cayley, Householder, MatrixExp};
    layers! {
        Linear = parametrized(3, 4, |m| weight_norm(m, "weight", 0))?, other(&[2, 4]);
        Linear = parametrized(3, 4, |m| weight_norm(m, "weight", None))?, other(&[2, 4]);
        Linear = parametrized(3, 4, |m| spectral_norm(m, "weight", SpectralNormOptions::new()))?, other(&[2, 4]);
        Linear = parametrized(3, 4, |m| l1_unstructured(m, "weight", 0.5, None).map(drop))?, other(&[2, 4]);
        Linear = orthogonally(3, 3, MatrixExp, true)?, other(&[2, 3]);
        Linear = orthogonally(4, 2, MatrixExp, false)?, other(&[2, 2]);
        Linear = orthogonally(3, 3, Cayley, true)?, other(&[2, 3]);
        Linear = orthogonally(2, 4, Cayley, false)?, other(&[2, 4]);
        Linear = orthogonally(4, 2, Householder, true)?, other(&[2, 2]);
        Linear = orthogonally(3, 3, Householder, false)?, other(&[2, 3]);
    }
    .into_iter()
    .chain(layers! {
        Linear = Linear::new(2, 3), [other(&[9])], |m, x| parameters_to_vector(&m.parameters())?.mul(&x[0]);
    })
    .collect()
}

pub fn all() -> Vec<Layer> {
    [of_elements(), of_images(), losses(), computed()]
        .into_iter()
        .flatten()
        .collect()
}
