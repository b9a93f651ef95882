//! A list of the cluster, object by object, however large its pages are.
//!
//! [`Listing::next`] gives the JSON of one object after the other as it comes over the wire, so that
//! a list takes the memory of its largest object: an API server stores objects of 1.5 MiB, and a
//! tenant may make a page of nothing else. How many objects a page is asked to have goes by the
//! bytes of the last one, for the sake of the API server, which has a page in memory as a whole.
//!
//! It must not know what an object is.

mod split;

use std::io;
use std::pin::Pin;

use futures::io::{AsyncBufRead, AsyncBufReadExt};
use kube::Client;
use kube::api::ListParams;
use kube::core::Request;

use self::split::{Split, Splitter};

/// Reads a collection page by page, all of the same moment.
pub struct Listing {
    client: Client,
    request: Request,
    parameters: ListParams,
    /// The page that is being read.
    page: Option<Page>,
    /// How many objects a page may be asked to have.
    most: u32,
    /// The last page was read.
    complete: bool,
    /// `metadata.resourceVersion` of the last page.
    version: String,
    /// How many objects came after the page before this one.
    left: u64,
}

struct Page {
    body: Pin<Box<dyn AsyncBufRead + Send>>,
    splitter: Splitter,
    objects: u64,
    bytes: u64,
}

// === impl Listing ===

impl Listing {
    /// Of a collection such as `/api/v1/namespaces`; calls nothing yet. `most` is how many objects
    /// a page may have, for whoever has seen that larger ones do not arrive: [`MOST`] for others.
    pub fn new(client: Client, collection: &str, narrowed: &ListParams, most: u32) -> Self {
        let first = FIRST.min(most);
        Self {
            client,
            request: Request::new(collection),
            parameters: ListParams { limit: Some(first), ..narrowed.clone() },
            page: None,
            most,
            complete: false,
            version: String::new(),
            left: 0,
        }
    }

    /// The JSON of the next object; `None` where there was the last one. Whoever takes the objects
    /// must forget them where a later one is an error: a part is not the whole.
    ///
    /// # Errors
    /// Where a page cannot be read, or is none.
    pub async fn next(&mut self) -> Result<Option<&str>, kube::Error> {
        loop {
            let page = match (&mut self.page, self.complete) {
                (Some(page), _) => page,
                (None, true) => return Ok(None),
                (page @ None, false) => {
                    let request = self.request.list(&self.parameters);
                    let request = request.map_err(kube::Error::BuildRequest)?;
                    let body = self.client.request_stream(request).await?;
                    page.insert(Page {
                        body: Box::pin(body),
                        splitter: Splitter::default(),
                        objects: 0,
                        bytes: 0,
                    })
                }
            };
            if page.object().await.map_err(kube::Error::ReadEvents)? {
                break;
            }
            self.turn()?;
        }
        let page = self.page.as_ref().expect("the loop ends with an object of a page");
        let text = page.splitter.object();
        str::from_utf8(text).map(Some).map_err(|error| unreadable(&error))
    }

    /// `metadata.resourceVersion` of the list; empty before its end.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// About how many objects come after this one, where the API server says so: at the end of each
    /// page.
    pub fn left(&self) -> u64 {
        self.left.saturating_sub(self.page.as_ref().map_or(0, |page| page.objects))
    }

    /// How many objects a page was last asked to have.
    pub fn limit(&self) -> u32 {
        self.parameters.limit.unwrap_or(self.most)
    }

    /// From a page that was read to the next one.
    fn turn(&mut self) -> Result<(), kube::Error> {
        let Some(Page { splitter, objects, bytes, .. }) = self.page.take() else { return Ok(()) };
        let metadata = splitter.finish().map_err(|error| unreadable(&error))?;
        self.left = metadata.remaining_item_count.unwrap_or_default();
        let next = metadata.next.filter(|token| !token.is_empty());
        if next.is_none() {
            self.complete = true;
            self.version = metadata.resource_version.unwrap_or_default();
        }
        self.parameters.continue_token = next;
        let each = (bytes / objects.max(1)).max(1);
        let wanted = u32::try_from(PAGE_BYTES / each).unwrap_or(u32::MAX);
        let grown = self.limit().saturating_mul(GROWTH);
        self.parameters.limit = Some(wanted.min(grown).clamp(1, self.most));
        Ok(())
    }
}

// === impl Page ===

impl Page {
    /// Reads up to the end of the next object; whether there was one.
    async fn object(&mut self) -> Result<bool, io::Error> {
        let Self { body, splitter, objects, bytes } = self;
        splitter.forget();
        loop {
            // Cancel-safe: what was not consumed is there the next time.
            let chunk = body.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(false);
            }
            let (read, split) = splitter.take(chunk)?;
            body.consume_unpin(read);
            *bytes += read as u64;
            if split == Split::Object {
                *objects += 1;
                return Ok(true);
            }
        }
    }
}

fn unreadable(error: &dyn std::error::Error) -> kube::Error {
    kube::Error::ReadEvents(io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

/// As client-go: the API server answers larger pages no faster.
pub const MOST: u32 = 500;

/// Objects of the first page: nobody knows yet how large they are.
const FIRST: u32 = 16;

/// How many times larger a page may be than the one before it: small objects in front must not
/// bring all of the large ones at once.
const GROWTH: u32 = 4;

/// About the bytes of a page of which the objects are as large as those of the one before.
const PAGE_BYTES: u64 = 8 << 20;

#[cfg(test)]
mod tests;
