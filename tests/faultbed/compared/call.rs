//! A request as data, with the names that one of the two servers gave, and how it is sent.

use http::{Method, header};
use kube::api::{ListParams, WatchParams};
use kube::core::Request;
use serde_json::Value;

use crate::server::store::{Key, Resource};

/// What curfew asks for: one variant for each that the model knows.
#[derive(Clone, Debug)]
pub enum Call {
    List(List),
    /// With a list in front where it begins nowhere.
    Watch {
        resource: Resource,
        from: Option<String>,
    },
    Get(Key),
    Create(Key, Value),
    Replace(Key, Value),
    Patch(Patch),
    Delete(Key, Value),
    Access(Value),
    CreateEvent(String, Value),
    CountEvent {
        namespace: String,
        name: String,
        body: Value,
    },
    Registration,
}

#[derive(Clone, Debug)]
pub struct List {
    pub resource: Resource,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub limit: Option<u32>,
    pub token: Option<String>,
    pub metadata_only: bool,
}

#[derive(Clone, Debug)]
pub struct Patch {
    pub key: Key,
    pub of_status: bool,
    pub is_json: bool,
    pub metadata_only: bool,
    pub body: Value,
}

// === impl Call ===

impl Call {
    /// What it is, for the count.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::List(List { token: Some(_), .. }) => "next page",
            Self::List(List { metadata_only: true, .. }) => "list of metadata",
            Self::List(_) => "list",
            Self::Watch { from: None, .. } => "streamed list",
            Self::Watch { .. } => "watch",
            Self::Get(_) => "get",
            Self::Create(..) => "create",
            Self::Replace(..) => "replace",
            Self::Patch(Patch { of_status: true, .. }) => "patch of a status",
            Self::Patch(Patch { metadata_only: true, .. }) => "patch for metadata",
            Self::Patch(Patch { is_json: true, .. }) => "JSON patch",
            Self::Patch(_) => "merge patch",
            Self::Delete(..) => "delete",
            Self::Access(_) => "access review",
            Self::CreateEvent(..) => "event",
            Self::CountEvent { .. } => "event again",
            Self::Registration => "registration",
        }
    }

    /// All of it, in words.
    pub fn words(&self) -> String {
        let request = self.request();
        let body = String::from_utf8_lossy(request.body());
        format!("{} {} {body}", request.method(), request.uri())
    }

    /// As curfew sends it.
    pub fn request(&self) -> http::Request<Vec<u8>> {
        let with = |method, path: &str, body: &Value| send(method, path, JSON, JSON, body);
        match self {
            Self::List(list) => list.request(),
            Self::Watch { resource, from } => {
                let parameters = WatchParams::default();
                let request = Request::new(collection(*resource, None));
                let request = match from {
                    None => request.watch(&parameters.initial_events(), ""),
                    Some(version) => request.watch(&parameters, version),
                };
                request.expect("the parameters fit together")
            }
            Self::Get(key) => with(Method::GET, &path(key), &Value::Null),
            Self::Create(key, body) => {
                with(Method::POST, &collection(key.resource, Some(&key.namespace)), body)
            }
            Self::Replace(key, body) => with(Method::PUT, &path(key), body),
            Self::Patch(patch) => patch.request(),
            Self::Delete(key, body) => with(Method::DELETE, &path(key), body),
            Self::Access(body) => {
                with(Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
            }
            Self::CreateEvent(namespace, body) => with(Method::POST, &events(namespace), body),
            Self::CountEvent { namespace, name, body } => {
                let path = format!("{}/{name}", events(namespace));
                send(Method::PATCH, &path, "application/merge-patch+json", JSON, body)
            }
            Self::Registration => with(
                Method::GET,
                "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/curfew",
                &Value::Null,
            ),
        }
    }
}

// === impl List ===

impl List {
    /// All of a kind, everywhere.
    pub fn of(resource: Resource) -> Self {
        Self {
            resource,
            namespace: None,
            name: None,
            limit: None,
            token: None,
            metadata_only: false,
        }
    }

    fn request(&self) -> http::Request<Vec<u8>> {
        let Self { resource, namespace, name, limit, token, metadata_only } = self;
        let parameters = ListParams {
            limit: *limit,
            continue_token: token.clone(),
            field_selector: name.as_ref().map(|name| format!("metadata.name={name}")),
            ..ListParams::default()
        };
        let request = Request::new(collection(*resource, namespace.as_deref()));
        let request = if *metadata_only {
            request.list_metadata(&parameters)
        } else {
            request.list(&parameters)
        };
        request.expect("the parameters fit together")
    }
}

// === impl Patch ===

impl Patch {
    /// A merge patch.
    pub fn new(key: &Key, body: Value) -> Self {
        let key = key.clone();
        Self { key, of_status: false, is_json: false, metadata_only: false, body }
    }

    fn request(&self) -> http::Request<Vec<u8>> {
        let Self { key, of_status, is_json, metadata_only, body } = self;
        let part = if *of_status { "/status" } else { "" };
        let path = format!("{}{part}?fieldManager=curfew", path(key));
        let content = if *is_json { "json-patch" } else { "merge-patch" };
        let accept = if *metadata_only { METADATA } else { JSON };
        send(Method::PATCH, &path, &format!("application/{content}+json"), accept, body)
    }
}

/// Where the objects of a kind are.
pub fn collection(resource: Resource, namespace: Option<&str>) -> String {
    let (group, plural) = match resource {
        Resource::CronJobs => ("/apis/batch/v1", "cronjobs"),
        Resource::Jobs => ("/apis/batch/v1", "jobs"),
        Resource::Leases => ("/apis/coordination.k8s.io/v1", "leases"),
        Resource::Namespaces => ("/api/v1", "namespaces"),
    };
    match namespace.filter(|_| resource != Resource::Namespaces) {
        Some(namespace) => format!("{group}/namespaces/{namespace}/{plural}"),
        None => format!("{group}/{plural}"),
    }
}

fn path(key: &Key) -> String {
    format!("{}/{}", collection(key.resource, Some(&key.namespace)), key.name)
}

fn events(namespace: &str) -> String {
    format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events")
}

fn send(
    method: Method,
    path: &str,
    content: &str,
    accept: &str,
    body: &Value,
) -> http::Request<Vec<u8>> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    http::Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, content)
        .header(header::ACCEPT, accept)
        .body(body)
        .expect("a path of plain names")
}

const JSON: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
