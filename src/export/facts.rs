//! What the rules see of an object, as [`crate::policy::subject`] shows it: the labels and
//! annotations of a `CronJob` overlaid by its template's, and the name that globs match.

use std::collections::BTreeMap;

use crate::policy::record::PREFIX;
use crate::policy::selector::Selector;

use super::cel;
use super::sheet::Sheet;

/// Holds the keys that the policy asks for; each becomes a variable, null where there is no such
/// key.
#[derive(Debug, Default)]
pub(super) struct Facts {
    asked: BTreeMap<(Layers, String), String>,
}

/// Where a key is looked up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Layers {
    Labels,
    Annotations,
    NamespaceLabels,
}

// === impl Facts ===

impl Facts {
    /// Whether each of a selector's requirements holds.
    pub(super) fn satisfy(&mut self, layers: Layers, selector: &Selector) -> Vec<String> {
        let asked = selector.requirements.iter();
        asked.map(|asked| cel::satisfies(&self.value(layers, &asked.key), asked)).collect()
    }

    /// Whether all of a selector's requirements hold.
    pub(super) fn select(&mut self, layers: Layers, selector: &Selector) -> String {
        cel::all(self.satisfy(layers, selector))
    }

    /// The value of a key, as an expression.
    fn value(&mut self, layers: Layers, key: &str) -> String {
        let place = (layers, key.to_owned());
        if let Some(name) = self.asked.get(&place) {
            return format!("variables.{name}");
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let wanted: String = format!("{}_{key}", layers.word()).chars().map(plain).collect();
        let taken = |name: &str| self.asked.values().any(|other| other == name);
        let mut name = wanted.clone();
        let mut number = 2;
        // `a.b` and `a-b` are two keys.
        while taken(&name) {
            name = format!("{wanted}__{number}");
            number += 1;
        }
        let reference = format!("variables.{name}");
        self.asked.insert(place, name);
        reference
    }

    /// All of it as variables, the object's own first.
    pub(super) fn into_sheet(self) -> Sheet {
        let mut sheet = Sheet::default();
        for (name, expression) in OF_THE_OBJECT {
            sheet.define(name, expression);
        }
        for ((layers, key), name) in self.asked {
            sheet.define(name, layers.look_up(&key));
        }
        sheet
    }
}

// === impl Layers ===

impl Layers {
    const fn word(self) -> &'static str {
        match self {
            Self::Labels => "label",
            Self::Annotations => "annotation",
            Self::NamespaceLabels => "namespace_label",
        }
    }

    fn look_up(self, key: &str) -> String {
        let literal = cel::text(key);
        match self {
            // Ours to write, and nobody's to match.
            Self::Labels | Self::Annotations if key.starts_with(PREFIX) => "dyn(null)".to_owned(),
            Self::Labels => over("variables.template_labels", "variables.own_labels", &literal),
            Self::Annotations => {
                over("variables.template_annotations", "variables.own_annotations", &literal)
            }
            Self::NamespaceLabels => {
                let labels = "variables.namespace_labels";
                format!("{literal} in {labels} ? dyn({labels}[{literal}]) : dyn(null)")
            }
        }
    }
}

fn over(top: &str, bottom: &str, key: &str) -> String {
    format!("{top}[?{key}].or({bottom}[?{key}]).orValue(dyn(null))")
}

/// Jobs of a `CronJob` never come here, so a Job has one layer and no template.
const OF_THE_OBJECT: [(&str, &str); 8] = [
    ("is_cronjob", "request.kind.kind == 'CronJob'"),
    ("job", "variables.is_cronjob ? object.spec.jobTemplate.spec : object.spec"),
    (
        "name",
        "object.metadata.?generateName.orValue('') != '' ? object.metadata.generateName\n\
         : object.metadata.?name.orValue('')",
    ),
    ("own_labels", "object.metadata.?labels.orValue(dyn({}))"),
    ("own_annotations", "object.metadata.?annotations.orValue(dyn({}))"),
    (
        "template_labels",
        "!variables.is_cronjob ? dyn({})\n\
         : object.spec.jobTemplate.?metadata.?labels.orValue(dyn({}))\
         .exists(key, !key.startsWith('curfew.dev/'))\n\
         ? object.spec.jobTemplate.metadata.labels\n\
         : object.spec.jobTemplate.spec.template.?metadata.?labels.orValue(dyn({}))",
    ),
    (
        "template_annotations",
        "!variables.is_cronjob ? dyn({})\n\
         : object.spec.jobTemplate.?metadata.?annotations.orValue(dyn({}))",
    ),
    ("namespace_labels", "namespaceObject.metadata.?labels.orValue({})"),
];
