//! A stream that closes politely.
//!
//! Closing a socket with unread input makes the kernel send a reset, and a reset throws away what
//! the client has not read yet: the very answer that says what was wrong with its request. So a
//! [`Linger`] first says that nothing more will come, and then reads and forgets what the client
//! still sends, until it is done or the time is up.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Holds a stream and how far closing it has come.
pub(super) struct Linger<S> {
    stream: S,
    closing: Closing,
}

enum Closing {
    No,
    /// Our side is shut; the other side may talk until then.
    Until(Pin<Box<Sleep>>),
}

// === impl Linger ===

impl<S> Linger<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, closing: Closing::No }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Linger<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Linger<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, closing } = &mut *self;
        let mut stream = Pin::new(stream);
        let until = match closing {
            Closing::Until(until) => until,
            Closing::No => {
                ready!(stream.as_mut().poll_shutdown(context))?;
                *closing = Closing::Until(Box::pin(tokio::time::sleep(PATIENCE)));
                let Closing::Until(until) = closing else { unreachable!("was just set") };
                until
            }
        };
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut waste = [0; 4096];
        // A client that sends without end must not keep the thread: after so much it waits for
        // its turn like everybody else.
        for _ in 0..64 {
            let mut buffer = ReadBuf::new(&mut waste);
            // Whatever goes wrong now, the connection is over.
            let read = ready!(stream.as_mut().poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Long enough for what is on its way to arrive, short enough not to hold up a shutdown.
const PATIENCE: Duration = Duration::from_secs(1);
