//! Every file of the seed corpus goes through its target, without a fuzzer.

#[test]
fn the_corpus_breaks_no_rule() {
    for (name, target) in fuzz::TARGETS {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 2, "{name} has {count} seeds");
    }
}
