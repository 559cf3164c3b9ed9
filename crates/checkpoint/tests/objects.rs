//! Objects of unknown classes, from pickles that are written by hand.

use pleach_checkpoint::{Dict, Format, Loader, Value, load, to_bytes};
use pleach_core::{Result, Tensor, tensor};
use pleach_nn::layers::{Linear, ReLU};
use pleach_nn::{Module, Sequential};

fn opaque() -> Loader {
    Loader::new().opaque_objects(true)
}

fn shown(pickle: &[u8]) -> String {
    match opaque().load_pickle(pickle) {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

fn golden() -> impl Iterator<Item = std::path::PathBuf> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/golden/checkpoints"
    );
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path())
}

#[test]
fn every_opcode_that_makes_an_object_makes_an_opaque_one() {
    for (pickle, what) in [
        // Protocol 0: INST, and copyreg's function.
        (&b"(I1\nim\nC\np0\n(dp1\nS'a'\nI2\nsb."[..], "<m.C(1) a=2>"),
        (
            b"ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR(dVa\nI2\nsb.",
            "<m.C a=2>",
        ),
        (
            b"ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\ndict\n(dVk\nI1\nstR.",
            "<m.C ['k']=1>",
        ),
        (b"ccopyreg\n__newobj__\n(cm\nC\nI3\ntR.", "<m.C(3)>"),
        // Protocol 1: OBJ.
        (b"(cm\nC\nK\x01o}U\x01aK\x02sb.", "<m.C(1) a=2>"),
        // Protocols 2 and 4: NEWOBJ, REDUCE, NEWOBJ_EX.
        (b"\x80\x02cm\nC\n)\x81}X\x01\0\0\0aK\x02sb.", "<m.C a=2>"),
        (b"\x80\x02cm\nf\nK\x01\x85R.", "<m.f(1)>"),
        (
            b"\x80\x04\x8c\x01m\x8c\x01C\x93K\x01\x85}\x8c\x01kK\x02s\x92.",
            "<m.C(1) k=2>",
        ),
        // State that is no dict, items, entries, slots.
        (b"\x80\x02cm\nC\n)\x81K\x07b.", "<m.C state=7>"),
        (
            b"\x80\x02cm\nC\n)\x81(K\x01K\x02eX\x01\0\0\0kK\x03s.",
            "<m.C ['k']=3 [0]=1 [1]=2>",
        ),
        (
            b"\x80\x02cm\nC\n)\x81N}X\x01\0\0\0aK\x02s\x86b.",
            "<m.C a=2>",
        ),
        // A function as a value, and the result of an unknown one that is called.
        (b"\x80\x02cm\nf\n.", "<class m.f>"),
        (b"\x80\x02cm\nf\n)R)R.", "<m.f>"),
        // An object that has itself.
        (
            b"\x80\x02cm\nC\n)\x81q\0}X\x01\0\0\0ah\0sb.",
            "<m.C a=<the m.C that this is a part of>>",
        ),
        (
            b"\x80\x02]q\0(K\x01h\0e.",
            "[1, <the builtins.list that this is a part of>]",
        ),
    ] {
        assert_eq!(shown(pickle), what, "{}", pickle.escape_ascii());
        if !pickle.starts_with(b"\x80\x02]") {
            let error = Loader::new().load_pickle(pickle).unwrap_err().to_string();
            assert!(error.contains("refuses the global `m."), "{error}");
        }
    }
}

