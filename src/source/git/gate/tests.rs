use std::io::{Read, Write};
use std::net::TcpListener as Listener;
use std::net::TcpStream as Stream;

use super::*;
use crate::source::git::{UrlPolicy, allowed_hosts, networks, policy::DENIED};

/// Long enough for a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn policy(loopback: bool, hosts: &str) -> UrlPolicy {
    UrlPolicy::of_tenants(true, loopback, allowed_hosts(hosts).unwrap(), networks(DENIED).unwrap())
}

fn url(text: &str, policy: &UrlPolicy) -> RepositoryUrl {
    RepositoryUrl::parse(text, policy).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A server that says hello to each connection and then gives back what it gets.
fn echo() -> u16 {
    let listener = Listener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(b"hello ");
                let mut reader = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut reader, &mut stream);
            });
        }
    });
    port
}

/// Sends a request and gives all that comes back until the other side closes.
fn asked(address: SocketAddr, request: &str) -> String {
    let mut stream = Stream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn the_proxy_connects_to_its_one_server_for_who_has_its_token() {
    let (port, other) = (echo(), echo());
    let gate = Gate::open(
        &url(&format!("http://localhost:{port}/web"), &policy(true, "")),
        &Limits::default(),
    )
    .unwrap();
    let Proxy { address, token } = gate.route().proxy.clone().unwrap();
    assert!(address.ip().is_loopback());
    let ask = |authority: &str, token: &str| {
        asked(
            address,
            &format!("CONNECT {authority} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Bearer {token}\r\n\r\nme"),
        )
    };
    let answer = ask(&format!("localhost:{port}"), &token);
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nhello me"),
        "{answer}"
    );
    assert!(ask(&format!("localhost:{port}"), "guess").starts_with("HTTP/1.1 407 "));
    for authority in [
        format!("localhost:{other}"),
        format!("127.0.0.1:{port}"),
        "169.254.169.254:80".to_owned(),
    ] {
        assert!(ask(&authority, &token).starts_with("HTTP/1.1 403 "), "{authority}");
    }
    let get = asked(
        address,
        &format!("GET http://localhost:{port}/ HTTP/1.1\r\nProxy-Authorization: Bearer {token}\r\n\r\n"),
    );
    assert!(get.starts_with("HTTP/1.1 403 "), "{get}");
    assert_eq!(gate.failure(), None);
}

#[test]
fn a_gate_ends_with_every_connection_through_it() {
    let port = echo();
    let gate = Gate::open(
        &url(&format!("http://127.0.0.1:{port}/web"), &policy(true, "")),
        &Limits::default(),
    )
    .unwrap();
    let Proxy { address, token } = gate.route().proxy.clone().unwrap();
    let mut stream = Stream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
        .write_all(
            format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: Bearer {token}\r\n\r\n").as_bytes(),
        )
        .unwrap();
    let mut begin = [0; 6];
    while !begin.ends_with(b"hello ") {
        begin.rotate_left(1);
        stream.read_exact(&mut begin[5..]).unwrap();
    }
    drop(gate);
    let mut rest = Vec::new();
    // An end or a reset: the connection is gone.
    assert!(stream.read_to_end(&mut rest).is_err() || rest.is_empty());
    let deadline = std::time::Instant::now() + LONG;
    while Stream::connect(address).is_ok_and(|mut stream| {
        stream.set_read_timeout(Some(LONG)).is_ok() && stream.read(&mut [0]).is_ok_and(|read| read > 0)
    }) {
        assert!(std::time::Instant::now() < deadline, "the port must be closed");
    }
}

#[test]
fn a_server_that_sends_more_than_a_source_may_take_is_cut_off() {
    let listener = Listener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(&[b'x'; 64 * 1024]).is_ok() {}
    });
    let (target, stop) = (
        Target {
            authority: format!("127.0.0.1:{port}"),
            addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
            token: "t".to_owned(),
            connect: LONG,
            lifetime: LONG,
            bytes: 1_000_000,
            failure: Failure::default(),
        },
        CancellationToken::new(),
    );
    let listener = keeper()
        .unwrap()
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let authority = target.authority.clone();
    keeper().unwrap().spawn(serve_http(listener, target, stop.clone()));
    let answer = asked(
        address,
        &format!("CONNECT {authority} HTTP/1.1\r\nProxy-Authorization: Bearer t\r\n\r\n"),
    );
    assert_eq!(answer.matches('x').count(), 1_000_000);
    stop.cancel();
}

#[test]
fn ssh_gets_one_connection_to_the_address_that_was_checked() {
    let port = echo();
    let gate = Gate::open(
        &url(&format!("ssh://git@localhost:{port}/web"), &policy(true, "")),
        &Limits::default(),
    )
    .unwrap();
    let address = gate.route().ssh_address.unwrap();
    assert_eq!(asked(address, "me"), "hello me");
    let again = Stream::connect(address).map(|mut stream| stream.read(&mut [0]).is_ok_and(|read| read > 0));
    assert!(!again.unwrap_or(false), "one session is one connection");
    let person = Gate::open(
        &url(
            &format!("ssh://git@localhost:{port}/web"),
            &UrlPolicy::of_a_person(false),
        ),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(
        *person.route(),
        Route::default(),
        "libssh2 looks for the keys of a name in a person's known_hosts"
    );
}

#[test]
fn an_address_is_refused_before_anything_is_dialled() {
    let port = echo();
    let strict = policy(false, "");
    for host in ["localtest.invalid", "2130706433", "0x7f000001", "127.1"] {
        let outcome = RepositoryUrl::parse(&format!("http://{host}:{port}/web"), &strict)
            .map_err(|error| error.to_string())
            .and_then(|url| {
                Gate::open(&url, &Limits::default())
                    .map(drop)
                    .map_err(|error| format!("{error:?}"))
            });
        assert!(outcome.is_err(), "{host}: {outcome:?}");
    }
    let refused = Gate::open(
        &url(&format!("http://2130706433:{port}/web"), &strict),
        &Limits::default(),
    )
    .unwrap_err();
    assert!(matches!(refused, GitError::RefusedAddress { .. }), "{refused:?}");
    assert!(
        !refused.to_string().contains("127.0.0.1"),
        "a status must not say what a name leads to: {refused}"
    );
    assert_eq!(
        refused.detail().as_deref(),
        Some("it leads to 127.0.0.1, the controller's own machine")
    );
}

#[test]
fn a_name_that_does_not_resolve_and_a_port_that_is_closed_are_told_alike() {
    let closed = Listener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let gate = Gate::open(
        &url(&format!("http://127.0.0.1:{closed}/web"), &policy(true, "")),
        &Limits::default(),
    )
    .unwrap();
    let Proxy { address, token } = gate.route().proxy.clone().unwrap();
    let answer = asked(
        address,
        &format!("CONNECT 127.0.0.1:{closed} HTTP/1.1\r\nProxy-Authorization: Bearer {token}\r\n\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(
        gate.failure()
            .is_some_and(|failure| failure.starts_with(&format!("127.0.0.1:{closed}: ")))
    );
}
