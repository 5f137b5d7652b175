//! `fluoro evaluate iou` and `sanity`, and `fluoro attribute`, from the outside: fields, files and refusals.

use std::path::Path;

use fluoro_tests::fluoro_in;

/// Twelve phantoms with large hearts.
fn draw(home: &Path) {
    let words = ["phantom", "-o", "films", "--count", "12", "--seed", "9", "-p", "all=0.3", "-p", "cardiomegaly=0.8"];
    assert_eq!(fluoro_in(home, [&words[..], &["--json"]].concat()).json()["films"], 12);
}

#[test]
fn iou_measures_methods_against_true_masks_and_says_what_it_lacks() {
    let home = tempfile::tempdir().unwrap();
    draw(home.path());
    let words = ["evaluate", "iou", "films", "--films", "3", "--method", "grad,cam,random", "--json", "-o", "out"];
    let labels = ["--label", "Cardiomegaly", "--label", "PORTABLE marker"];
    let report = fluoro_in(home.path(), [&words[..], &labels[..]].concat()).json();
    assert_eq!((report["kind"].as_str(), report["dataset"].as_str()), (Some("iou"), Some("films")));
    let rows = report["rows"].as_array().unwrap();
    let of = |label: &str, method: &str| rows.iter().find(|row| row["label"] == label && row["method"] == method);
    for method in ["grad", "cam", "random"] {
        let row = of("Cardiomegaly", method).unwrap();
        assert_eq!(row["films"], 3);
        let iou = &row["iou"];
        let [low, high] = [0, 1].map(|i| iou["ci"][i].as_f64().unwrap());
        let mean = iou["mean"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&mean) && low <= mean && mean <= high, "{row}");
    }
    assert!(of("all", "grad").is_some());
    for name in ["iou.csv", "iou.json", "iou.png"] {
        assert!(home.path().join("out").join(name).metadata().unwrap().len() > 100, "{name}");
    }
    std::fs::create_dir(home.path().join("empty")).unwrap();
    for (words, clue) in [
        (vec!["evaluate", "iou", "empty"], "no known table"),
        (vec!["evaluate", "iou", "films", "--method", "gradd"], "unknown attribution method"),
        (vec!["evaluate", "iou", "films", "--label", "Hart"], "unknown label"),
        (vec!["evaluate", "iou", "films", "--films", "0"], "at least one film"),
    ] {
        assert!(fluoro_in(home.path(), &words).complaint().contains(clue), "{words:?}");
    }
}

#[test]
fn sanity_begins_at_one_and_has_a_row_for_every_layer() {
    let home = tempfile::tempdir().unwrap();
    draw(home.path());
    let words = ["evaluate", "sanity", "films", "--films", "2", "--method", "shift,guided", "--json", "-o", "out"];
    let report = fluoro_in(home.path(), words).json();
    assert_eq!(report["kind"], "sanity");
    let rows: Vec<_> = report["rows"].as_array().unwrap().iter().filter(|row| row["method"] == "shift").collect();
    assert!(rows.len() > 5 && rows[0]["depth"] == 0 && rows[0]["correlation"]["mean"] == 1.0, "{rows:?}");
    let last = rows[rows.len() - 1]["correlation"]["mean"].as_f64().unwrap();
    assert!(last < 0.6, "a network that forgot everything gives another map: {last}");
    let refused = fluoro_in(home.path(), ["evaluate", "sanity", "films", "--method", "random"]);
    assert!(refused.complaint().contains("knows no network"));
}

#[test]
fn an_attribution_repeats_from_its_recipe() {
    let home = tempfile::tempdir().unwrap();
    draw(home.path());
    let film = "films/images/00000001_000.png";
    let words = ["attribute", film, "--bundle=phantom", "--target", "Cardiomegaly", "--method", "grad,log-ratio"];
    let report = fluoro_in(home.path(), [&words[..], &["-o", "a.png", "--json"]].concat()).json();
    assert_eq!(report["target"], "Cardiomegaly");
    let cells = &report["methods"][1]["cells"];
    assert_eq!(cells["logits"].as_array().unwrap().len(), 49, "{cells}");
    let again = ["attribute", film, "--bundle=phantom", "--recipe", "a.png.recipe.ron", "-o", "b.png", "--json"];
    assert_eq!(fluoro_in(home.path(), again).json()["methods"].as_array().unwrap().len(), 2);
    let bytes = |name: &str| std::fs::read(home.path().join(name)).unwrap();
    assert_eq!(bytes("a.png"), bytes("b.png"));
    let wrong = ["shift", film, "--bundle=phantom", "--recipe", "a.png.recipe.ron", "-o", "c.gif"];
    assert!(fluoro_in(home.path(), wrong).complaint().contains("attribute"));
}
