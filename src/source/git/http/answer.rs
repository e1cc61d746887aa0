//! The answer of an http server: its first line and headers, and a body that ends where it says.

use std::io::{self, Read};

/// The longest first line with headers of a Git server, many times over.
const LONGEST_HEAD: usize = 32 * 1024;

/// A connection that an answer comes from.
pub(super) type Connection = Box<dyn ReadWrite>;

/// Both ways of a connection.
pub(super) trait ReadWrite: Read + io::Write + Send {}

impl<T: Read + io::Write + Send> ReadWrite for T {}

/// An answer whose body is still to be read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) location: Option<String>,
    body: Body,
    /// What was read beyond the headers.
    ahead: Vec<u8>,
    connection: Connection,
    /// How many bytes of the body may still come.
    allowance: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// So many more bytes.
    Sized(u64),
    /// The bytes that are left of a chunk; `None` before the size of the next one.
    Chunked(Option<u64>),
    /// Until the server closes the connection.
    UntilClosed,
    Ended,
}

/// The body of an answer is larger than it may be.
#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {limit} bytes")]
pub(super) struct TooLarge {
    pub(super) limit: u64,
}

impl Answer {
    /// Reads the first line and the headers; `limit` is for the body.
    pub(super) fn read(mut connection: Connection, limit: u64) -> io::Result<Answer> {
        let mut ahead = Vec::new();
        loop {
            let head = read_head(&mut connection, &mut ahead)?;
            let mut lines = head.split("\r\n");
            let status = status(lines.next().unwrap_or_default()).ok_or_else(|| wrong("no answer of http"))?;
            // 100 and its like come before the answer itself.
            if (100..200).contains(&status) {
                continue;
            }
            let headers: Vec<(String, &str)> = lines
                .filter(|line| !line.is_empty())
                .map(|line| {
                    line.split_once(':')
                        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
                })
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("a line that is no header"))?;
            let find = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
            let body = match (find("transfer-encoding"), find("content-length")) {
                (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => Body::Chunked(None),
                (Some(_), _) => return Err(wrong("a transfer encoding that was not asked for")),
                (None, Some(length)) => Body::Sized(length.parse().map_err(|_| wrong("a length that is no number"))?),
                (None, None) => Body::UntilClosed,
            };
            let (content_type, location) = (
                find("content-type").map(str::to_owned),
                find("location").map(str::to_owned),
            );
            return Ok(Answer {
                status,
                content_type,
                location,
                body,
                ahead,
                connection,
                allowance: limit,
            });
        }
    }

    /// Reads some of the body; nothing at its end.
    pub(super) fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = loop {
            match self.body {
                Body::Ended => return Ok(0),
                Body::Sized(0) => self.body = Body::Ended,
                Body::Sized(left) | Body::Chunked(Some(left)) if left > 0 => break left,
                Body::UntilClosed => break u64::MAX,
                Body::Chunked(_) => self.body = self.next_chunk()?,
                Body::Sized(_) => self.body = Body::Ended,
            }
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.take(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return match self.body {
                Body::UntilClosed => Ok(0),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let count = read as u64;
        self.allowance = self
            .allowance
            .checked_sub(count)
            .ok_or_else(|| io::Error::other(TooLarge { limit: self.allowance }))?;
        match &mut self.body {
            Body::Sized(left) | Body::Chunked(Some(left)) => *left -= count,
            _ => {}
        }
        Ok(read)
    }

    /// The size of the next chunk; a last one of size 0 ends the body, with headers behind it that nobody needs.
    fn next_chunk(&mut self) -> io::Result<Body> {
        let mut line = self.line()?;
        // The line break behind the chunk before.
        if line.is_empty() && self.body == Body::Chunked(Some(0)) {
            line = self.line()?;
        }
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| wrong("a chunk without a size"))?;
        if size > 0 {
            return Ok(Body::Chunked(Some(size)));
        }
        Ok(Body::Ended)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            if self.take(&mut byte)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match byte {
                [b'\n'] => break,
                [b'\r'] => {}
                [byte] if line.len() < 1024 => line.push(byte),
                _ => return Err(wrong("a chunk without a size")),
            }
        }
        String::from_utf8(line).map_err(|_| wrong("a chunk without a size"))
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            let mut more = [0; 16 * 1024];
            if buffer.len() >= more.len() {
                return self.connection.read(buffer);
            }
            let read = self.connection.read(&mut more)?;
            self.ahead.extend_from_slice(&more[..read]);
        }
        let count = buffer.len().min(self.ahead.len());
        buffer[..count].copy_from_slice(&self.ahead[..count]);
        self.ahead.drain(..count);
        Ok(count)
    }
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_body(buffer)
    }
}

/// Reads up to the empty line; what came behind it stays in `ahead`.
fn read_head(connection: &mut Connection, ahead: &mut Vec<u8>) -> io::Result<String> {
    let mut searched = 0;
    loop {
        let found = ahead[searched..].windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(at) = found {
            let rest = ahead.split_off(searched + at + 4);
            let head = std::mem::replace(ahead, rest);
            return String::from_utf8(head).map_err(|_| wrong("headers that are no text"));
        }
        searched = ahead.len().saturating_sub(3);
        if ahead.len() > LONGEST_HEAD {
            return Err(wrong("headers without an end"));
        }
        let mut more = [0; 4096];
        match connection.read(&mut more)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => ahead.extend_from_slice(&more[..read]),
        }
    }
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let digits = rest.get(..3)?;
    (matches!(version, "HTTP/1.1" | "HTTP/1.0") && matches!(rest.as_bytes().get(3), None | Some(b' ')))
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|status| (100..600).contains(status))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends a few bytes at a time.
    struct Drip(Vec<u8>, usize);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    impl io::Write for Drip {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn all(text: &str, step: usize, limit: u64) -> io::Result<(u16, String)> {
        let mut answer = Answer::read(Box::new(Drip(text.as_bytes().to_vec(), step)), limit)?;
        let mut body = String::new();
        answer.read_to_string(&mut body)?;
        Ok((answer.status, body))
    }

    #[test]
    fn a_body_ends_where_it_says() {
        for step in [1, 3, 4096] {
            for (text, body) in [
                ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", "hello"),
                ("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", ""),
                ("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
                (
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nhell\r\n1;x=y\r\no\r\n0\r\n\r\n",
                    "hello",
                ),
                (
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                    "hi",
                ),
            ] {
                assert_eq!(all(text, step, 100).unwrap(), (200, body.to_owned()), "{step} {text:?}");
            }
        }
    }

    #[test]
    fn what_is_no_answer_or_ends_early_or_is_too_large_is_an_error() {
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(40_000));
        for text in [
            "",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhe",
            "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
            &endless,
        ] {
            assert!(all(text, 4096, 100).is_err(), "{text:?}");
        }
        let large = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(101));
        let error = all(&large, 4096, 100).unwrap_err();
        assert!(error.get_ref().is_some_and(|error| error.is::<TooLarge>()), "{error}");
    }
}