#[test]
fn names_that_only_harm_needs_are_refused_in_every_mode() {
    for name in [
        "os\nsystem",
        "posix\nsystem",
        "nt\nsystem",
        "subprocess\nPopen",
        "__builtin__\neval",
        "builtins\nexec",
        "__builtin__\n__import__",
        "builtins\nopen",
        "sys\nmodules",
        "importlib\nimport_module",
        "shutil\nrmtree",
        "socket\nsocket",
        "runpy\nrun_path",
        "ctypes\nCDLL",
        "pickle\nloads",
        "torch\nload",
        "torch.hub\nload",
        "torch\nos.system",
        "torch._utils.os\nsystem",
        "a.b\nc.sys.modules",
        "m\nC.__init__.__globals__",
    ] {
        let dotted = name.replace('\n', ".").replace("__builtin__", "builtins");
        for loader in [Loader::new(), opaque()] {
            for pickle in [
                format!("c{name}\n(S'x'\ntR."),
                format!("(S'x'\ni{name}\n."),
                format!("(c{name}\nS'x'\no."),
                format!("]c{name}\na."),
            ] {
                let error = loader
                    .load_pickle(pickle.as_bytes())
                    .unwrap_err()
                    .to_string();
                let what = format!("refuses the global `{dotted}`");
                assert!(error.contains(&what), "{error}");
                assert!(error.contains("no honest checkpoint names it"), "{error}");
            }
        }
    }
}

#[test]
fn malicious_files_are_refused_in_opaque_mode_too() {
    let mut count = 0;
    for path in golden() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("evil_") || name.starts_with("evil_after_stop") {
            continue;
        }
        count += 1;
        let error = opaque().load(&path).expect_err(&name).to_string();
        let known = error.contains("refuses the global `") || error.contains("an extension code");
        assert!(known, "{error}");
    }
    assert!(count >= 40, "{count}");
}

