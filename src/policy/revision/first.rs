//! What version 0.1.0 hashed for those of its settings that a policy does not use.
//!
//! For every later one it is nothing, and these would be nothing too, had 0.1.0 not been in use:
//! brakes have accepted policies by the revisions that came of it, holds and plans bear them, and
//! while versions change replicas compare them. With other revisions an upgrade would stop every
//! brake, and the way back would stop it again. So they stay, the same in every policy, and nothing
//! is ever added to them.

use serde_json::{Value, json};

pub(super) fn exempt() -> Value {
    json!({"namespaces": [], "namespaceSelector": null, "selectors": []})
}

pub(super) fn guards() -> Value {
    json!({"allowOwners": []})
}

pub(super) fn rule() -> Value {
    json!({"enforce": false, "reason": null})
}

pub(super) fn matching() -> Value {
    json!({
        "kinds": [],
        "namespaces": [],
        "namespaceSelector": null,
        "names": [],
        "labels": {},
        "annotations": {},
        "selector": null,
    })
}

pub(super) fn settings() -> Value {
    json!({
        "ttl": null,
        "historySuccessful": null,
        "historyFailed": null,
        "deadlineActive": null,
        "deadlineStarting": null,
        "timeZone": null,
        "mode": null,
        "stored": null,
        "limits": {"ttlMin": null, "ttlMax": null, "historyMax": null, "hold": null},
        "guards": [null, null, null],
    })
}

/// Where a setting stands among [`settings`], as a JSON pointer.
pub(super) fn place(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "ttl" => "/ttl",
        "history.successful" => "/historySuccessful",
        "history.failed" => "/historyFailed",
        "limits.ttl.min" => "/limits/ttlMin",
        "limits.ttl.max" => "/limits/ttlMax",
        "limits.history.max" => "/limits/historyMax",
        "limits.hold" => "/limits/hold",
        "deadlines.active" => "/deadlineActive",
        "deadlines.starting" => "/deadlineStarting",
        "timeZone" => "/timeZone",
        "mode" => "/mode",
        "stored" => "/stored",
        "guards.ownedByOther" => "/guards/0",
        "guards.deployHooks" => "/guards/1",
        "guards.gitOpsTracked" => "/guards/2",
        _ => return None,
    })
}

pub(super) fn stored() -> Value {
    json!({"selector": null})
}

pub(super) fn scheduler() -> Value {
    json!({"selector": null, "clusterTimeZone": null})
}
