//! Tells cargo that the embedded user interface is an input of this crate.

fn main() {
    // Where it has not been built, a path that does not exist makes cargo look again each time.
    println!("cargo::rerun-if-changed=../ui/build/assets");
}
