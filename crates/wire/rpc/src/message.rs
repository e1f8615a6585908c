//! The envelope: JSON-RPC 2.0 without the `jsonrpc` member.
//!
//! Text in, [`Message`] out, and back. A message that is no message at all (no JSON, an array, an id that is neither string nor integer)
//! is [`Malformed`] without an id and gets no answer; a request whose method or parameters are wrong is [`Malformed`] with one.

use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{ClientRequest, METHODS, RequestError, RequestId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One message in either direction, parameters not yet looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Message {
    Request {
        id: RequestId,
        method: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<Value>,
    },
    Notification {
        method: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<Value>,
        #[serde(rename = "emittedAtMs", skip_serializing_if = "Option::is_none")]
        emitted_at_ms: Option<i64>,
    },
    Response {
        id: RequestId,
        result: Value,
    },
    Error {
        id: RequestId,
        error: RequestError,
    },
}

/// What is wrong with a message. `id` is set when it was a request, which then has been answered with `error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Malformed {
    pub id: Option<RequestId>,
    pub error: RequestError,
}

impl Malformed {
    fn ignored(message: impl Into<String>) -> Self {
        Self {
            id: None,
            error: RequestError::invalid("rpc.malformed", message),
        }
    }

    /// No value of ours fails that way.
    pub(crate) fn unserialisable(error: serde_json::Error) -> Self {
        Self {
            id: None,
            error: RequestError::internal("rpc.unserialisable", error.to_string()),
        }
    }

    fn request(id: RequestId, code: &str, message: String) -> Self {
        Self {
            id: Some(id),
            error: RequestError::invalid(code, message),
        }
    }
}

impl Message {
    /// # Errors
    /// If the text is not one JSON object of one of the four shapes. A `jsonrpc` member and unknown members are tolerated.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let value: Value = serde_json::from_slice(text).map_err(|error| Malformed::ignored(format!("not JSON: {error}")))?;
        let Value::Object(members) = value else {
            return Err(Malformed::ignored("not a JSON object"));
        };
        Self::from_members(members)
    }

    fn from_members(mut members: Map<String, Value>) -> Result<Self, Malformed> {
        let id = members
            .remove("id")
            .map(|id| RequestId::deserialize(id).map_err(|_| Malformed::ignored("id is neither string nor integer")));
        let params = members.remove("params");
        match (members.remove("method"), id.transpose()?) {
            (Some(Value::String(method)), Some(id)) => Ok(Self::Request { id, method, params }),
            (Some(Value::String(method)), None) => {
                let emitted_at_ms = members.get("emittedAtMs").and_then(Value::as_i64);
                Ok(Self::Notification {
                    method,
                    params,
                    emitted_at_ms,
                })
            }
            (Some(_), _) => Err(Malformed::ignored("method is not a string")),
            (None, None) => Err(Malformed::ignored("neither method nor id")),
            (None, Some(id)) => Self::answer(id, &mut members),
        }
    }

    fn answer(id: RequestId, members: &mut Map<String, Value>) -> Result<Self, Malformed> {
        if let Some(error) = members.remove("error") {
            let error = RequestError::deserialize(error).map_err(|error| Malformed::ignored(format!("bad error member: {error}")))?;
            return Ok(Self::Error { id, error });
        }
        match members.remove("result") {
            Some(result) => Ok(Self::Response { id, result }),
            None => Err(Malformed::ignored("neither result nor error")),
        }
    }
}

/// Splits an adjacently tagged protocol enum into its method name and parameters.
///
/// # Errors
/// If the value cannot be written as JSON; no protocol type can fail that way.
pub fn method_and_params(tagged: &impl Serialize) -> Result<(String, Option<Value>), serde_json::Error> {
    #[derive(Deserialize)]
    struct Tagged {
        method: String,
        params: Option<Value>,
    }
    serde_json::to_value(tagged)
        .and_then(Tagged::deserialize)
        .map(|tagged| (tagged.method, tagged.params))
}

/// The typed request behind `method` and `params`.
///
/// # Errors
/// -32600 with a text that names the unknown method, or what is wrong with the parameters.
pub fn client_request(id: &RequestId, method: &str, params: Option<Value>) -> Result<ClientRequest, Malformed> {
    if !METHODS.contains(&method) {
        let message = format!("unknown method `{method}`; known methods: {}", METHODS.join(", "));
        return Err(Malformed::request(id.clone(), "rpc.unknown_method", message));
    }
    typed(method, params).map_err(|error| Malformed::request(id.clone(), "rpc.invalid_params", format!("Invalid request: {error}")))
}

