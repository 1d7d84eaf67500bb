//! Frames and ids of the app-server's wire (FACTS section 1): JSON-RPC 2.0 without its version
//! member, one object a line.
//!
//! Parsing borrows from the line and leaves payloads as raw text, so a frame that nobody is
//! interested in costs one scan. Deliberately not here: any I/O, and any knowledge of methods.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A request's id. The app-server counts its own from 0; a client may use either form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer.
    Number(i64),
    /// A string.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => text.fmt(f),
        }
    }
}

/// The error member of a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// See FACTS section 1, "Error codes seen".
    pub code: i64,
    /// The server's words. For people; never matched on where a code exists.
    pub message: String,
    /// More of them, for some codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// The server does not know the method, or so a client answers a request that it does not know.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The server's queue is full; the request was not looked at (FACTS section 1, "Overload").
pub const OVERLOADED: i64 = -32001;

/// One frame, borrowed from its line.
#[derive(Debug)]
pub enum Frame<'a> {
    /// The other side wants an answer.
    Request {
        /// To answer with.
        id: Id,
        /// The method.
        method: Cow<'a, str>,
        /// The params; `null` when there were none.
        params: &'a RawValue,
    },
    /// The other side says something.
    Notification {
        /// The method.
        method: Cow<'a, str>,
        /// The params; `null` when there were none.
        params: &'a RawValue,
    },
    /// The other side answers.
    Response {
        /// Which request.
        id: Id,
        /// With what.
        result: Result<&'a RawValue, ErrorObject>,
    },
}

/// A line that is no frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Not JSON, or a member has the wrong type.
    #[error("not a JSON-RPC frame: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but neither request, notification nor response.
    #[error("a JSON object without method and without id")]
    Shapeless,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: Option<Id>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<ErrorObject>,
}

impl<'a> Frame<'a> {
    /// Reads one line, without its end.
    pub fn parse(line: &'a [u8]) -> Result<Self, FrameError> {
        let envelope: Envelope<'a> = serde_json::from_slice(line)?;
        let params = envelope.params.unwrap_or(RawValue::NULL);
        match (envelope.method, envelope.id) {
            (Some(method), Some(id)) => Ok(Frame::Request { id, method, params }),
            (Some(method), None) => Ok(Frame::Notification { method, params }),
            (None, Some(id)) => Ok(Frame::Response {
                id,
                result: match envelope.error {
                    Some(error) => Err(error),
                    None => Ok(envelope.result.unwrap_or(RawValue::NULL)),
                },
            }),
            (None, None) => Err(FrameError::Shapeless),
        }
    }
}

/// What the first bytes of a line that is too long to read say about it, so that whoever waits for
/// it can be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Prefix {
    /// An answer to this request of ours.
    Response(Id),
    /// A request of the other side.
    Request(Id),
    /// Neither, or not to be told.
    Other,
}

/// Looks at the beginning of a line, as the app-server writes it: `id` first.
pub fn prefix(line: &[u8]) -> Prefix {
    let Some(rest) = line.strip_prefix(br#"{"id":"#) else {
        return Prefix::Other;
    };
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Id>();
    let Some(Ok(id)) = values.next() else {
        return Prefix::Other;
    };
    match rest.get(values.byte_offset()..) {
        Some(tail) if tail.starts_with(br#","method":"#) => Prefix::Request(id),
        Some(tail) if tail.starts_with(b",") => Prefix::Response(id),
        _ => Prefix::Other,
    }
}

/// A request as one line, its end included.
pub fn request<P: Serialize>(id: i64, method: &str, params: &P) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Request<'a, P> {
        id: i64,
        method: &'a str,
        params: &'a P,
    }
    line(&Request { id, method, params })
}

/// A notification as one line, its end included.
pub fn notification<P: Serialize>(method: &str, params: &P) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Notification<'a, P> {
        method: &'a str,
        params: &'a P,
    }
    line(&Notification { method, params })
}

