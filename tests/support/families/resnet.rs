//! `resnet/`: resnet18, from its initialisation to fine-tuning.

use crate::support::data::Family;
use crate::support::eval::find;
use crate::support::report::Report;
use crate::support::value::{bug, unknown};

pub fn run() {
    let Some(family) = Family::open("resnet") else {
        return;
    };
    let mut report = Report::new("resnet");
    if let Some(file) = family.json("resnet.json") {
        for (part, _) in file.as_object().into_iter().flatten() {
            if part == "note" {
                continue;
            }
            report.case(part, || match find("torchvision.models.resnet18") {
                None => unknown("torchvision.models.resnet18"),
                Some(_) => bug("resnet18 exists, but its cases have no runner yet"),
            });
        }
    }
    report.finish();
}
