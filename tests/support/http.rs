//! A small HTTP client for tests: one connection per request, so that a test sees exactly what the daemon sends, and can
//! send what no careful client would.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use super::DEADLINE;

/// What the daemon answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Name and value, as sent.
    pub headers: Vec<(String, String)>,
    /// The body, its transfer coding undone.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header by name, without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status, which must be `status`, and the JSON body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.json()
    }

    /// A problem document of that status and code, complete; returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.header("Content-Type")), (status, Some("application/problem+json")), "{self}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self}");
        assert_eq!(problem["status"], status, "{self}");
        for name in ["type", "title", "detail"] {
            assert!(problem[name].as_str().is_some_and(|text| !text.is_empty()), "no {name}: {self}");
        }
        problem
    }

    /// The pointers of a 422 `invalid`.
    #[track_caller]
    pub fn pointers(&self) -> Vec<String> {
        let problem = self.problem(422, "invalid");
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors: {self}"));
        errors.iter().map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, self.text())
    }
}

/// A request that is being put together.
#[derive(Clone, Debug)]
pub struct Ask {
    address: SocketAddr,
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// A request without a token, a key or a body.
    pub fn new(address: SocketAddr, method: &'static str, path: &str) -> Self {
        Self { address, method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Sets a header; one of the same name goes.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a header away.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Sets the bearer token.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Sets the idempotency key.
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().as_bytes())
    }

    /// Sets a body of another kind.
    pub fn bytes(mut self, media: &str, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.header("Content-Type", media)
    }

    /// Sends it; panics when no whole answer comes.
    #[track_caller]
    pub fn send(&self) -> Answer {
        self.try_send().unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.path))
    }

    /// Sends it; an error when the connection ends before a whole answer.
    pub fn try_send(&self) -> std::io::Result<Answer> {
        let mut stream = connect(self.address)?;
        let mut text = self.head();
        text.push_str(&format!("Connection: close\r\nContent-Length: {}\r\n\r\n", self.body.len()));
        // A daemon that refuses a long body may answer before it is written.
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(&self.body));
        answer_read(&mut BufReader::new(stream))
    }

    /// Opens the answer as a stream of events.
    #[track_caller]
    pub fn stream(&self) -> Events {
        let mut stream = connect(self.address).expect("connected");
        stream.write_all(format!("{}Accept: text/event-stream\r\n\r\n", self.head()).as_bytes()).expect("asked");
        let mut reader = BufReader::new(stream);
        let (status, headers) = head_read(&mut reader).expect("an answer");
        let answer = Answer { status, headers, body: Vec::new() };
        assert_eq!((status, answer.header("Content-Type")), (200, Some("text/event-stream")), "{answer}");
        Events { reader, chunk: Vec::new(), answer }
    }

    fn head(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Host")) {
            text.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text
    }
}

/// Sends these bytes, a whole request, and returns the answer to them. The sending side stays open until then: a server
/// takes a client that closes it behind a whole request for one that has gone, and need not answer.
pub fn send_raw(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
    let mut stream = connect(address)?;
    stream.write_all(bytes)?;
    answer_read(&mut BufReader::new(stream))
}

/// Sends the begin of a request and nothing more, and returns the answer to it.
pub fn send_cut(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
    let mut stream = connect(address)?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    answer_read(&mut BufReader::new(stream))
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn cut() -> std::io::Error {
    std::io::Error::from(std::io::ErrorKind::UnexpectedEof)
}

fn line_read(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 || !line.ends_with('\n') {
        return Err(cut());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn head_read(reader: &mut impl BufRead) -> std::io::Result<(u16, Vec<(String, String)>)> {
    let first = line_read(reader)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(cut)?;
    let mut headers = Vec::new();
    loop {
        let line = line_read(reader)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(cut)?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn answer_read(reader: &mut impl BufRead) -> std::io::Result<Answer> {
    let (status, headers) = head_read(reader)?;
    let mut answer = Answer { status, headers, body: Vec::new() };
    if let Some(length) = answer.header("Content-Length").and_then(|text| text.parse().ok()) {
        answer.body = vec![0; length];
        reader.read_exact(&mut answer.body)?;
    } else if answer.header("Transfer-Encoding") == Some("chunked") {
        while chunk_read(reader, &mut answer.body)? {}
    } else if status != 204 && status != 304 {
        reader.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

/// One chunk; `false` after the last.
fn chunk_read(reader: &mut impl BufRead, into: &mut Vec<u8>) -> std::io::Result<bool> {
    let length = usize::from_str_radix(line_read(reader)?.trim(), 16).map_err(|_| cut())?;
    let begin = into.len();
    into.resize(begin + length, 0);
    reader.read_exact(&mut into[begin..])?;
    line_read(reader)?;
    Ok(length > 0)
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id; `None` for those that are not kept.
    pub id: Option<i64>,
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

/// An open event stream.
pub struct Events {
    reader: BufReader<TcpStream>,
    chunk: Vec<u8>,
    /// The head of the answer.
    pub answer: Answer,
}

impl Events {
    /// The next event; comments are passed over. `None` when the daemon ended the stream.
    pub fn next(&mut self) -> Option<Event> {
        let (mut id, mut name, mut data, mut comments) = (None, String::new(), String::new(), 0);
        loop {
            let line = self.line()?;
            match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
                None if line.is_empty() && !name.is_empty() => {
                    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}"));
                    return Some(Event { id, name, data });
                }
                Some(("id", value)) => id = value.parse().ok(),
                Some(("event", value)) => name = value.to_owned(),
                Some(("data", value)) => data.push_str(value),
                Some(("", _)) => {
                    // One comes every 15 s.
                    comments += 1;
                    assert!(comments < 5, "nothing but comments");
                }
                _ => {}
            }
        }
    }

    /// The next event of that name.
    #[track_caller]
    pub fn wait(&mut self, name: &str) -> Event {
        while let Some(event) = self.next() {
            if event.name == name {
                return event;
            }
        }
        panic!("the stream ended before an event {name}");
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.chunk.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.chunk.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            match chunk_read(&mut self.reader, &mut self.chunk) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) if is_late(&error) => panic!("no event within {DEADLINE:?}"),
                Err(_) => return None,
            }
        }
    }
}

fn is_late(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
