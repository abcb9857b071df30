//! W3 in candle: a net 2-2-1 with sigmoid units learns XOR with Adam, one step an epoch, in 64-bit reals. Takes the number of
//! epochs and the folder with the rows and the starting weights; prints the cost after the last step.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, ops::sigmoid};

fn read(folder: &str, name: &str) -> Result<Tensor> {
    Tensor::read_npy(format!("{folder}/{name}.npy"))?.to_dtype(DType::F64)?.to_device(&Device::Cpu)
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let epochs: usize = args.next().and_then(|text| text.parse().ok()).expect("the number of epochs");
    let folder = args.next().expect("a folder");
    let (x, t) = (read(&folder, "x")?, read(&folder, "t")?);
    let param = |name: &str| Var::from_tensor(&read(&folder, name)?);
    let params = [param("w1")?, param("b1")?, param("w2")?, param("b2")?];
    let cost = || -> Result<Tensor> {
        let [w1, b1, w2, b2] = &params;
        let hidden = sigmoid(&x.matmul(w1)?.broadcast_add(b1)?)?;
        let y = sigmoid(&hidden.matmul(w2)?.broadcast_add(b2)?)?;
        (y - &t)?.sqr()?.mean_all()
    };
    let adam = ParamsAdamW { lr: 0.1, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(params.to_vec(), adam)?;
    for _ in 0..epochs {
        optimizer.backward_step(&cost()?)?;
    }
    println!("{}", cost()?.to_scalar::<f64>()?);
    Ok(())
}