/// # Errors
/// If this version of the protocol does not know the notification.
pub fn server_notification(method: &str, params: Option<Value>) -> Result<Notification, Malformed> {
    typed(method, params).map_err(|error| Malformed::ignored(format!("notification {method}: {error}")))
}

/// # Errors
/// If this version of the protocol does not know the question; it is then answered with an error.
pub fn server_request(id: &RequestId, method: &str, params: Option<Value>) -> Result<ServerRequest, Malformed> {
    typed(method, params).map_err(|error| Malformed::request(id.clone(), "rpc.unknown_method", format!("{method}: {error}")))
}

fn typed<T: DeserializeOwned>(method: &str, params: Option<Value>) -> Result<T, serde_json::Error> {
    let mut tagged = Map::new();
    tagged.insert("method".to_owned(), json!(method));
    if let Some(params) = params {
        tagged.insert("params".to_owned(), params);
    }
    T::deserialize(Value::Object(tagged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    fn id(number: i64) -> RequestId {
        RequestId::Integer(number)
    }

    #[test]
    fn the_four_shapes() {
        let check = |text: &str, expect: Message| {
            assert_eq!(Message::parse(text.as_bytes()), Ok(expect.clone()), "{text}");
            assert_eq!(serde_json::to_string(&expect).unwrap(), text.replace(r#""jsonrpc":"2.0","#, ""));
        };
        let method = || "m".to_owned();

        check(
            r#"{"id":1,"method":"m","params":{}}"#,
            Message::Request {
                id: id(1),
                method: method(),
                params: Some(json!({})),
            },
        );
        check(
            r#"{"jsonrpc":"2.0","id":"a","method":"m"}"#,
            Message::Request {
                id: RequestId::String("a".into()),
                method: method(),
                params: None,
            },
        );
        check(
            r#"{"method":"m","params":[1],"emittedAtMs":5}"#,
            Message::Notification {
                method: method(),
                params: Some(json!([1])),
                emitted_at_ms: Some(5),
            },
        );
        check(
            r#"{"id":1,"result":null}"#,
            Message::Response {
                id: id(1),
                result: Value::Null,
            },
        );
        check(
            r#"{"id":1,"error":{"code":-32600,"message":"no"}}"#,
            Message::Error {
                id: id(1),
                error: RequestError {
                    code: -32600,
                    message: "no".into(),
                    data: None,
                },
            },
        );
    }

    #[test]
    fn what_is_no_message_gets_no_answer() {
        let check = |text: &str, expect: &str| {
            let malformed = Message::parse(text.as_bytes()).unwrap_err();
            assert_eq!((malformed.id.as_ref(), malformed.error.message.as_str()), (None, expect), "{text}");
        };

        check("[]", "not a JSON object");
        check("7", "not a JSON object");
        check(r#"{"id":null,"method":"m"}"#, "id is neither string nor integer");
        check(r#"{"id":1.5,"method":"m"}"#, "id is neither string nor integer");
        check(r#"{"id":1,"method":3}"#, "method is not a string");
        check(r#"{"id":1}"#, "neither result nor error");
        check(r#"{"params":{}}"#, "neither method nor id");
        assert!(Message::parse(b"{\"id\":").is_err());
    }

    #[test]
    fn a_wrong_request_is_answered_with_what_is_wrong() {
        let check = |method: &str, params: Option<Value>, code: &str, expect: &str| {
            let malformed = client_request(&id(1), method, params).unwrap_err();
            let text = &malformed.error.message;
            assert_eq!(
                (malformed.error.code, malformed.error.stable_code(), malformed.id),
                (-32600, code, Some(id(1)))
            );
            assert!(text.starts_with(expect), "{text}");
        };

        check(
            "thread/strat",
            None,
            "rpc.unknown_method",
            "unknown method `thread/strat`; known methods: initialize, ",
        );
        check("thread/read", None, "rpc.invalid_params", "Invalid request: missing field `params`");
        check(
            "thread/read",
            Some(json!({})),
            "rpc.invalid_params",
            "Invalid request: missing field `threadId`",
        );
        check(
            "thread/read",
            Some(json!({"threadId": 3})),
            "rpc.invalid_params",
            "Invalid request: invalid type",
        );
        assert!(client_request(&id(1), "thread/start", Some(json!({"unknown": 1}))).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in r#"[\[\]{}":,0-9a-z ]{0,60}"#) {
            drop(Message::parse(text.as_bytes()));
        }

        #[test]
        fn what_is_written_is_read_back(number: i64, method in ".{0,20}", text in ".{0,40}") {
            let message = Message::Request { id: id(number), method, params: Some(json!({"text": text})) };
            let line = serde_json::to_string(&message).unwrap();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(Message::parse(line.as_bytes()), Ok(message));
        }
    }
}
