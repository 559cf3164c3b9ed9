use std::rc::Rc;

use pleach::prelude::*;

struct Points {
    all: Rc<Vec<f32>>,
}

impl Dataset for Points {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.all.len()
    }
    fn get(&self, index: usize) -> Result<Self::Item> {
        Ok((Tensor::scalar(self.all[index] as f64), 0))
    }
}

fn main() {}
