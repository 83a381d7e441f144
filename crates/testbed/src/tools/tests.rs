use std::fs;

use crate::workspace::Workspace;

use super::golang::{GoVersion, OLDEST};
use super::pint::PINT;
use super::{ALERTMANAGER, COLLECTOR, DASHBOARDS, DEPLOY, PROMETHEUS};

#[test]
fn every_pinned_module_is_pinned_with_checksums() {
    for program in [COLLECTOR, PROMETHEUS, ALERTMANAGER, DEPLOY, DASHBOARDS, PINT] {
        let files = program.pinned_files(&Workspace::find()).unwrap();
        let names: Vec<_> =
            files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();

        assert!(names.contains(&"go.mod"), "{}: {names:?}", program.name);
        assert!(names.contains(&"go.sum"), "{}: {names:?}", program.name);
    }
}

#[test]
fn the_oldest_accepted_go_is_new_enough_for_every_pinned_module() {
    for program in [COLLECTOR, PROMETHEUS, ALERTMANAGER, DEPLOY, DASHBOARDS, PINT] {
        let file = Workspace::find().path(program.pinned_in).join("go.mod");
        let module = fs::read_to_string(file).unwrap();
        let wanted = module.lines().find_map(|line| line.strip_prefix("go ")).unwrap();

        assert!(GoVersion::parse(wanted).unwrap() <= OLDEST, "{}: {wanted}", program.name);
    }
}

#[test]
fn the_collector_is_generated_from_the_manifest_beside_it() {
    let folder = Workspace::find().path(COLLECTOR.pinned_in);
    let manifest = fs::read_to_string(folder.join("manifest.yaml")).unwrap();
    let module = fs::read_to_string(folder.join("go.mod")).unwrap();

    let components: Vec<_> =
        manifest.lines().filter_map(|line| line.trim().strip_prefix("- gomod: ")).collect();
    assert!(20 < components.len(), "{components:?}");
    for component in components {
        assert!(module.contains(&format!("\t{component}\n")), "{component}");
    }
}
