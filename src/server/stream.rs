//! A stream that notes what its connection is doing, and closes politely.
//!
//! Closing a socket with unread input makes the kernel send a reset, and a reset throws away what
//! the client has not read yet: the very answer that says what was wrong with its request. So a
//! [`Stream`] first says that nothing more will come, and then reads and forgets what the client
//! still sends, until it is done or the time is up.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::Activity;
use crate::clock;

/// Holds a stream, whoever is told of its bytes, and how far closing it has come.
pub(super) struct Stream<S> {
    inner: S,
    activity: Arc<Activity>,
    /// Where our side is shut: the other side may talk until then.
    closing: Option<Pin<Box<Sleep>>>,
}

// === impl Stream ===

impl<S> Stream<S> {
    pub(super) const fn new(inner: S, activity: Arc<Activity>) -> Self {
        Self { inner, activity, closing: None }
    }

    /// Notes whether the client takes what is written.
    fn noted<T>(&self, written: Poll<T>) -> Poll<T> {
        self.activity.wrote(written.is_pending(), clock::instant);
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_read(clock::instant());
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write(context, buffer);
        self.noted(wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.noted(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, closing, .. } = &mut *self;
        let mut stream = Pin::new(inner);
        let until = if let Some(until) = closing {
            until
        } else {
            ready!(stream.as_mut().poll_shutdown(context))?;
            closing.insert(Box::pin(sleep(LINGER)))
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
        let wrote = Pin::new(&mut self.inner).poll_write_vectored(context, buffers);
        self.noted(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// Long enough for what is on its way to arrive, short enough not to hold up a shutdown.
pub(super) const LINGER: Duration = Duration::from_secs(1);
