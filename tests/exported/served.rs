//! The export is written in the version that the API server serves.

use crate::{
    documents, flags,
    support::{control_plane, curfew::offline},
};

/// As an API server is that nobody gave a flag.
#[test]
fn where_the_kind_is_not_served_it_is_said_how_to_have_it() {
    let Some(plane) = control_plane::shared() else { return };
    let kubeconfig = plane.kubeconfig.to_str().expect("a temporary directory has a plain name");
    let said = offline(&["export", "map", "--served", "--kubeconfig", kubeconfig], "");
    match flags(plane) {
        None => {
            let versions: Vec<_> = documents(&said.stdout)
                .iter()
                .map(|document| document["apiVersion"].clone())
                .collect();
            assert_eq!(versions, ["admissionregistration.k8s.io/v1"; 2], "{}", said.stderr);
        }
        Some(flags) => {
            let expected = format!("error: {} is Kubernetes v1.{}.", plane.url, plane.minor);
            assert!(said.stderr.starts_with(&expected), "{}", said.stderr);
            assert!(said.stderr.contains("and serves no MutatingAdmissionPolicy: "));
            assert!(said.stderr.contains(&flags), "{}", said.stderr);
            assert!(!said.success && said.stdout.is_empty(), "{}", said.stdout);
        }
    }
}