/// An answer as one line, its end included.
pub fn response<R: Serialize + ?Sized>(
    id: &Id,
    result: Result<&R, &ErrorObject>,
) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Response<'a, R: ?Sized> {
        id: &'a Id,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a R>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a ErrorObject>,
    }
    line(&Response {
        id,
        result: result.ok(),
        error: result.err(),
    })
}

fn line<T: Serialize>(frame: &T) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(256);
    serde_json::to_writer(&mut line, frame)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, wanted: &str) {
        let found = match Frame::parse(line.as_bytes()) {
            Ok(Frame::Request { id, method, params }) => format!("request {id} {method} {params}"),
            Ok(Frame::Notification { method, params }) => format!("notification {method} {params}"),
            Ok(Frame::Response {
                id,
                result: Ok(result),
            }) => format!("response {id} {result}"),
            Ok(Frame::Response { id, result: Err(e) }) => {
                format!("error {id} {} {}", e.code, e.message)
            }
            Err(_) => "malformed".to_owned(),
        };
        assert_eq!(found, wanted, "for {line}");
    }

    #[test]
    fn frames_of_every_shape() {
        check(
            r#"{"id":0,"method":"a/b","params":{"x":1}}"#,
            r#"request 0 a/b {"x":1}"#,
        );
        check(r#"{"id":"s","method":"a"}"#, "request s a null");
        check(
            r#"{"jsonrpc":"2.0","method":"a\u002fb","params":[]}"#,
            "notification a/b []",
        );
        check(
            r#"{"method":"m","params":{},"emittedAtMs":5}"#,
            "notification m {}",
        );
        check(
            r#"{"id":3,"result":{"ok":true}}"#,
            r#"response 3 {"ok":true}"#,
        );
        check(r#"{"id":3,"result":null}"#, "response 3 null");
        check(
            r#"{"id":3,"error":{"code":-32600,"message":"no"}}"#,
            "error 3 -32600 no",
        );
    }

    #[test]
    fn lines_that_are_no_frames() {
        for line in [
            "",
            "{",
            "[1,2]",
            "7",
            "{}",
            r#"{"result":1}"#,
            r#"{"id":1.5,"method":"a"}"#,
            "{}{}",
            "\u{feff}{}",
        ] {
            check(line, "malformed");
        }
        assert!(Frame::parse(b"{\"method\":\"\xff\"}").is_err());
    }

    #[test]
    fn the_beginning_of_an_oversized_line_tells_who_waits_for_it() {
        let check =
            |line: &str, wanted: Prefix| assert_eq!(prefix(line.as_bytes()), wanted, "for {line}");
        check(
            r#"{"id":17,"result":{"thread":{"#,
            Prefix::Response(Id::Number(17)),
        );
        check(
            r#"{"id":"a","error":{"#,
            Prefix::Response(Id::Text("a".into())),
        );
        check(
            r#"{"id":4,"method":"item/x"#,
            Prefix::Request(Id::Number(4)),
        );
        check(r#"{"method":"item/completed""#, Prefix::Other);
        check(r#"{"id":"#, Prefix::Other);
    }

    #[test]
    fn what_is_written_reads_back() {
        let line = request(7, "a/b", &serde_json::json!({"x": "\n"})).unwrap();
        assert_eq!(
            line,
            b"{\"id\":7,\"method\":\"a/b\",\"params\":{\"x\":\"\\n\"}}\n"
        );
        let line = response(&Id::Text("q".into()), Ok(&1)).unwrap();
        assert_eq!(line, b"{\"id\":\"q\",\"result\":1}\n");
        let error = ErrorObject {
            code: METHOD_NOT_FOUND,
            message: "no".into(),
            data: None,
        };
        let line = response::<()>(&Id::Number(0), Err(&error)).unwrap();
        assert_eq!(
            line,
            b"{\"id\":0,\"error\":{\"code\":-32601,\"message\":\"no\"}}\n"
        );
    }
}
