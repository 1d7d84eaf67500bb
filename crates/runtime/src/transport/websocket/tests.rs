use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::*;

const SMALL: Sizes = Sizes {
    message: 1000,
    frame: 100,
};

/// A wire, and the server's end of it. The socket takes `buffer` bytes.
async fn pair(buffer: usize, sizes: Sizes) -> (Wire, WebSocketStream<DuplexStream>) {
    let (near, far) = tokio::io::duplex(buffer);
    let config = WebSocketConfig::default()
        .max_message_size(Some(sizes.message))
        .max_frame_size(Some(sizes.message));
    let near = WebSocketStream::from_raw_socket(near, Role::Client, Some(config)).await;
    let server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    (wire_with(near, "ws://server".to_owned(), sizes), server)
}

/// Everything up to the end, and why it ended.
async fn rest(mut wire: Wire) -> (String, Option<String>) {
    let mut text = Vec::new();
    let read = wire.reader.read_to_end(&mut text).await;
    (
        String::from_utf8(text).unwrap(),
        read.err().map(|error| error.to_string()),
    )
}

#[tokio::test]
async fn messages_are_lines_and_lines_are_messages() {
    let (mut wire, mut server) = pair(1 << 16, SMALL).await;
    wire.writer.write_all(b"{\"a\":1}\n{\"b\":").await.unwrap();
    wire.writer.write_all(b"2}\n").await.unwrap();
    for wanted in ["{\"a\":1}", "{\"b\":2}"] {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::text(wanted));
    }
    server.send(Message::binary(b"{}".to_vec())).await.unwrap();
    server.send(Message::text("{\n\"c\":3\n}")).await.unwrap();
    server.send(Message::Ping("?".into())).await.unwrap();
    server.send(Message::text("{\"d\":4}")).await.unwrap();
    let mut lines = BufReader::new(&mut wire.reader).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "{ \"c\":3 }");
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "{\"d\":4}");
    assert_eq!(
        server.next().await.unwrap().unwrap(),
        Message::Pong("?".into())
    );
}

#[tokio::test]
async fn closing_it_from_here_says_goodbye_and_is_no_failure() {
    let (mut wire, mut server) = pair(1 << 16, SMALL).await;
    wire.writer.write_all(b"last\n").await.unwrap();
    wire.writer = Box::new(tokio::io::sink());
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("last"));
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(server.next().await.is_none_or(|end| end.is_err()));
    drop(server);
    assert_eq!(rest(wire).await, (String::new(), None));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_the_goodbye_is_left() {
    let (mut wire, _server) = pair(1 << 16, SMALL).await;
    wire.writer = Box::new(tokio::io::sink());
    assert_eq!(rest(wire).await, (String::new(), None));
}

