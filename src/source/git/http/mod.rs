//! Git's smart protocol over http and https, in the place of libgit2's own client.
//!
//! libgit2 follows a redirect to another path or port of the same host and takes the credentials along, uses no proxy
//! for plain http, and tells what went wrong in words alone. Here a redirect is followed only on the same server,
//! credentials are sent only to URLs that their [`super::Scope`] covers, and every failure is told apart where it
//! happens.

mod answer;
mod exchange;
mod tls;

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::Arc;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use git2::{ErrorClass, ErrorCode};

use self::answer::Answer;
pub(super) use self::exchange::Exchange;
pub(super) use self::tls::trust_also;

/// The largest request: what a mirror says that it has.
const LARGEST_REQUEST: usize = 16 * 1024 * 1024;

thread_local! {
    /// The exchange of the connection that this thread makes: libgit2 hands nothing of a caller's to a transport.
    static CURRENT: RefCell<Option<Arc<Exchange>>> = const { RefCell::new(None) };
}

/// Makes the connections of this thread go through an exchange until it is dropped.
pub(super) struct Entered;

impl Entered {
    pub(super) fn into(exchange: Arc<Exchange>) -> Entered {
        CURRENT.with_borrow_mut(|current| current.replace(exchange));
        Entered
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(Option::take);
    }
}

/// Takes the place of libgit2's client for `http` and `https`; to be called once.
///
/// # Safety
///
/// Nothing else uses libgit2 yet: its list of transports is shared by all threads and not locked.
// git2 marks it so, and there is no other way to bring libgit2 another client.
#[allow(unsafe_code)]
pub(super) unsafe fn register() -> Result<(), git2::Error> {
    for scheme in ["http", "https"] {
        // SAFETY: the caller's promise.
        unsafe {
            git2::transport::register(scheme, |remote| {
                let exchange = CURRENT.with_borrow(Option::clone);
                let none = || {
                    git2::Error::new(
                        ErrorCode::GenericError,
                        ErrorClass::Http,
                        "no connection was prepared on this thread",
                    )
                };
                Transport::smart(remote, true, Client(exchange.ok_or_else(none)?))
            })?;
        }
    }
    Ok(())
}

/// One connection of libgit2: several requests of one exchange.
struct Client(Arc<Exchange>);

impl SmartSubtransport for Client {
    fn action(&self, _url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        if !matches!(service, Service::UploadPackLs | Service::UploadPack) {
            return Err(git2::Error::new(
                ErrorCode::GenericError,
                ErrorClass::Http,
                "nothing is ever pushed",
            ));
        }
        Ok(Box::new(Request {
            exchange: Arc::clone(&self.0),
            service,
            body: Vec::new(),
            answer: None,
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// A request that is sent when its answer is asked for.
struct Request {
    exchange: Arc<Exchange>,
    service: Service,
    body: Vec<u8>,
    answer: Option<Answer>,
}

impl Request {
    /// What a failure means is kept for the session; libgit2 only gets words.
    fn keep<T>(&self, outcome: Result<T, super::GitError>) -> io::Result<T> {
        outcome.map_err(|error| {
            self.exchange.fail(error);
            io::Error::other("the request failed")
        })
    }
}

impl Read for Request {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut answer = match self.answer.take() {
            Some(answer) => answer,
            None => self.keep(self.exchange.send(self.service, &self.body))?,
        };
        let read = answer
            .read(buffer)
            .map_err(|error| self.exchange.broken(self.service, &error));
        self.answer = Some(answer);
        self.keep(read)
    }
}

impl Write for Request {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.answer.is_some() || self.body.len() + bytes.len() > LARGEST_REQUEST {
            return Err(io::Error::other("the request is too large, or was sent already"));
        }
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
/// An answer as the fuzzer reads it, with a body of at most a kilobyte.
#[cfg(any(test, fuzzing))]
pub(super) fn read_for_fuzzing(bytes: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut answer = Answer::read(Box::new(io::Cursor::new(bytes.to_vec())), 1024)?;
    let (mut body, mut buffer) = (Vec::new(), [0; 64]);
    loop {
        match answer.read_body(&mut buffer)? {
            0 => return Ok((answer.status, body)),
            count => body.extend_from_slice(&buffer[..count]),
        }
    }
}
