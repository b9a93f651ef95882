use std::io;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use rstest::rstest;
use serde_json::{Value, json};
use tower::{BoxError, service_fn};
use tracing_subscriber::fmt::MakeWriter;

use super::send;
use crate::telemetry::Sparse;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// How the API server answers, if at all.
type Ending = Result<u16, &'static str>;

/// The lines that these requests leave in the log, one after the other.
fn logged(requests: &[(&str, &str, Ending)]) -> Vec<Value> {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(log.clone()).finish();
    let sparse = Arc::new(Sparse::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        for (method, uri, ending) in requests {
            let ending = *ending;
            let service = service_fn(move |_: Request<()>| async move {
                let status = ending.map_err(BoxError::from)?;
                Ok::<_, BoxError>(Response::builder().status(status).body(()).unwrap())
            });
            let request = Request::builder().method(*method).uri(*uri).body(()).unwrap();
            let answer = runtime.block_on(send(service, request, Arc::clone(&sparse)));
            assert_eq!(answer.map(|answer| answer.status().as_u16()).ok(), ending.ok());
        }
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const JOB: &str = "https://10.0.0.1/apis/batch/v1/namespaces/apps/jobs/daily?fieldManager=secret";

#[rstest]
#[case::an_answer("PATCH", Ok(500), json!({"method": "PATCH", "status": 500}))]
#[case::of_a_proxy("GET", Ok(502), json!({"method": "GET", "status": 502}))]
#[case::no_answer("PUT", Err("refused"), json!({"method": "PUT", "error": "refused"}))]
fn a_line_names_the_request(#[case] method: &str, #[case] ending: Ending, #[case] told: Value) {
    let mut lines = logged(&[(method, JOB, ending)]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let mut line = lines.remove(0);
    line.as_object_mut().unwrap().retain(|key, _| !["timestamp", "target"].contains(&&**key));
    let mut expected = json!({
        "level": "WARN", "message": "a request to the API server came to nothing",
        "path": "/apis/batch/v1/namespaces/apps/jobs/daily", "held_back": 0,
    });
    json_patch::merge(&mut expected, &told);
    assert_eq!(line, expected);
}

/// Whoever sent it knows better what such an answer means.
#[rstest]
fn what_the_api_server_decides_is_no_failure(#[values(200, 201, 403, 404, 409, 429)] status: u16) {
    assert_eq!(logged(&[("GET", JOB, Ok(status))]), Vec::<Value>::new());
}

/// A cluster that fails everything must not fill the disk, and one verb must not hide another.
#[test]
fn one_line_tells_of_many() {
    let mut all = vec![("GET", JOB, Err("refused")); 500];
    all.push(("DELETE", JOB, Ok(500)));
    all.push(("DELETE", JOB, Ok(200)));
    let lines = logged(&all);
    let methods: Vec<&str> = lines.iter().filter_map(|line| line["method"].as_str()).collect();
    assert_eq!(methods, ["GET", "DELETE"]);
}