#[tokio::test]
async fn the_end_says_why() {
    let (wire, mut server) = pair(1 << 16, SMALL).await;
    server.send(Message::text("before")).await.unwrap();
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: "restarting".into(),
    };
    server.close(Some(frame)).await.unwrap();
    tokio::spawn(async move { while let Some(Ok(_)) = server.next().await {} });
    let said = "ws://server: the server closed the connection (1001: restarting)";
    assert_eq!(
        rest(wire).await,
        ("before\n".to_owned(), Some(said.to_owned()))
    );

    let (wire, server) = pair(1 << 16, SMALL).await;
    drop(server);
    assert_eq!(
        rest(wire).await.1.unwrap(),
        "ws://server: the connection was cut"
    );

    let (wire, mut server) = pair(1 << 16, SMALL).await;
    server.send(Message::text("x".repeat(1001))).await.unwrap();
    let said = "ws://server: a message of the server was longer than 1000 bytes";
    assert_eq!(rest(wire).await.1.unwrap(), said);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_sign_of_life_is_given_up() {
    let (wire, server) = pair(1 << 16, SMALL).await;
    let said = "ws://server: no sign of the server for 45s";
    assert_eq!(rest(wire).await.1.unwrap(), said);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn an_idle_server_that_answers_pings_is_kept() {
    let (mut wire, mut server) = pair(1 << 16, SMALL).await;
    let living = tokio::spawn(async move {
        for _ in 0..20 {
            assert_eq!(
                server.next().await.unwrap().unwrap(),
                Message::Ping("".into())
            );
        }
        server.send(Message::text("still here")).await.unwrap();
        server
    });
    let mut line = String::new();
    BufReader::new(&mut wire.reader)
        .read_line(&mut line)
        .await
        .unwrap();
    assert_eq!(line, "still here\n");
    drop(living.await.unwrap());
}

#[tokio::test]
async fn a_long_message_goes_in_frames_and_one_that_is_too_long_is_answered_here() {
    let (mut wire, mut server) = pair(1 << 16, SMALL).await;
    for length in [0, 1, 99, 100, 101, 200, 999, 1000] {
        let text = "x".repeat(length);
        wire.writer
            .write_all(format!("{text}\n").as_bytes())
            .await
            .unwrap();
        assert_eq!(
            server.next().await.unwrap().unwrap(),
            Message::text(text),
            "{length}"
        );
    }
    let request = format!(
        "{{\"id\":7,\"method\":\"m\",\"params\":\"{}\"}}\n",
        "x".repeat(1000)
    );
    wire.writer.write_all(request.as_bytes()).await.unwrap();
    wire.writer.write_all(b"next\n").await.unwrap();
    let mut line = String::new();
    BufReader::new(&mut wire.reader)
        .read_line(&mut line)
        .await
        .unwrap();
    assert_eq!(
        line,
        "{\"id\":7,\"error\":{\"code\":-32600,\"message\":\"what was to be sent is longer than 1000 bytes\"}}\n"
    );
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("next"));
}

/// Both sides say more than fits anywhere before either listens: nothing is lost and nothing hangs.
#[tokio::test]
async fn a_flood_both_ways_is_held_up_and_arrives_whole() {
    const COUNT: usize = 20_000;
    let (wire, server) = pair(4096, bridge::SIZES).await;
    let (mut sink, mut stream) = server.split();
    let Wire {
        reader,
        mut writer,
        peer,
    } = wire;
    let line = |i: usize| format!("{{\"line\":{i},\"of\":\"{}\"}}", "x".repeat(i % 300));
    let saying = tokio::spawn(async move {
        for i in 0..COUNT {
            sink.send(Message::text(line(i))).await.unwrap();
        }
        sink
    });
    let telling = tokio::spawn(async move {
        for i in 0..COUNT {
            writer
                .write_all(format!("{}\n", line(i)).as_bytes())
                .await
                .unwrap();
        }
        writer
    });
    let hearing = tokio::spawn(async move {
        for i in 0..COUNT {
            assert_eq!(
                stream.next().await.unwrap().unwrap(),
                Message::text(line(i))
            );
        }
        stream
    });
    let mut lines = BufReader::new(reader).lines();
    for i in 0..COUNT {
        assert_eq!(lines.next_line().await.unwrap().unwrap(), line(i));
    }
    let ends = (
        saying.await.unwrap(),
        telling.await.unwrap(),
        hearing.await.unwrap(),
    );
    drop((ends, peer));
}

#[test]
fn a_token_is_never_shown() {
    let spec = WebSocketSpec::url("ws://h:1").with_token("hush hush\n");
    assert!(
        !format!(
            "{spec:?} {:?}",
            crate::transport::Transport::WebSocket(spec.clone())
        )
        .contains("hush")
    );
    let request = request(&spec, Uri::from_static("ws://h:1")).unwrap();
    assert!(!format!("{request:?}").contains("hush"));
    assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer hush hush");
    assert!(!request.headers().contains_key(header::ORIGIN));
    let odd = WebSocketSpec::url("ws://h:1").with_token("hush\nhush");
    let refused = super::request(&odd, Uri::from_static("ws://h:1"))
        .unwrap_err()
        .to_string();
    assert!(!refused.contains("hush"), "{refused}");
}

