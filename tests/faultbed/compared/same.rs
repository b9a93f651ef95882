//! Whether two answers say the same: which of the names that one server gives is which of the other.

use std::collections::HashMap;

use serde_json::{Value, json};
use similar::TextDiff;

use super::call::{Call, List, Patch};

/// An answer; a watch has no body.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

/// What the names of the real server are called by the model.
#[derive(Debug, Default)]
pub struct Names {
    uids: Pairs,
    versions: Pairs,
    /// Versions of lists: others may write in between, so several of one are one of the other.
    moments: HashMap<String, String>,
    tokens: HashMap<String, String>,
}

/// Names of which each is one other name, for ever.
#[derive(Debug, Default)]
struct Pairs {
    to_model: HashMap<String, String>,
    to_real: HashMap<String, String>,
}

// === impl Names ===

impl Names {
    /// The same request to the model. What the real server has not named stays as it is.
    pub fn for_model(&self, call: &Call) -> Call {
        let mut call = call.clone();
        match &mut call {
            Call::List(List { token: Some(token), .. }) => {
                let known = self.tokens.get(token);
                *token = known.expect("it is of a page that both gave").clone();
            }
            Call::Watch { from: Some(from), .. } => {
                let known = self.moments.get(from).or_else(|| self.versions.to_model.get(from));
                *from = known.unwrap_or(from).clone();
            }
            Call::Create(_, body)
            | Call::Replace(_, body)
            | Call::Patch(Patch { body, .. })
            | Call::Delete(_, body) => self.rename(body),
            _ => {}
        }
        call
    }

    /// The uids and versions in an object, a patch or the options of a deletion.
    fn rename(&self, value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(|one| self.rename(one)),
            Value::Object(members) => {
                // Who wrote what is not in the model.
                members.remove("managedFields");
                let is_version = members.get("path").is_some_and(|p| p == VERSION_PATH);
                for (key, member) in members {
                    let is_version = key == "resourceVersion" || is_version && key == "value";
                    match member.as_str().filter(|_| is_version) {
                        Some(version) => {
                            let known = self.versions.to_model.get(version);
                            *member = known.map_or(version, String::as_str).into();
                        }
                        None => self.rename(member),
                    }
                }
            }
            Value::String(text) => {
                if let Some(uid) = self.uids.to_model.get(text) {
                    uid.clone_into(text);
                }
            }
            _ => {}
        }
    }

    /// Whether both answers to a request say the same.
    ///
    /// # Errors
    /// In what they differ.
    pub fn same(&mut self, call: &Call, real: &Answer, model: &Answer) -> Result<(), String> {
        equal("the HTTP status", &real.status.into(), &model.status.into())?;
        if real.status >= 400 {
            return equal("the Status", &failure(&real.body), &failure(&model.body));
        }
        let (real, model) = (&real.body, &model.body);
        match call {
            Call::List(_) => self.same_list(real, model),
            Call::Access(_) => equal("what is allowed", allowed(real), allowed(model)),
            // Nothing of these answers is read; what is stored is asked for afterwards.
            Call::Watch { .. }
            | Call::Delete(..)
            | Call::CreateEvent(..)
            | Call::CountEvent { .. } => Ok(()),
            _ => self.same_object(real, model),
        }
    }

    fn same_list(&mut self, real: &Value, model: &Value) -> Result<(), String> {
        let items = |list: &Value| list["items"].as_array().cloned().unwrap_or_default();
        let (ours, theirs) = (items(model), items(real));
        let head = |list: &Value| {
            let metadata = &list["metadata"];
            json!({
                "apiVersion": list["apiVersion"], "kind": list["kind"],
                "goes on": metadata.get("continue").is_some(),
                "remaining": metadata["remainingItemCount"], "items": items(list).len(),
            })
        };
        equal("the list", &head(real), &head(model))?;
        for (real, model) in theirs.iter().zip(&ours) {
            self.same_object(real, model)?;
        }
        let (real, model) = (&real["metadata"], &model["metadata"]);
        self.same_moment(&real["resourceVersion"], &model["resourceVersion"]);
        if let (Some(real), Some(model)) = (real["continue"].as_str(), model["continue"].as_str()) {
            self.tokens.insert(real.to_owned(), model.to_owned());
        }
        Ok(())
    }

    /// From here on a watch may begin.
    pub fn same_moment(&mut self, real: &Value, model: &Value) {
        if let (Some(real), Some(model)) = (real.as_str(), model.as_str()) {
            self.moments.insert(real.to_owned(), model.to_owned());
        }
    }

    /// Whether two objects are the same.
    pub fn same_object(&mut self, real: &Value, model: &Value) -> Result<(), String> {
        let name = |object: &Value, member: &str| {
            object["metadata"][member].as_str().unwrap_or_default().to_owned()
        };
        self.uids.same("uid", &name(real, "uid"), &name(model, "uid"))?;
        let version = "resourceVersion";
        self.versions.same(version, &name(real, version), &name(model, version))?;
        let mut real = real.clone();
        self.rename(&mut real);
        equal("the object", &lasting(real), &lasting(model.clone()))
    }
}

// === impl Pairs ===

impl Pairs {
    fn same(&mut self, what: &str, real: &str, model: &str) -> Result<(), String> {
        match (self.to_model.get(real), self.to_real.get(model)) {
            (Some(known), _) if known == model => Ok(()),
            (None, None) => {
                self.to_model.insert(real.to_owned(), model.to_owned());
                self.to_real.insert(model.to_owned(), real.to_owned());
                Ok(())
            }
            (known, other) => Err(format!(
                "{what}: {real} of the real one was {known:?} of the model, and {model} of the \
                 model was {other:?} of the real one"
            )),
        }
    }
}

/// What it says of why it did not do it.
fn failure(body: &Value) -> Value {
    json!({"kind": body["kind"], "reason": body["reason"], "code": body["code"]})
}

fn allowed(review: &Value) -> &Value {
    &review["status"]["allowed"]
}

/// Without what depends on when and by whom it was written, and without members that are `null`.
fn lasting(mut object: Value) -> Value {
    without_nulls(&mut object);
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for member in ["uid", "resourceVersion", "managedFields"] {
            metadata.remove(member);
        }
        for (member, value) in metadata {
            if member.ends_with("Timestamp") {
                *value = "some time".into();
            }
        }
    }
    object
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(all) => all.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Fails with the lines that differ.
pub fn equal(what: &str, real: &Value, model: &Value) -> Result<(), String> {
    if real == model {
        return Ok(());
    }
    let (real, model) = (format!("{real:#}\n"), format!("{model:#}\n"));
    let diff = TextDiff::from_lines(&real, &model);
    let diff = diff.unified_diff().context_radius(2).header("real", "model").to_string();
    Err(format!("{what}\n{diff}"))
}

const VERSION_PATH: &str = "/metadata/resourceVersion";
