//! How much a server takes, and how long it waits.

use std::time::Duration;

/// Every limit, in one place; the defaults are for production.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From the TCP connection to the end of the TLS handshake. The API server gives up after 10 s.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// How long a connection may lie idle. Above 90 s, after which the API server closes its own:
    /// a POST sent into a connection that we close is lost, since Go does not send it again.
    pub idle_timeout: Duration,
    /// From when on a connection is closed, in an orderly way, so that callers spread over new
    /// replicas; up to a tenth is taken off at random, so that they do not all come back at once.
    pub connection_age: Duration,
    /// How long a client may leave an answer unread.
    pub answer_timeout: Duration,
    /// Connections at once; for one more the least used is closed.
    pub connections: usize,
    /// The same for the plain port, where a kubelet and a Prometheus ask now and then.
    pub admin_connections: usize,
    /// Answers in memory at once that clients do not read, in bytes; above it a connection goes of
    /// the address that leaves most.
    pub unread_answers: usize,
    /// Requests at once; for one more the slowest gets 503. A decision takes microseconds, so these
    /// are bodies that are still on their way.
    pub requests: usize,
    /// A body may be so large, in bytes. The API server takes objects of 3 MiB, and a review holds
    /// two of them as JSON, so the 2 MiB that frameworks default to are too little.
    pub body_limit: usize,
    /// Bodies in memory at once, in bytes; for more the slowest gets 503. What is read of a body
    /// takes three times as much, but of few at once: see `large_bodies`. Both together stay within
    /// 64 MiB.
    pub body_budget: usize,
    /// Reviews of the policy at once, which take no turn of any other; as `requests`.
    pub policy_review_requests: usize,
    /// As `body_budget`: room for two bodies, so that nobody is kept out by one that stalls.
    pub policy_review_budget: usize,
    /// How long a review of the policy may wait for the one before it.
    pub policy_review_timeout: Duration,
    /// From so many bytes on a body is judged apart from the workers, which others wait for.
    pub large_body: usize,
    /// So many large bodies are judged at once; more wait for their turn.
    pub large_bodies: usize,
    /// How long, once accepting has stopped, an idle connection stays open. A client that calls
    /// often sends another request in that time, and its answer says that it is the last; closing
    /// at once could cross that request, which Go would not send again.
    pub last_request_timeout: Duration,
    /// How long, once accepting has stopped, everything may take to finish.
    pub stop_timeout: Duration,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(150),
            connection_age: Duration::from_secs(600),
            answer_timeout: Duration::from_secs(10),
            connections: 512,
            admin_connections: 64,
            unread_answers: 4 << 20,
            requests: 1024,
            body_limit: 8 << 20,
            body_budget: 16 << 20,
            policy_review_requests: 16,
            policy_review_budget: 16 << 20,
            // The API server gives up after ten seconds.
            policy_review_timeout: Duration::from_secs(9),
            // A review of a usual Job has a few kilobytes. Up to here one takes half a millisecond.
            large_body: 64 << 10,
            large_bodies: 1,
            last_request_timeout: Duration::from_secs(1),
            // With the drain delay of 5 s below the 30 s that a pod is given by default.
            stop_timeout: Duration::from_secs(15),
        }
    }
}