#[test]
fn addresses() {
    let check = |url: &str, wanted: &str| {
        let found = match Target::parse(url) {
            Ok(target) => format!("{} {} {}", target.host, target.port, target.secure),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, wanted, "for {url}");
    };
    check("ws://127.0.0.1:4500", "127.0.0.1 4500 false");
    check("ws://[::1]:4500/path", "::1 4500 false");
    check("wss://build.example", "build.example 443 true");
    check("ws://build.example", "build.example 80 false");
    check(
        "http://h",
        "\"http://h\" cannot be used: it begins neither with ws:// nor with wss://",
    );
    check(
        "h:4500",
        "\"h:4500\" cannot be used: it begins neither with ws:// nor with wss://",
    );
    check("ws://", "\"ws://\" cannot be used: it is no address");
    check("", "\"\" cannot be used: it is no address");
    for secret in ["ws://me:hush@h", "wss://h/?token=hush"] {
        let said = Target::parse(secret).unwrap_err().to_string();
        assert!(
            said.contains("give a token") && !said.contains("hush"),
            "{said}"
        );
    }
}

/// A server with a certificate of its own making.
async fn secure_server(name: &str) -> (u16, tls::Roots) {
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate leaves here.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut socket = accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
        }
    });
    let mut roots = tls::Roots::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (port, roots)
}

#[tokio::test]
async fn a_secure_connection_needs_a_certificate_that_is_trusted_and_for_this_name() {
    let (port, roots) = secure_server("localhost").await;
    let url = format!("wss://localhost:{port}");
    let dial = async || TcpStream::connect(("127.0.0.1", port)).await.unwrap();

    let stream = tls::connect(dial().await, "localhost", roots.clone())
        .await
        .unwrap();
    let request = request(&WebSocketSpec::url(&url), url.parse().unwrap()).unwrap();
    let (socket, _) = client_async_with_config(request, stream, None)
        .await
        .unwrap();
    let mut wire = wire(socket, url.clone());
    wire.writer.write_all(b"echo\n").await.unwrap();
    let mut line = String::new();
    BufReader::new(&mut wire.reader)
        .read_line(&mut line)
        .await
        .unwrap();
    assert_eq!(line, "echo\n");

    let other = tls::connect(dial().await, "other.example", roots).await;
    assert!(
        other
            .unwrap_err()
            .to_string()
            .contains("not valid for name")
    );
    let untrusted = open(&WebSocketSpec::url(&url)).await.err().unwrap();
    assert!(
        matches!(untrusted, SpawnError::Insecure { .. }),
        "{untrusted}"
    );
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let plain = open(&WebSocketSpec::url(format!("wss://127.0.0.1:{port}")))
        .await
        .err()
        .unwrap();
    assert!(matches!(plain, SpawnError::Insecure { .. }), "{plain}");
}

#[tokio::test]
async fn what_cannot_be_reached_or_is_no_app_server_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for answer in [
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\n\r\nno such page",
            "hello\r\n\r\n",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 2000];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET / HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        drop(listener);
    });
    let spec = WebSocketSpec::url(&url);
    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(open(&spec).await.err().unwrap());
    }
    assert!(
        matches!(&said[0], SpawnError::Unauthorized { status: 403, said, .. } if said == "Forbidden"),
        "{said:?}"
    );
    assert!(
        said[1]
            .to_string()
            .ends_with("is no app-server: HTTP 404: no such page"),
        "{said:?}"
    );
    assert!(
        matches!(&said[2], SpawnError::NotAppServer { .. }),
        "{said:?}"
    );
    assert!(
        matches!(&said[3], SpawnError::Unreachable { .. }),
        "{said:?}"
    );
    #[cfg(unix)]
    {
        let gone = open(&WebSocketSpec::unix("/nonexistent/socket"))
            .await
            .err()
            .unwrap();
        assert!(matches!(gone, SpawnError::Unreachable { .. }), "{gone}");
    }
}
