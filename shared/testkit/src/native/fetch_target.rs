//! What the suite of the outgoing HTTP port talks to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// An HTTP/1.1 server on loopback for [`contract::fetch`](crate::contract::fetch), one response a connection:
/// `/echo` says what it got, `/redirect` points there, `/bytes/N` sends N bytes, `/never` sends nothing for five
/// seconds, all else is 404. Its thread ends with the process.
pub struct FetchTarget {
    url: String,
}

impl FetchTarget {
    /// Starts the server on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        thread::Builder::new().spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up is part of the suite.
                thread::spawn(move || drop(serve(&stream)));
            }
        })?;
        Ok(Self { url })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut echo) = (String::new(), 0, String::new());
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "x-echo" => value.trim().clone_into(&mut echo),
            _ => {}
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, field, body) = if target.starts_with("/echo") {
        ("200 OK", format!("X-Echo: {echo}\r\n"), format!("{method} {target} {body}"))
    } else if target == "/redirect" {
        ("302 Found", "Location: /echo\r\n".to_owned(), String::new())
    } else if let Some(count) = target.strip_prefix("/bytes/") {
        ("200 OK", String::new(), "x".repeat(count.parse().unwrap_or(0)))
    } else if target == "/never" {
        pause();
        return Ok(());
    } else {
        ("404 Not Found", String::new(), String::new())
    };
    let head =
        format!("HTTP/1.1 {status}\r\n{field}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "a server that is slow on purpose")]
fn pause() {
    thread::sleep(Duration::from_secs(5));
}
