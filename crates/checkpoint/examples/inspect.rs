//! Prints what a checkpoint holds, or why it cannot be read: `inspect FILE..`.

fn main() {
    for path in std::env::args().skip(1) {
        match pleach_checkpoint::load(&path) {
            Ok(value) => println!("{path}: {value}"),
            Err(error) => println!("{error}"),
        }
    }
}