#[test]
fn every_golden_file_that_loads_is_the_same_in_opaque_mode() {
    let mut count = 0;
    for path in golden() {
        if path.extension().is_some_and(|e| e == "json") {
            continue;
        }
        if let Ok(value) = load(&path) {
            let other = opaque().load(&path).unwrap();
            assert_eq!(
                format!("{other:?}"),
                format!("{value:?}"),
                "{}",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn shared_objects_are_one_and_a_tangle_of_them_is_bounded() {
    // An object that has the one before twice, two hundred times: 2^200 by reference.
    let mut pickle = b"\x80\x02cm\nC\nq\0)\x81".to_vec();
    for _ in 0..60 {
        pickle.extend(b"q\x01h\0)\x81h\x01h\x01\x86b");
    }
    pickle.push(b'.');
    let value = opaque().load_pickle(&pickle).unwrap();
    assert!(value.to_string().lines().count() < 300);
    assert!(format!("{value:?}").chars().count() <= (1 << 20) + 1);
    let error = value.state_dict().unwrap_err().to_string();
    assert!(
        error.contains("none of its entries holds tensors"),
        "{error}"
    );
    // Modules within modules, the same twice each time.
    let mut pickle = b"\x80\x02N".to_vec();
    for _ in 0..40 {
        pickle.extend(b"q\x01cm\nC\n)\x81}(X\x0b\0\0\0_parameters}X\x08\0\0\0_modules}(");
        pickle.extend(b"X\x01\0\0\0ah\x01X\x01\0\0\0bh\x01uub");
    }
    pickle.push(b'.');
    let value = opaque().load_pickle(&pickle).unwrap();
    let error = value.state_dict().unwrap_err().to_string();
    assert!(
        error.contains("modules within modules (the limit is "),
        "{error}"
    );
}

#[test]
fn lists_that_hold_each_other_are_cut_everywhere() {
    // Eight lists, each with all eight in it.
    let n = 8u8;
    let mut pickle = b"\x80\x02(".to_vec();
    for i in 0..n {
        pickle.extend([b']', b'q', i]);
    }
    pickle.push(b't');
    for i in 0..n {
        pickle.extend([b'h', i, b'(']);
        for j in 0..n {
            pickle.extend([b'h', j]);
        }
        pickle.extend(b"e0");
    }
    pickle.push(b'.');
    let value = opaque().load_pickle(&pickle).unwrap();
    assert!(format!("{value:?}").len() < 200_000);
    assert!(Loader::new().load_pickle(&pickle).is_err());
}

#[test]
fn the_hint_names_the_entries_that_hold_tensors_with_their_paths() {
    let state = || Dict::new().with("w", tensor![1.0]);
    let own = Dict::new().with("exp_avg", tensor![1.0]);
    let mut by_number = Value::from(Dict::new());
    if let Ok(number) = Loader::new().load_pickle(b"}K\0}s.") {
        by_number = number;
    }
    let optimizer = Dict::new()
        .with("state", Dict::new().with("0", own))
        .with("param_groups", vec![by_number]);
    let checkpoint = Dict::new()
        .with("epoch", 3)
        .with("config", Dict::new().with("lr", 0.1))
        .with("optimizer", optimizer)
        .with(
            "model",
            Dict::new().with("state_dict", state()).with("step", 1),
        )
        .with("ema", vec![state()])
        .with(
            "deep",
            Dict::new().with("a", Dict::new().with("b", state())),
        );
    let error = Value::from(checkpoint)
        .state_dict()
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "not a state dict: 'epoch' is an int; a state dict may be one of the entries \
         'model/state_dict', 'ema/0', 'deep/a/b'"
    );
    let mixed = Dict::new().with("a", Dict::new().with("w", tensor![1.0]).with("n", 1));
    let error = Value::from(mixed).state_dict().unwrap_err().to_string();
    assert!(error.ends_with("one of the entries 'a'"), "{error}");
    let none = Dict::new().with("a", Dict::new().with("n", 1));
    let error = Value::from(none).state_dict().unwrap_err().to_string();
    assert_eq!(error, "not a state dict: 'a' is a dict; there are: 'a'");
}

#[test]
fn the_versions_of_modules_are_written_in_the_models_order() -> Result<()> {
    let mut net = Sequential::new();
    for i in 0..12 {
        net = match i % 2 {
            0 => net.append(Linear::new(1, 1)),
            _ => net.append(ReLU::new()),
        };
    }
    let bytes = to_bytes(net.state_dict(), Format::Torch)?;
    let value = Loader::new().load_bytes(&bytes)?;
    let metadata = value
        .as_dict()?
        .attribute("_metadata")
        .expect("it was saved");
    let paths: Result<Vec<&str>> = metadata
        .as_dict()?
        .iter()
        .map(|(k, _)| Ok(k.as_str()?))
        .collect();
    let expected = [
        "", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
    ];
    assert_eq!(paths?, expected);
    let back = value.state_dict()?;
    assert_eq!(back.versions(), net.state_dict().versions());
    Ok(())
}

#[test]
fn a_tree_is_cut_where_it_gets_long() {
    let many = |n: usize| {
        let names = (0..n).map(|i| (format!("layer{i}.weight"), Tensor::zeros([2, 2])));
        names.fold(Dict::new(), |dict, (name, t)| dict.with(name, t))
    };
    let run = Dict::new()
        .with("note", "x".repeat(500))
        .with("numbers", (0..1000i64).collect::<Vec<_>>())
        .with("model", many(100))
        .with("other", vec![many(70), many(70), many(70)])
        .with("last", 1);
    let text = Value::from(run).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "dict of 5 entries");
    assert_eq!(lines[1], format!("├─ note: '{}…", "x".repeat(79)));
    assert!(lines[2].starts_with("├─ numbers: [0, 1, 2, ") && lines[2].ends_with("… (1000 items)"));
    assert_eq!(lines[3], "├─ model: dict of 100 entries");
    assert_eq!(lines[4], "│  ├─ layer0.weight: <torch.float32 [2, 2]>");
    assert_eq!(lines[64], "│  └─ … 40 more");
    assert!(lines.len() <= 210 && lines.iter().all(|line| line.chars().count() < 200));
    // Small values are one line.
    assert_eq!(Value::from(vec![1i64, 2]).to_string(), "[1, 2]");
    assert_eq!(Value::from("a\nb").to_string(), "'a\\nb'");
}
