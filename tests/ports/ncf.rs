//! Neural collaborative filtering (He et al. 2017): NeuMF, as in guoyang9's NCF.

use pleach::prelude::*;

use crate::check;
use crate::layers::Embedding;

#[derive(Module)]
struct NCF {
    #[module(rename = "embed_user_GMF")]
    embed_user_gmf: Embedding,
    #[module(rename = "embed_item_GMF")]
    embed_item_gmf: Embedding,
    #[module(rename = "embed_user_MLP")]
    embed_user_mlp: Embedding,
    #[module(rename = "embed_item_MLP")]
    embed_item_mlp: Embedding,
    #[module(rename = "MLP_layers")]
    mlp_layers: Sequential,
    predict_layer: Linear,
}

impl NCF {
    fn new(
        user_num: usize,
        item_num: usize,
        factor_num: usize,
        num_layers: u32,
        dropout: f64,
    ) -> Result<Self> {
        let mlp_size = factor_num * 2usize.pow(num_layers - 1);
        let embed_user_gmf = Embedding::new(user_num, factor_num);
        let embed_item_gmf = Embedding::new(item_num, factor_num);
        let embed_user_mlp = Embedding::new(user_num, mlp_size);
        let embed_item_mlp = Embedding::new(item_num, mlp_size);
        let mut mlp_layers = Sequential::new();
        for i in 0..num_layers {
            let input_size = factor_num * 2usize.pow(num_layers - i);
            mlp_layers.push(Dropout::new(dropout));
            mlp_layers.push(Linear::new(input_size, input_size / 2));
            mlp_layers.push(ReLU::new());
        }
        let mut net = NCF {
            embed_user_gmf,
            embed_item_gmf,
            embed_user_mlp,
            embed_item_mlp,
            mlp_layers,
            predict_layer: Linear::new(factor_num * 2, 1),
        };
        net.init_weight_()?;
        Ok(net)
    }

    fn init_weight_(&mut self) -> Result<()> {
        init::normal_(&self.embed_user_gmf.weight, 0.0, 0.01)?;
        init::normal_(&self.embed_user_mlp.weight, 0.0, 0.01)?;
        init::normal_(&self.embed_item_gmf.weight, 0.0, 0.01)?;
        init::normal_(&self.embed_item_mlp.weight, 0.0, 0.01)?;
        self.mlp_layers
            .try_apply_to::<Linear>(|m| init::xavier_uniform_(&m.weight, 1.0).map(drop))?;
        init::kaiming_uniform_(&self.predict_layer.weight, 1.0, "fan_in", "sigmoid")?;
        self.try_apply_to::<Linear>(|m| {
            if let Some(bias) = &m.bias {
                init::zeros_(bias)?;
            }
            Ok(())
        })
    }
}

impl ForwardMany for NCF {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (user, item): Self::Arguments<'_>) -> Result<Tensor> {
        let user_gmf = self.embed_user_gmf.call(user)?;
        let output_gmf = user_gmf.mul(&self.embed_item_gmf.call(item)?)?;

        let user_mlp = self.embed_user_mlp.call(user)?;
        let item_mlp = self.embed_item_mlp.call(item)?;
        let interaction = Tensor::cat([&user_mlp, &item_mlp], -1)?;
        let output_mlp = self.mlp_layers.call(&interaction)?;

        let both = Tensor::cat([&output_gmf, &output_mlp], -1)?;
        self.predict_layer.call(&both)?.view([-1])
    }
}

fn binary_cross_entropy_with_logits(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    let log_rest = x.abs()?.neg()?.exp()?.add(1.0)?.log()?;
    (x.relu()? - x * target + log_rest).mean()
}

#[test]
fn neural_collaborative_filtering_is_pytorchs() -> Result<()> {
    check(
        "ncf",
        || NCF::new(20, 30, 4, 3, 0.25),
        || {
            let (user, item) = (Tensor::randint(0, 20, [8])?, Tensor::randint(0, 30, [8])?);
            Ok((user, item, Tensor::randint(0, 2, [8])?.float()?))
        },
        |net, (user, item, label)| {
            let prediction = net.call((user, item))?;
            let loss = binary_cross_entropy_with_logits(&prediction, label)?;
            Ok((vec![prediction], loss))
        },
        |net| net.call((&tensor![3, 4], &tensor![5, 30])).map(drop),
    )
}
