//! The loop that lets connections in. It must not know what they speak.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::yield_now;

use super::phase::Phase;

/// Hands every connection to `welcome` until the phase is [`Phase::Stopping`].
pub(super) async fn run(
    listener: TcpListener,
    mut phase: watch::Receiver<Phase>,
    welcome: impl Fn(TcpStream, SocketAddr),
) {
    loop {
        let accepted = tokio::select! {
            biased;
            // Cancel-safe: looks at the present value each time. A sender that is gone stops us
            // too: nobody is left who could.
            _ = phase.wait_for(|phase| *phase == Phase::Stopping) => break,
            // Cancel-safe: a connection that is not taken stays in the queue.
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                welcome(stream, peer);
                // Who has to go for the new one must come to it: on one processor a burst would
                // otherwise be let in first.
                yield_now().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Clients whose connections the kernel has already set up may have sent a request; closing
    // the listener would reset them. There are no more than the queue holds, and whoever comes
    // faster than they are let in must not keep us from the end.
    for _ in 0..QUEUE {
        let accepted = poll_fn(|context| Poll::Ready(listener.poll_accept(context))).await;
        let Poll::Ready(Ok((stream, peer))) = accepted else { break };
        welcome(stream, peer);
        yield_now().await;
    }
}

/// What tokio asks the kernel for.
const QUEUE: usize = 1024;

/// Out of file descriptors, the same error comes back at once: without a pause the loop would eat
/// the processor that open connections need to finish and close.
const PAUSE: Duration = Duration::from_millis(50);
