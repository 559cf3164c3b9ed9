//! A server whose threads share one model: eight workers take requests from one channel and answer
//! each sender. The answers are those of a single thread, to the bit.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use pleach::prelude::*;

const WORKERS: usize = 8;
const REQUESTS: usize = 200;

/// An input, and where the answer goes.
struct Request {
    input: Tensor,
    answer: mpsc::Sender<Result<Tensor>>,
}

fn model() -> Result<Sequential> {
    Ok(sequential![
        Conv2d::builder(1, 8, 3).padding(1).build()?,
        BatchNorm2d::new(8),
        ReLU::new(),
        MaxPool2d::new(2),
        Dropout::new(0.5),
        Flatten::new(),
        Linear::new(8 * 8 * 8, 10),
    ])
}

fn main() -> Result<()> {
    manual_seed(0);
    let net = Arc::new(model()?);
    // A few batches, so that the batch norm has seen something.
    for _ in 0..5 {
        no_grad(|| net.call(&Tensor::randn([16, 1, 16, 16])))?;
    }
    // One mode for all: a batch norm and a dropout that depend on nothing but their input.
    net.eval();

    let inputs: Vec<_> = (0..REQUESTS)
        .map(|i| Tensor::randn([1 + i % 16, 1, 16, 16]))
        .collect();
    let expected = inputs
        .iter()
        .map(|x| no_grad(|| net.call(x)))
        .collect::<Result<Vec<_>>>()?;

    let (requests, queue) = mpsc::channel::<Request>();
    let queue = Arc::new(Mutex::new(queue));
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (net, queue) = (net.clone(), queue.clone());
            thread::spawn(move || {
                let mut served = 0;
                loop {
                    // The lock is held while waiting, and given back before computing.
                    let Ok(request) = queue.lock().unwrap().recv() else {
                        return served;
                    };
                    // `no_grad` holds for the thread that says it.
                    let answer = no_grad(|| net.call(&request.input));
                    request.answer.send(answer).ok();
                    served += 1;
                }
            })
        })
        .collect();

    let mut answers = Vec::new();
    for input in &inputs {
        let (answer, receiver) = mpsc::channel();
        requests
            .send(Request {
                input: input.clone(),
                answer,
            })
            .unwrap();
        answers.push(receiver);
    }
    for (answer, expected) in answers.iter().zip(&expected) {
        let answer = answer.recv().unwrap()?;
        assert!(!answer.requires_grad());
        assert_eq!(answer.to_vec::<f32>()?, expected.to_vec::<f32>()?);
    }

    // A request that does not fit is an error for its sender, and the server goes on.
    let (answer, receiver) = mpsc::channel();
    requests
        .send(Request {
            input: Tensor::zeros([1, 3, 16, 16]),
            answer,
        })
        .unwrap();
    let error = receiver.recv().unwrap().unwrap_err();
    println!("{error}");
    assert!(error.to_string().starts_with("0 (Conv2d)"), "{error}");

    // Without senders the workers end.
    drop(requests);
    let served: Vec<usize> = workers.into_iter().map(|w| w.join().unwrap()).collect();
    println!("requests by worker: {served:?}");
    assert_eq!(served.iter().sum::<usize>(), REQUESTS + 1);
    Ok(())
}
